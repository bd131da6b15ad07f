/** The bytes of an exec's output: frames, and the greeting of our wrapper in them. */
import { assertEquals, assertThrows } from "@std/assert";
import { exitOf } from "../../actors/adapters/vm/docker_command.ts";
import { FrameReader } from "../../actors/adapters/vm/docker_frames.ts";
import { GreetingReader } from "../../actors/adapters/vm/docker_greeting.ts";
import { newMarker } from "../../actors/adapters/vm/docker_processes.ts";
import { ProviderError } from "../../actors/adapters/vm/provider.ts";
import { frame } from "../testing/fake_docker.ts";

const bytes = (...frames: Uint8Array[]) => new Uint8Array(frames.flatMap((each) => [...each]));
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("FrameReader tells the streams apart, wherever the bytes are cut", () => {
  const whole = bytes(frame(1, "out"), frame(2, ""), frame(2, "err"), frame(3, "!"), frame(1, "2"));
  for (let size = 1; size <= whole.length; size++) {
    const reader = new FrameReader();
    const found = { stdout: "", stderr: "" };
    for (let at = 0; at < whole.length; at += size) {
      for (const { stream, data } of reader.take(whole.subarray(at, at + size))) {
        found[stream] += text(data);
      }
    }
    assertEquals(found, { stdout: "out2", stderr: "err!" }, `cut every ${size} bytes`);
    assertEquals(reader.isWhole, true);
  }
});

Deno.test("FrameReader knows when the output was cut in a frame", () => {
  const whole = bytes(frame(1, "abc"));
  for (const [length, isWhole] of [[0, true], [3, false], [8, false], [10, false], [11, true]]) {
    const reader = new FrameReader();
    Array.from(reader.take(whole.subarray(0, Number(length))));
    assertEquals(reader.isWhole, isWhole, `after ${length} bytes`);
  }
});

Deno.test("FrameReader refuses what is no frame", () => {
  for (const header of [[4, 0, 0, 0], [0, 0, 0, 0], [1, 0, 7, 0], [72, 84, 84, 80]]) {
    const reader = new FrameReader();
    const error = assertThrows(
      () => Array.from(reader.take(new Uint8Array([...header, 0, 0, 0, 1, 65]))),
      ProviderError,
    );
    assertEquals(error.code, "failed");
  }
});

Deno.test("GreetingReader finds the greeting in pieces and gives on what is the command's", () => {
  const marker = newMarker();
  const said = new TextEncoder().encode(`${marker}o-rest`);
  for (let size = 1; size <= said.length; size++) {
    const reader = new GreetingReader(marker);
    let output = "";
    let early = reader.take({ stream: "stdout", data: new TextEncoder().encode("early ") });
    for (let at = 0; at < said.length; at += size) {
      const data = said.subarray(at, at + size);
      if (early === undefined) early = reader.take({ stream: "stderr", data });
      else output += text(data);
    }
    assertEquals(reader.greeting, "ok");
    const first = (early ?? []).map((piece) => text(piece.data)).join("");
    assertEquals(first + output, "early -rest", `cut every ${size} bytes`);
  }
});

Deno.test("GreetingReader takes what a runtime says in place of a greeting as its reason", () => {
  const reader = new GreetingReader(newMarker());
  const said = 'exec failed: exec: "/bin/sh": stat /bin/sh: no such file or directory\n';
  const first = reader.take({ stream: "stderr", data: new TextEncoder().encode(said) });
  assertEquals([first, reader.greeting], [undefined, undefined]);
  assertEquals(
    reader.failure("run it", "").message,
    `Cannot run it: ${said.trim()}; the image needs a shell at /bin/sh`,
  );
});

Deno.test("GreetingReader takes no greeting with another's marker", () => {
  const reader = new GreetingReader(newMarker());
  reader.take({ stream: "stderr", data: new TextEncoder().encode(`${newMarker()}o`) });
  assertEquals(reader.greeting, undefined);
});

Deno.test("exitOf() takes 128 and a signal for that signal, and all else for an exit code", () => {
  assertEquals(exitOf(137), { exitCode: null, signal: "SIGKILL" });
  assertEquals(exitOf(143), { exitCode: null, signal: "SIGTERM" });
  for (const code of [0, 1, 126, 127, 128, 200, 255]) {
    assertEquals(exitOf(code), { exitCode: code, signal: null });
  }
});
