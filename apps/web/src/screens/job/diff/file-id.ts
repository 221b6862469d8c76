/** The anchor of a file of the diff. */
export function fileId(at: number): string {
  return `file-${at}`;
}
