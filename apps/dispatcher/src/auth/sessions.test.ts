import { expect, it } from "vitest";
import { HandClock } from "../queue/queue.fixture.ts";
import { createSessions, SESSION_MS, type SessionOptions } from "./sessions.ts";

const TOKEN = "owner-token-for-tests-0123456789";
const OTHER = "owner-token-for-tests-9876543210";
const SECRET = new Uint8Array(32).fill(7);

function sessionsOf(options: Partial<SessionOptions> = {}) {
  return createSessions({ tokens: [TOKEN], secret: SECRET, isSecure: false, clock: new HandClock(), ...options });
}

const header = ({ cookie, value }: { readonly cookie: string; readonly value: string }): string => `${cookie}=${value}`;

it("a session is found in its cookie, among others, and says when it ends", () => {
  const clock = new HandClock();
  const sessions = sessionsOf({ clock });
  const session = sessions.open(TOKEN);
  expect(session.until).toBe(clock.wall() + SESSION_MS);
  expect(sessions.find(header(session))).toBe(session.until);
  expect(sessions.find(`theme=dark; ${header(session)};a=b=c`)).toBe(session.until);
  expect(sessions.find(`${session.cookie}=planted by a neighbour; ${header(session)}`)).toBe(session.until);
});

it("it ends at its end, to the millisecond", async () => {
  const clock = new HandClock();
  const sessions = sessionsOf({ clock });
  const session = sessions.open(TOKEN);
  await clock.pass(SESSION_MS - 1);
  expect(sessions.find(header(session))).toBe(session.until);
  await clock.pass(1);
  expect(sessions.find(header(session))).toBeNull();
});

it("no changed character of it is taken", () => {
  const sessions = sessionsOf();
  const { cookie, value } = sessions.open(TOKEN);
  for (let at = 0; at < value.length; at += 1) {
    const changed = value.slice(0, at) + (value[at] === "1" ? "2" : "1") + value.slice(at + 1);
    expect([at, sessions.find(`${cookie}=${changed}`)]).toEqual([at, null]);
  }
});

it.each([
  ["nothing", undefined],
  ["an empty header", ""],
  ["no pairs", ";;; =;=a; b"],
  ["an empty value", "COOKIE="],
  ["a later end", "COOKIE=1.99999999999999.RANDOM.MAC"],
  ["an end that is no number", "COOKIE=1.1e15.RANDOM.MAC"],
  ["an end of another kind", "COOKIE=1.-1.RANDOM.MAC"],
  ["another version", "COOKIE=2.UNTIL.RANDOM.MAC"],
  ["no signature", "COOKIE=1.UNTIL.RANDOM."],
  ["a signature cut short", "COOKIE=1.UNTIL.RANDOM.SHORT"],
  ["more behind it", "COOKIE=1.UNTIL.RANDOM.MAC.more"],
  ["letters that look alike", "COOKIE=1.UNTIL.RANDOM.\u00c9\u00c9"],
  ["quotes around it", 'COOKIE="1.UNTIL.RANDOM.MAC"'],
  ["another name", "hive-000000000000=1.UNTIL.RANDOM.MAC"],
])("it is not found in %s", (_, text) => {
  const sessions = sessionsOf();
  const { cookie, value } = sessions.open(TOKEN);
  const [, until = "", random = "", mac = ""] = value.split(".");
  const filled = text
    ?.replace("COOKIE", cookie)
    .replace("UNTIL", until)
    .replace("RANDOM", random)
    .replace("SHORT", mac.slice(1))
    .replace("MAC", mac);
  expect(sessions.find(filled)).toBeNull();
});

it("a restart and another dispatcher of the same Hive take it; another Hive with the same token does not", () => {
  const session = sessionsOf().open(TOKEN);
  expect(sessionsOf().find(header(session))).toBe(session.until);
  const foreign = sessionsOf({ secret: new Uint8Array(32).fill(8) });
  expect(foreign.find(header(session))).toBeNull();
  // Not even by the name: both may run on one machine.
  expect(foreign.open(TOKEN).cookie).not.toBe(session.cookie);
});

it("a session of one of several tokens lives as long as that token, wherever in the list it stands", () => {
  const both = sessionsOf({ tokens: [TOKEN, OTHER] });
  const [first, second] = [both.open(TOKEN), both.open(OTHER)];
  expect(first.cookie).not.toBe(second.cookie);
  const swapped = sessionsOf({ tokens: [OTHER, TOKEN] });
  expect([swapped.find(header(first)), swapped.find(header(second))]).toEqual([first.until, second.until]);
  const after = sessionsOf({ tokens: [OTHER] });
  expect([after.find(header(first)), after.find(header(second))]).toEqual([null, second.until]);
  // The value of the one under the name of the other.
  expect(both.find(`${second.cookie}=${first.value}`)).toBeNull();
});

it("of several that count the longest does", async () => {
  const clock = new HandClock();
  const sessions = sessionsOf({ clock });
  const early = sessions.open(TOKEN);
  await clock.pass(1_000);
  const late = sessions.open(TOKEN);
  expect(sessions.find(`${header(late)}; ${header(early)}`)).toBe(late.until);
});

it("no two have the same value, and none is opened for a token of nobody", () => {
  const sessions = sessionsOf();
  expect(sessions.open(TOKEN).value).not.toBe(sessions.open(TOKEN).value);
  expect(() => sessions.open(OTHER)).toThrow("a token of this server");
});

it("nothing of a token is in it", () => {
  const { cookie, value } = sessionsOf().open(TOKEN);
  expect(cookie).toMatch(/^hive-[0-9a-f]{12}$/);
  expect(value).toMatch(/^1\.\d{13}\.[\w-]{22}\.[\w-]{43}$/);
  expect(cookie + value).not.toContain(TOKEN.slice(0, 5));
});

it("over TLS the browser keeps it to TLS and to this very host", () => {
  const secure = sessionsOf({ isSecure: true });
  expect(secure.open(TOKEN).cookie).toMatch(/^__Host-hive-[0-9a-f]{12}$/);
  expect(secure.attributes).toBe("Path=/; HttpOnly; SameSite=Strict; Secure");
  expect(sessionsOf().attributes).toBe("Path=/; HttpOnly; SameSite=Strict");
});

it("the names of its cookies are told only to who has them", () => {
  const sessions = sessionsOf({ tokens: [TOKEN, OTHER] });
  const { cookie } = sessions.open(OTHER);
  expect(sessions.namesIn(undefined)).toEqual([]);
  expect(sessions.namesIn("a=b; hive-000000000000=x")).toEqual([]);
  expect(sessions.namesIn(`a=b; ${cookie}=whatever; ${cookie}=twice`)).toEqual([cookie]);
});
