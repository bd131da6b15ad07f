import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ExecExit, TerminalProcess } from "../../actors/adapters/vm/provider.ts";
import {
  MAX_WAITING_INPUT_BYTES,
  VIEWER_BUFFER_BYTES,
} from "../../actors/adapters/vm/terminal_limits.ts";
import {
  type TerminalEnd,
  TerminalSession,
  type TerminalViewer,
} from "../../actors/adapters/vm/terminal_session.ts";
import { TerminalSessions } from "../../actors/adapters/vm/terminal_sessions.ts";
import { ManualClock } from "../testing/manual_clock.ts";

const encoder = new TextEncoder();

/** A program that writes and ends as it is told. */
function program() {
  const output = new TransformStream<Uint8Array, Uint8Array>();
  const writer = output.writable.getWriter();
  const exited = Promise.withResolvers<ExecExit>();
  const typed: string[] = [];
  const sizes: string[] = [];
  let letType = Promise.resolve();
  let letResize = Promise.resolve();
  let closed = 0;
  const process: TerminalProcess = {
    output: output.readable,
    write: async (data) => {
      await letType;
      typed.push(new TextDecoder().decode(data));
    },
    resize: async (columns, rows) => {
      const mine = letResize;
      letResize = Promise.resolve();
      await mine;
      sizes.push(`${columns}x${rows}`);
    },
    close: async () => {
      closed++;
      await writer.close().catch((error: Error) => error);
      exited.resolve({ exitCode: null, signal: "SIGHUP" });
    },
    exited: exited.promise,
  };
  return {
    process,
    typed,
    /** Resolves when it was taken from the program. */
    say: (text: string) => writer.write(encoder.encode(text)),
    /** What it wrote may not have been taken yet. */
    exit: (exitCode: number) => {
      const written = writer.close();
      exited.resolve({ exitCode, signal: null });
      return written;
    },
    /** Ends, and leaves the terminal open. */
    leave: () => exited.resolve({ exitCode: 0, signal: null }),
    hold: (until: Promise<void>) => letType = until,
    sizes,
    /** The next new size takes until then, those after it no time. */
    holdSize: (until: Promise<void>) => letResize = until,
    closed: () => closed,
  };
}

/** Somebody who looks, and takes what it is shown or not. */
function viewer() {
  const shown: string[] = [];
  const ends: TerminalEnd[] = [];
  const state = { bufferedBytes: 0, drops: 0 };
  const self: TerminalViewer = {
    show: (data) => void shown.push(new TextDecoder().decode(data)),
    bufferedBytes: () => state.bufferedBytes,
    dropped: () => void state.drops++,
    ended: (end) => void ends.push(end),
  };
  return { self, shown, ends, state };
}

const VIEW = { id: "t", columns: 80, rows: 24, createdAt: 0 };

function open(options: { detachedMs?: number; stallMs?: number } = {}) {
  const clock = new ManualClock();
  const running = program();
  return {
    clock,
    running,
    session: new TerminalSession(running.process, VIEW, { clock, ...options }),
  };
}

/** Lets time pass at once: step by step, whoever looks every few ms would take for ever. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  await clock.settle();
  clock.jump(ms);
  await clock.advance(20);
}

Deno.test("TerminalSession holds its program up while its only viewer is behind", async () => {
  const { clock, running, session } = open({ stallMs: 1_000 });
  const only = viewer();
  session.attach(only.self);
  await running.say("a");
  only.state.bufferedBytes = VIEWER_BUFFER_BYTES + 1;
  let taken = 0;
  for (let i = 0; i < 20; i++) void running.say("b").then(() => taken++);
  await pass(clock, 60_000);
  assertEquals([taken < 5, only.state.drops], [true, 0]);
  only.state.bufferedBytes = 0;
  await pass(clock, 1_000);
  assertEquals([taken, only.shown.join("")], [20, `a${"b".repeat(20)}`]);
  session.close("done");
  await session.ended;
});

Deno.test("TerminalSession drops a viewer that holds others up for too long", async () => {
  const { clock, running, session } = open({ stallMs: 1_000 });
  const [quick, slow] = [viewer(), viewer()];
  session.attach(quick.self);
  session.attach(slow.self);
  slow.state.bufferedBytes = VIEWER_BUFFER_BYTES + 1;
  for (let i = 0; i < 20; i++) void running.say("b");
  await pass(clock, 900);
  assertEquals(slow.state.drops, 0);
  await pass(clock, 200);
  assertEquals([slow.state.drops, quick.state.drops], [1, 0]);
  await clock.settle();
  assertEquals(quick.shown.join(""), "b".repeat(20));
  assertEquals(session.view().viewers, 1);
  session.close("done");
  await session.ended;
});

Deno.test("TerminalSession ends when nobody was connected for long, and not before", async () => {
  const { clock, running, session } = open({ detachedMs: 1_000 });
  await clock.advance(900);
  const { leave } = session.attach(viewer().self);
  await clock.advance(60_000);
  leave();
  await clock.advance(999);
  assertEquals(running.closed(), 0);
  await clock.advance(1);
  const end = await session.ended;
  assertEquals([end.type, running.closed()], ["closed", 1]);
});

Deno.test("TerminalSession shows all that its program wrote before it says how it ended", async () => {
  const { clock, running, session } = open();
  const only = viewer();
  session.attach(only.self);
  only.state.bufferedBytes = VIEWER_BUFFER_BYTES + 1;
  void running.say("first ");
  void running.say("last");
  void running.exit(7);
  for (let i = 0; i < 5; i++) await pass(clock, 60_000);
  assertEquals(only.ends, []);
  only.state.bufferedBytes = 0;
  await pass(clock, 1_000);
  assertEquals(only.shown.join(""), "first last");
  assertEquals(only.ends, [{ type: "exited", exit: { exitCode: 7, signal: null } }]);
});

Deno.test("TerminalSession does not wait for what its program left behind", async () => {
  const { clock, running, session } = open();
  await running.say("x");
  running.leave();
  await clock.advance(60_000);
  assertEquals((await session.ended).type, "exited");
});

Deno.test("TerminalSession tells a viewer who comes too late how it ended", async () => {
  const { running, session } = open();
  await running.say("words\n");
  await running.exit(0);
  await session.ended;
  const late = viewer();
  const { replay } = session.attach(late.self);
  await session.ended;
  assertEquals([replay.lines, late.ends.length], [1, 1]);
});

Deno.test("TerminalSession types in order, and refuses more than may wait", async () => {
  const { running, session } = open();
  const gate = Promise.withResolvers<void>();
  running.hold(gate.promise);
  const typed = [session.write(encoder.encode("a")), session.write(encoder.encode("b"))];
  const much = new Uint8Array(MAX_WAITING_INPUT_BYTES - 1);
  const error = await assertRejects(() => session.write(much), RangeError);
  assertStringIncludes(error.message, "has not read 2");
  gate.resolve();
  await Promise.all(typed);
  assertEquals(running.typed, ["a", "b"]);
  await session.write(much);
  session.close("done");
  await session.ended;
});

Deno.test("TerminalSession sets sizes in order, so that the last one stands", async () => {
  const { running, session } = open();
  const gate = Promise.withResolvers<void>();
  running.holdSize(gate.promise);
  const set = [session.resize(100, 30), session.resize(120, 40)];
  gate.resolve();
  await Promise.all(set);
  assertEquals(running.sizes, ["100x30", "120x40"]);
  assertEquals([session.view().columns, session.view().rows], [120, 40]);
  session.close("done");
  await session.ended;
});

Deno.test("TerminalSessions bounds terminals of one VM and of all, those that start among them", async () => {
  const clock = new ManualClock();
  const sessions = new TerminalSessions({ clock, maxPerVm: 2, maxTerminals: 3 });
  const started = Promise.withResolvers<TerminalProcess>();
  const start = (vm: string, id: string, process: Promise<TerminalProcess>) =>
    sessions.open(vm, { id, columns: 1, rows: 1, start: () => process });
  const running = program();
  const first = await start("a", "1", Promise.resolve(running.process));
  const second = start("a", "2", started.promise);
  assertStringIncludes(String(sessions.full("a")), "has 2");
  assertEquals([sessions.full("b"), sessions.list("a").length], [null, 1]);
  const third = start("b", "3", started.promise);
  assertStringIncludes(String(sessions.full("c")), "there are 3");
  started.reject(new Error("It cannot start"));
  await assertRejects(() => second, Error, "cannot start");
  await assertRejects(() => third, Error, "cannot start");
  first.close("done");
  await first.ended;
  await clock.settle();
  assertEquals([sessions.full("a"), sessions.get("a", "1")], [null, undefined]);
});
