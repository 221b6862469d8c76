/**
 * E-mail, by SMTP. Plain text only, so nothing in it can be markup; what goes into headers is one line of our own words.
 * The connection is made under the guard and handed to nodemailer, which looks up nothing and opens nothing itself.
 */

import type { SMTPTransportOptions } from "nodemailer";
import { guardedConnect } from "../../guard/connect.ts";
import type { Guard } from "../../guard/guard.ts";
import { cleanLine, cutLine } from "../../sources/clean-text.ts";
import { type Message, plainText, type Sender, type Sent } from "../message.ts";
import type { SettingsOf } from "../notify-settings.ts";
import { shown, TIMEOUT_MS } from "../post.ts";

const SUBJECT_CHARS = 150;

export interface EmailOptions {
  readonly settings: SettingsOf<"email">;
  readonly password: string | null;
  readonly guard: Guard;
}

export function createEmail({ settings, password, guard }: EmailOptions): Sender {
  const { host, port, user } = settings;
  const tls = settings.tls ?? (port === 465 ? "always" : "starttls");
  // The operator wrote this address: it may be private.
  const trusting: Guard = { ...guard, refusal: () => null };
  const secrets = password === null ? [] : [password];

  async function deliver(message: Message, signal: AbortSignal): Promise<string> {
    // Loaded only by servers that send mail.
    const { default: nodemailer } = await import("nodemailer");
    const socket = await guardedConnect(trusting, { host, port }, signal);
    const giveUp = (): void => void socket.destroy();
    signal.addEventListener("abort", giveUp, { once: true });
    const options: SMTPTransportOptions = {
      host: host.replace(/^\[|\]$/g, ""),
      port,
      secure: tls === "always",
      requireTLS: tls === "starttls",
      ignoreTLS: tls === "never",
      tls: { minVersion: "TLSv1.2", ...(guard.ca === undefined ? {} : { ca: guard.ca }) },
      connection: socket,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...(user === undefined || password === null ? {} : { auth: { user, pass: password } }),
    };
    const transport = nodemailer.createTransport(options);
    try {
      const info = await transport.sendMail(mailOf(message, settings));
      return info.response;
    } finally {
      signal.removeEventListener("abort", giveUp);
      transport.close();
      socket.destroy();
    }
  }

  return {
    type: "email",
    async send(message, given): Promise<Sent> {
      const signal = AbortSignal.any([given, AbortSignal.timeout(TIMEOUT_MS)]);
      try {
        return { ok: true, said: shown(await deliver(message, signal), secrets) };
      } catch (error) {
        const why = signal.aborted
          ? `no answer within ${TIMEOUT_MS / 1_000} s`
          : error instanceof Error
            ? error.message
            : "";
        const answered = error instanceof Error && "responseCode" in error && typeof error.responseCode === "number";
        const refused = error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
        const text = shown(`${host}:${port}: ${why}`, secrets);
        return { ok: false, message: text, retryAfterMs: null, maybe: !answered && !refused };
      }
    },
  };
}

/** The message for nodemailer, which writes headers and encodings. */
export function mailOf(message: Message, { from, to }: Pick<SettingsOf<"email">, "from" | "to">) {
  return {
    from: { name: "Hive", address: from },
    to: to.map((address) => ({ name: "", address })),
    subject: cutLine(cleanLine(`Hive: ${message.title}`), SUBJECT_CHARS),
    text: `${plainText(message)}\n`,
    messageId: `<${message.id}@${from.slice(from.lastIndexOf("@") + 1)}>`,
    date: new Date(message.at),
    // No holiday replies.
    headers: { "auto-submitted": "auto-generated" },
  };
}
