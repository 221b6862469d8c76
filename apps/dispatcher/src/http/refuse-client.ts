/** Clients that never get as far as a request. */

import type { Socket } from "node:net";

/** What is not HTTP, or too slow to be: answered once, in a word, and cut. */
export function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const [status, title] =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? ["408 Request Timeout", "The request did not arrive in time"]
      : error.code === "HPE_HEADER_OVERFLOW"
        ? ["431 Request Header Fields Too Large", "The headers are too large"]
        : ["400 Bad Request", "This is not HTTP"];
  const code = Number.parseInt(status, 10);
  const body = JSON.stringify({
    type: "urn:hive:error:bad_request",
    title,
    status: code,
    code: "bad_request",
    detail: title,
    // What broke is this connection: the same request may well arrive whole on another.
    retry: true,
  });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/problem+json\r\nx-content-type-options: nosniff\r\n` +
      `connection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
