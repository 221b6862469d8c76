/**
 * A real git server for tests: `git http-backend`, the program behind most self-made git hosting, under a small HTTP
 * server with basic auth. It can be told to misbehave in the ways networks do: refuse, break off, or swallow the answer
 * of a push that has already landed.
 */
import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a user of the server may do. */
export interface GitUser {
  readonly password: string;
  /** Only these repositories (paths such as `acme/app.git`); others are 404, as on GitHub. Default: all. */
  readonly sees?: readonly string[];
  /** Default: true. */
  readonly mayPush?: boolean;
}

/** One request as it came in. */
export interface GitRequest {
  readonly method: string;
  readonly path: string;
  readonly user: string | null;
  readonly authorization: string | null;
  /** Bytes of the body, if the client said so. */
  readonly length: number | null;
}

/** A running server. */
export interface GitHttpServer {
  /** Such as `http://127.0.0.1:40123`; a repository is at `<url>/<path below dir>`. */
  readonly url: string;
  readonly requests: readonly GitRequest[];
  /**
   * Called before each request; an answer is sent instead of git's. `drop` cuts the connection, `hang` never answers.
   */
  intercept:
    | ((
        request: GitRequest,
      ) => { readonly status: number; readonly body?: string } | "drop" | "hang" | "swallow_answer" | null)
    | null;
  readonly stop: () => Promise<void>;
}

/** Serves every bare repository below `dir`. Without `users` anybody may read and push. */
export async function startGitHttpServer(options: {
  readonly dir: string;
  readonly users?: Readonly<Record<string, GitUser>>;
  /** Repositories that need no login to be read. */
  readonly publicRepos?: readonly string[];
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
}): Promise<GitHttpServer> {
  const { host = "127.0.0.1" } = options;
  const requests: GitRequest[] = [];
  const sockets = new Set<Socket>();
  const running = new Set<Promise<void>>();
  const users = new Map(Object.entries(options.users ?? {}));

  const handle = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? "/", "http://server");
    const repo = url.pathname
      .replace(/^\//, "")
      .replace(/\/(?:info\/refs|git-upload-pack|git-receive-pack|HEAD|objects\/.*)$/, "");
    const login = readLogin(incoming.headers.authorization);
    const request: GitRequest = {
      method: incoming.method ?? "GET",
      path: url.pathname + url.search,
      user: login?.user ?? null,
      authorization: incoming.headers.authorization ?? null,
      length: incoming.headers["content-length"] === undefined ? null : Number(incoming.headers["content-length"]),
    };
    requests.push(request);
    const orders = server.intercept?.(request) ?? null;
    if (orders === "drop") {
      incoming.socket.destroy();
      return;
    }
    if (orders === "hang") {
      // The connection ends with the client or with this server.
      incoming.resume();
      return;
    }
    if (orders !== null && orders !== "swallow_answer") {
      answer.writeHead(orders.status, { "content-type": "text/plain" }).end(orders.body ?? "");
      return;
    }
    if (users.size > 0) {
      const user = login === null ? undefined : users.get(login.user);
      const known = user !== undefined && user.password === login?.password;
      const isPush = url.pathname.endsWith("git-receive-pack") || url.search.includes("git-receive-pack");
      const isPublic = options.publicRepos?.includes(repo) === true && !isPush;
      if (!known && !isPublic) {
        answer.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end("login needed\n");
        return;
      }
      if (known && user.sees !== undefined && !user.sees.includes(repo)) {
        answer.writeHead(404, { "content-type": "text/plain" }).end("Repository not found.\n");
        return;
      }
      if (known && isPush && user.mayPush === false) {
        answer.writeHead(403, { "content-type": "text/plain" }).end("Write access to repository not granted.\n");
        return;
      }
    }
    await runBackend(options.dir, incoming, url, login?.user ?? "anonymous", answer, orders === "swallow_answer");
  };

  const http = createServer((incoming, answer) => {
    const work = handle(incoming, answer).catch((error: unknown) => {
      if (!answer.headersSent) answer.writeHead(500).end(String(error));
      else answer.destroy();
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  });
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, host, resolve));
  const { port } = http.address() as AddressInfo;
  const server: GitHttpServer = {
    url: `http://${host}:${port}`,
    requests,
    intercept: null,
    stop: async () => {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, ...running]);
    },
  };
  return server;
}

function readLogin(header: string | undefined): { user: string; password: string } | null {
  const encoded = /^Basic (.+)$/.exec(header ?? "")?.[1];
  if (encoded === undefined) return null;
  const [user = "", ...rest] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return { user, password: rest.join(":") };
}

/** One CGI call. Resolves when the program has ended, so that nothing is left running after `stop`. */
function runBackend(
  dir: string,
  incoming: IncomingMessage,
  url: URL,
  user: string,
  answer: ServerResponse,
  swallowAnswer: boolean,
): Promise<void> {
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      GIT_PROJECT_ROOT: dir,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      // Pushing is this server's own decision, taken above; folders made by a test may belong to another user.
      GIT_CONFIG_COUNT: "2",
      GIT_CONFIG_KEY_0: "http.receivepack",
      GIT_CONFIG_VALUE_0: "true",
      GIT_CONFIG_KEY_1: "safe.directory",
      GIT_CONFIG_VALUE_1: "*",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: incoming.method ?? "GET",
      CONTENT_TYPE: incoming.headers["content-type"] ?? "",
      ...(incoming.headers["content-length"] === undefined
        ? {}
        : { CONTENT_LENGTH: incoming.headers["content-length"] }),
      ...(incoming.headers["content-encoding"] === undefined
        ? {}
        : { HTTP_CONTENT_ENCODING: incoming.headers["content-encoding"] }),
      ...(typeof incoming.headers["git-protocol"] === "string"
        ? { GIT_PROTOCOL: incoming.headers["git-protocol"] }
        : {}),
      REMOTE_USER: user,
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => {});
  incoming.pipe(child.stdin);
  // Whole, and maybe still on its way into the program: that goes on. Broken off: git would wait for the rest for ever,
  // with a processor to itself.
  incoming.on("close", () => {
    if (!incoming.complete) child.kill("SIGKILL");
  });

  let head = Buffer.alloc(0);
  let inBody = false;
  child.stdout.on("data", (chunk: Buffer) => {
    if (swallowAnswer) return;
    if (inBody) {
      answer.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    inBody = true;
    const fields = head.subarray(0, end).toString("latin1").split("\r\n");
    let status = 200;
    for (const field of fields) {
      const [name = "", value = ""] = field.split(/:\s*/, 2);
      if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
      else answer.setHeader(name, value);
    }
    answer.writeHead(status);
    answer.write(head.subarray(end + 4));
  });
  return new Promise((resolve) => {
    child.once("error", () => {
      answer.destroy();
      resolve();
    });
    child.once("close", () => {
      // The push has landed by now; the client never learns of it.
      if (swallowAnswer) incoming.socket.destroy();
      else answer.end();
      resolve();
    });
  });
}
