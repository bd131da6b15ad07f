import { assertEquals, assertNotEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Lines, readLines } from "../testing/lines.ts";

const STUB = fileURLToPath(import.meta.resolve("../testing/stub_launcher.ts"));

type Launched = {
  launcher: Deno.ChildProcess;
  /** What the stub server says, then the end of the stream, when both processes are gone. */
  said: Lines;
  server: { pid: number; handedOver: unknown; secret?: string };
};

/** Starts a launcher with the stub server and waits until that is up. */
async function launchStub(program = Deno.execPath(), args: string[] = []): Promise<Launched> {
  const launcher = new Deno.Command(program, {
    args: args.length > 0 ? args : ["run", "--no-prompt", "--allow-run", STUB],
    env: { SECRET: "do not pass on" },
    stdout: "piped",
  }).spawn();
  const said = readLines(launcher.stdout);
  const server = JSON.parse(await said.until(() => true));
  return { launcher, said, server };
}

function says(word: string): (line: string) => boolean {
  return (line) => line === JSON.stringify(word);
}

Deno.test("launch() hands over what the server is to know, and blanks its secrets", async () => {
  const { launcher, said, server } = await launchStub();
  assertEquals(server.handedOver, { listen: "127.0.0.1:0" });
  assertEquals(server.secret, "");
  launcher.kill("SIGTERM");
  await said.rest();
  await launcher.status;
});

Deno.test("launch() passes SIGTERM on, and the exit code back", async () => {
  const { launcher, said } = await launchStub();
  launcher.kill("SIGTERM");
  assertEquals(await said.rest(), [`"SIGTERM"`]);
  assertEquals((await launcher.status).code, 7);
});

Deno.test("launch() leaves no server behind when it is killed", async () => {
  const { launcher, said } = await launchStub();
  launcher.kill("SIGKILL");
  await launcher.status;
  // The server holds the other end of this stream: its end is the server's.
  assertEquals(await said.rest(), []);
});

Deno.test("launch() ends with the code of a server that was killed", async () => {
  const { launcher, said, server } = await launchStub();
  Deno.kill(server.pid, "SIGKILL");
  assertEquals(await said.rest(), []);
  assertEquals((await launcher.status).code, 137);
});

Deno.test("launch() takes two SIGINTs at once for one, and a later one for impatience", async () => {
  const { launcher, said } = await launchStub();
  launcher.kill("SIGINT");
  await said.until(says("SIGINT"));
  launcher.kill("SIGINT");
  await said.until(says("still here"));
  launcher.kill("SIGINT");
  assertEquals(await said.rest(), []);
  assertEquals((await launcher.status).code, 137);
});

Deno.test("launch() stops the server when the launcher's parent is gone", async () => {
  const command = `"$0" run --no-prompt --allow-run "$1" --with-parent & wait`;
  const { launcher: shell, said } = await launchStub("sh", ["-c", command, Deno.execPath(), STUB]);
  shell.kill("SIGKILL");
  await shell.status;
  assertEquals(await said.rest(), [`"SIGTERM"`]);
});

Deno.test("launch() stops the server when npx is killed, which tells nobody", async () => {
  const directory = await Deno.makeTempDir();
  // A process is called as its file is; npx has two more between itself and the launcher.
  const npx = `${directory}/npm`;
  await Deno.copyFile(await Deno.realPath("/bin/sh"), npx);
  const nest = `if [ "$1" = 0 ]; then "$2" run --no-prompt --allow-run "$3" --with-npx
    else sh -c "$0" "$0" $(($1 - 1)) "$2" "$3"; fi; exit $?`;
  const { launcher, said } = await launchStub(npx, ["-c", nest, nest, "2", Deno.execPath(), STUB]);
  launcher.kill("SIGKILL");
  await launcher.status;
  assertEquals(await said.rest(), [`"SIGTERM"`]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("relaunchOnChange() starts anew after a change, and ends when asked to", async () => {
  const directory = await Deno.makeTempDir();
  const args = ["run", "--no-prompt", "--allow-run", "--allow-read", STUB, `--watch=${directory}`];
  const { launcher, said, server } = await launchStub(Deno.execPath(), args);
  await Deno.writeTextFile(`${directory}/a.ts`, "changed");
  await said.until(says("SIGTERM"));
  const next = JSON.parse(await said.until(() => true));
  assertNotEquals(next.pid, server.pid);
  launcher.kill("SIGTERM");
  assertEquals(await said.rest(), [`"SIGTERM"`]);
  assertEquals((await launcher.status).code, 7);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("relaunchOnChange() waits for a change when the server ended by itself", async () => {
  const directory = await Deno.makeTempDir();
  const args = ["run", "--no-prompt", "--allow-run", "--allow-read", STUB, `--watch=${directory}`];
  const { launcher, said, server } = await launchStub(Deno.execPath(), args);
  Deno.kill(server.pid, "SIGKILL");
  await Deno.writeTextFile(`${directory}/a.ts`, "changed");
  await said.until((line) => line.includes("pid"));
  launcher.kill("SIGTERM");
  await said.rest();
  await launcher.status;
  await Deno.remove(directory, { recursive: true });
});
