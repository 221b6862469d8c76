import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clientHello, records } from "./client-hello.fixture.ts";
import { MAX_HELLO_BYTES, readClientHello } from "./client-hello.ts";

const named = (serverName: string | null, hidesName = false) => ({ state: "hello", serverName, hidesName });

/** What Node's own client says first. */
async function realHello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", servername });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket];
  const [bytes] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

test("the name is read out of the greeting of a real client, with and without one", async () => {
  expect(readClientHello(await realHello("registry.npmjs.org"))).toEqual(named("registry.npmjs.org"));
  expect(readClientHello(await realHello(""))).toEqual(named(null));
});

test("however a greeting is cut, all before its end asks for more and its end tells the same", async () => {
  const message = (await realHello("registry.npmjs.org")).subarray(5);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: message.length }), (recordBytes) => {
      const bytes = records(message, recordBytes);
      expect(readClientHello(bytes)).toEqual(named("registry.npmjs.org"));
      const cut = (recordBytes * 31) % bytes.length;
      expect(readClientHello(bytes.subarray(0, cut))).toEqual({ state: "more" });
    }),
    { numRuns: 50 },
  );
});

test("what two readers could understand differently is refused", () => {
  const refused = { state: "not_tls" };
  expect(readClientHello(clientHello({ names: ["good.example"] }))).toEqual(named("good.example"));
  const wrong = {
    "two name extensions": clientHello({ names: ["good.example", "evil.example"] }),
    "two names in one": clientHello({ names: [["good.example", "evil.example"]] }),
    "a name of another kind": clientHello({
      extensions: [[0, Buffer.from("00060100036162 63".replace(" ", ""), "hex")]],
    }),
    "an empty list of names": clientHello({ extensions: [[0, Buffer.of(0, 0)]] }),
    "bytes after the extensions": clientHello({ names: ["good.example"], after: Buffer.of(0) }),
    "an extension longer than the rest": clientHello({ names: ["good.example"], after: Buffer.of(0, 0, 0, 9) }),
    "a second message in the same record": records(
      Buffer.concat([
        clientHello({ names: ["good.example"] }).subarray(5),
        clientHello({ names: ["evil.example"] }).subarray(5),
      ]),
    ),
    "a record that goes on after it": withRecordLength(clientHello({ names: ["good.example"] }), 200),
    "another message first": records(Buffer.of(2, 0, 0, 1, 0)),
    "an empty record in between": Buffer.concat([Buffer.of(22, 3, 1, 0, 0), clientHello({ names: ["good.example"] })]),
    "another record in between": Buffer.concat([
      clientHello({ names: ["good.example"], recordBytes: 20 }).subarray(0, 25),
      Buffer.of(23, 3, 3, 0, 1, 0),
    ]),
    "a version of long ago": Buffer.from("802e010002001500000010", "hex"),
    "no TLS at all": Buffer.from("GET / HTTP/1.1\r\n"),
  };
  expect(Object.entries(wrong).map(([what, bytes]) => [what, readClientHello(bytes)])).toEqual(
    Object.keys(wrong).map((what) => [what, refused]),
  );
});

/** The same bytes in a record that says it is longer. */
function withRecordLength(bytes: Buffer, length: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt16BE(length, 3);
  return changed;
}

test("a greeting that can hide its name says so", () => {
  for (const type of [0xfe0d, 0xffce]) {
    const hello = clientHello({ names: ["good.example"], extensions: [[type, Buffer.alloc(40)]] });
    expect(readClientHello(hello)).toEqual(named("good.example", true));
  }
});

test("a greeting that promises to be huge is refused before it comes", () => {
  const length = MAX_HELLO_BYTES + 1;
  const beginning = Buffer.of(22, 3, 1, 0x40, 0, 1, 0, length >> 8, length & 0xff);
  expect(readClientHello(beginning)).toEqual({ state: "not_tls" });
  expect(readClientHello(Buffer.of(22, 3, 1, 0xff, 0xff))).toEqual({ state: "not_tls" });
});

test("no bytes break the reader, and none of a changed greeting lead it beyond its end", () => {
  const good = clientHello({ names: ["good.example"], extensions: [[43, Buffer.of(2, 3, 4)]] });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(good.length - 1), fc.nat(255), (noise, at, value) => {
      expect(["more", "not_tls", "hello"]).toContain(readClientHello(Buffer.from(noise)).state);
      const changed = Buffer.from(good);
      changed[at] = value;
      expect(["more", "not_tls", "hello"]).toContain(readClientHello(changed).state);
    }),
    { numRuns: 3_000 },
  );
});
