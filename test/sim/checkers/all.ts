/** All checkers, by the promise they hold. */

import type { Checker, Seen } from "./checker.ts";
import { nothingIsLost, nothingIsStuck } from "./i1-nothing-lost.ts";
import { oneIdOneJob } from "./i2-one-job.ts";
import { oneEnd } from "./i3-one-end.ts";
import { leasesApart } from "./i4-leases-apart.ts";
import { oldFencesWriteNothing } from "./i5-old-fences.ts";
import { commentsAreHeard } from "./i11-comments.ts";
import { candidatesAreChosenFrom } from "./i13-candidates.ts";
import { everybodyIsCalledBack } from "./i6-callbacks.ts";
import { oneJobPerSlot } from "./i7-slots.ts";
import { groupsAreRight } from "./i14-groups.ts";
import { limitsHold } from "./i8-limits.ts";
import { budgetsHold } from "./i8-money.ts";
import { countsHold } from "./i9-counts.ts";
import { quotasCostNothing } from "./i12-parked.ts";
import { onlyTheOldIsForgotten } from "./kept.ts";
import { readsAreLinear } from "./linear-reads.ts";
import { nothingIsTakenBack } from "./nothing-taken-back.ts";

const CHECKERS: readonly Checker[] = [
  nothingIsLost,
  oneIdOneJob,
  oneEnd,
  leasesApart,
  oldFencesWriteNothing,
  everybodyIsCalledBack,
  oneJobPerSlot,
  groupsAreRight,
  limitsHold,
  budgetsHold,
  countsHold,
  commentsAreHeard,
  candidatesAreChosenFrom,
  quotasCostNothing,
  nothingIsStuck,
  nothingIsTakenBack,
  readsAreLinear,
  onlyTheOldIsForgotten,
];

/** Every broken promise, in words. */
export function check(seen: Seen): readonly string[] {
  return CHECKERS.flatMap((checker) => checker(seen));
}
