/**
 * Files that an agent's program wants in its home before it starts: settings, words of the operator. They are written
 * by the job's own user in the moment before the program takes its place, never by the supervisor, to which nothing in
 * that home is what it seems.
 */

// Pairs of path and content up to "--", then the program. Only the paths below are shell text, and they are ours.
const WRITE_THEN_RUN = `umask 077
while [ "$1" != -- ]; do
  mkdir -p -- "$(dirname -- "$1")" && printf %s "$2" >"$1" || exit 126
  shift 2
done
shift
exec "$@"`;

/** The command with these files (absolute path, content) written first. No content may be larger than 100 KiB. */
export function withFiles(
  files: Readonly<Record<string, string>>,
  argv: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  const pairs = Object.entries(files).flat();
  return pairs.length === 0 ? argv : ["/bin/sh", "-c", WRITE_THEN_RUN, "hive-agent", ...pairs, "--", ...argv];
}
