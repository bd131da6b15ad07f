/** What the kernel's tables of sockets say of a VM's ports. */
import { assertEquals } from "@std/assert";
import { parseListening } from "../../actors/adapters/vm/docker_ports.ts";

const TABLES = `
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0200000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:0
   1: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:0
   2: 0000000000000000FFFF00000100007F:1770 00000000000000000000000000000000:0000 0A 00000000:0
`;

Deno.test("parseListening() finds who listens, each port once, at its widest address", () => {
  assertEquals(parseListening(TABLES), [
    { port: 80, address: "10.0.0.2", process: null },
    { port: 3000, address: "::1", process: null },
    { port: 6000, address: "127.0.0.1", process: null },
    { port: 8080, address: "::", process: null },
  ]);
});

Deno.test("parseListening() finds none in what is no table", () => {
  assertEquals(parseListening("  sl  local_address rem_address\n\nnonsense 0A\n"), []);
});
