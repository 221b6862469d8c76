import { expect, test } from "vitest";
import { isPublicAddress, parseAllowList } from "./addresses.ts";

const SPECIAL = [
  ["127.0.0.1", "loopback"],
  ["127.1", "loopback, short"],
  ["2130706433", "loopback, decimal"],
  ["0x7f000001", "loopback, hexadecimal"],
  ["0.0.0.0", "this host"],
  ["0.1.2.3", "this network"],
  ["10.1.2.3", "private"],
  ["172.16.0.1", "private"],
  ["192.168.1.1", "private"],
  ["169.254.169.254", "link-local, cloud metadata"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["100.127.255.255", "carrier-grade NAT"],
  ["192.0.0.8", "IETF protocol assignments"],
  ["192.0.2.1", "documentation"],
  ["198.18.0.1", "benchmarking"],
  ["224.0.0.1", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["::ffff:127.0.0.1", "mapped loopback"],
  ["::ffff:7f00:1", "mapped loopback, hexadecimal"],
  ["::ffff:10.0.0.1", "mapped private"],
  ["::ffff:0:127.0.0.1", "translated"],
  ["64:ff9b::7f00:1", "NAT64"],
  ["64:ff9b:1::1", "local NAT64"],
  ["2002:7f00:1::", "6to4"],
  ["2001:0:7f00:1::1", "Teredo"],
  ["2001:db8::1", "documentation"],
  ["fd00::1", "unique local"],
  ["fe80::1%eth0", "link-local with a zone"],
  ["fec0::1", "site local"],
  ["ff02::1", "multicast"],
  ["4000::1", "not given out"],
  ["not an address", "no address"],
] as const;

for (const [address, kind] of SPECIAL) {
  test(`${address} (${kind}) is not public`, () => {
    expect(isPublicAddress(address)).toBe(false);
  });
}

for (const address of ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"]) {
  test(`${address} is public`, () => {
    expect(isPublicAddress(address)).toBe(true);
  });
}

test("an allow list of both families includes exactly its ranges", () => {
  const list = parseAllowList(["10.0.0.0/8", " fd00::/8 ", "127.0.0.1", ""]);
  expect(list.includes("10.255.0.1")).toBe(true);
  expect(list.includes("11.0.0.1")).toBe(false);
  expect(list.includes("fd12::1")).toBe(true);
  expect(list.includes("fe80::1")).toBe(false);
  expect(list.includes("127.0.0.1")).toBe(true);
  expect(list.includes("127.0.0.2")).toBe(false);
  expect(list.includes("::ffff:127.0.0.1")).toBe(true);
  expect(list.includes("nonsense")).toBe(false);
});

test("a mapped range is the IPv4 range it stands for", () => {
  const list = parseAllowList(["::ffff:10.0.0.0/104"]);
  expect(list.includes("10.1.2.3")).toBe(true);
  expect(list.includes("11.1.2.3")).toBe(false);
});

test("a bad list is refused with every bad entry and what to write instead", () => {
  const parse = () =>
    parseAllowList(["10.0.0.0/33", "host.internal", "10.1.2.3/8", "127.1/8", "fd00::/8/8", "1.2.3.4/", "::1/999"]);
  expect(parse).toThrow(/HIVE_ALLOW_PRIVATE_ADDRESSES: "10\.0\.0\.0\/33" needs a prefix length from 0 to 32/);
  expect(parse).toThrow(/"host\.internal" is not an address range/);
  expect(parse).toThrow(/"10\.1\.2\.3\/8" has bits set after its prefix; write 10\.0\.0\.0\/8/);
  expect(parse).toThrow(/"127\.1\/8" is not/);
  expect(parse).toThrow(/"fd00::\/8\/8" is not/);
  expect(parse).toThrow(/"1\.2\.3\.4\/" needs a prefix/);
  expect(parse).toThrow(/"::1\/999" needs a prefix length from 0 to 128/);
});
