/** A real nginx that serves the files of a folder, with what a test adds to its configuration. */

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Peer, startPeer } from "./peer-program.ts";

export interface NginxServer extends Peer {
  readonly url: string;
  /** Writes a file that it serves below `/`. */
  write(name: string, content: string | Buffer): void;
  /** Its access log: `GET /feed.xml 304`, a line for each request. */
  log(): readonly string[];
}

/**
 * Starts it on a free port of loopback, in one process.
 * @param locations more of its `server` block, such as `location /moved { return 302 /feed.xml; }`
 */
export async function startNginx(locations = ""): Promise<NginxServer> {
  const folder = mkdtempSync(join(tmpdir(), "hive-nginx-"));
  const files = join(folder, "files");
  const log = join(folder, "access.log");
  mkdirSync(files);
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(log, "");
  writeFileSync(
    join(folder, "nginx.conf"),
    `
daemon off;
master_process off;
pid ${join(folder, "nginx.pid")};
error_log stderr notice;
events { worker_connections 64; }
http {
  ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join("\n  ")}
  types { application/rss+xml xml; application/feed+json json; }
  log_format short '$request_method $uri $status';
  access_log ${log} short;
  server {
    listen 127.0.0.1:${port};
    root ${files};
    ${locations}
  }
}
`,
  );
  const peer = await startPeer({
    folder,
    command: ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"],
    isReady: (printed) => printed.includes("start worker process") || /using the "\w+" event method/.test(printed),
  });
  return {
    ...peer,
    url: `http://127.0.0.1:${port}`,
    write: (name, content) => writeFileSync(join(files, name), content),
    log: () =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
  };
}
