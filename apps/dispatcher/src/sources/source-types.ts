/** Every type of source, in one list. A new one is a folder beside this file and a line here. */

import { alertmanager } from "./alertmanager/alertmanager.ts";
import { anyType, type AnySourceType } from "./configured-type.ts";
import { feed } from "./feed/feed.ts";
import { generic } from "./generic/generic.ts";
import { githubType } from "./github/github.ts";
import { grafanaType } from "./grafana/grafana.ts";
import { logfile } from "./logfile/logfile.ts";
import { sentryType } from "./sentry/sentry.ts";
import { prometheus } from "./prometheus/prometheus.ts";

/** The types that `type:` of a source may name. */
export const SOURCE_TYPES: readonly AnySourceType[] = [
  anyType(alertmanager),
  anyType(feed),
  anyType(generic),
  anyType(githubType),
  anyType(grafanaType),
  anyType(logfile),
  anyType(sentryType),
  anyType(prometheus),
];
