/** A mail server of somebody else's: takes what is sent over real SMTP, and refuses what it is told to refuse. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface MailServer {
  readonly port: number;
  /** Each message as it came: headers, an empty line, the body. */
  readonly mails: readonly string[];
  stop(): Promise<void>;
}

export interface MailServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** The one user that may send, and a certificate: then nothing is taken without both. Default: anybody, in the clear. */
  readonly login?: { readonly user: string; readonly password: string; readonly cert: string; readonly key: string };
  /** TLS from the first byte on. Default: STARTTLS. */
  readonly secure?: boolean;
  /** Refuses a message with this answer. Default: none. */
  readonly refuse?: () => string | null;
}

/** Starts it on loopback. */
export async function startMailServer({
  port = 0,
  login,
  secure = false,
  refuse,
}: MailServerOptions = {}): Promise<MailServer> {
  const mails: string[] = [];
  const options: SMTPServerOptions = {
    secure,
    authOptional: login === undefined,
    hideSTARTTLS: login === undefined,
    disabledCommands: login === undefined ? ["AUTH", "STARTTLS"] : [],
    ...(login === undefined ? {} : { cert: login.cert, key: login.key }),
    onAuth(auth, _session, callback) {
      if (login !== undefined && auth.username === login.user && auth.password === login.password)
        callback(null, { user: login.user });
      else callback(new Error(`${auth.username} with ${auth.password} is nobody here`));
    },
    onData(stream, _session, callback) {
      let text = "";
      stream.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8");
      });
      stream.on("end", () => {
        const why = refuse?.() ?? null;
        if (why !== null) return callback(Object.assign(new Error(why), { responseCode: 451 }));
        mails.push(text);
        callback(null, "taken");
      });
    },
  };
  const server = new SMTPServer(options);
  // A client that hangs up, or does not trust the certificate, is no trouble of ours.
  server.on("error", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
      }),
  };
}
