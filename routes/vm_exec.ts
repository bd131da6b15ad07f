/**
 * `/v1/vms/{id}/exec`: a command in a VM, as one answer or line by line as it comes. It ends when
 * its caller goes.
 */
import { z } from "@hono/zod-openapi";
import type { ExecExit, ExecRequest } from "../actors/adapters/vm/provider.ts";
import { UNFINISHED_LINE_MS } from "../actors/adapters/executor/executor_limits.ts";
import { createKeeper, createShower, type Shown } from "../actors/shown_bytes.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import { type Answer, answer } from "./answer.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { ProblemError, refusalOf } from "./errors.ts";
import { boundedRecord, Text, VariableName } from "./fields.ts";
import {
  EXEC_CUT_LEAD_BYTES,
  EXEC_OUTPUT_BYTES,
  EXEC_TIMEOUT_MS,
  MAX_COMMAND_PARTS,
  MAX_ENV_NAMES,
  MAX_EXEC_OUTPUT_BYTES,
  MAX_EXEC_TIMEOUT_MS,
  MAX_INPUT_CHARS,
  MAX_WORKSPACE_CHARS,
} from "./limits.ts";
import { defined } from "./paging.ts";
import { heartbeatOf, NDJSON, ndjsonLine, streamHeaders, wantedFormat } from "./sse.ts";
import { vmAddressOf } from "./vm_address.ts";
import { type VmParams, vmParams } from "./vm_view.ts";
import { stopping, whileWanted } from "./waiting.ts";

const Exec = z.strictObject({
  command: z.array(Text).min(1).max(MAX_COMMAND_PARTS)
    .refine(([program]) => program !== "", "the program's name must not be empty")
    .openapi({ description: "Program and arguments, never a shell's line", example: ["ls", "-l"] }),
  cwd: Text.min(1).max(MAX_WORKSPACE_CHARS).optional()
    .openapi({ description: "Absolute, or relative to the VM's work directory" }),
  env: boundedRecord(VariableName, Text, MAX_ENV_NAMES).optional(),
  stdin: z.string().max(MAX_INPUT_CHARS).optional()
    .openapi({ description: "What it reads; by default nothing" }),
  timeoutMs: z.int().min(1).max(MAX_EXEC_TIMEOUT_MS).default(EXEC_TIMEOUT_MS)
    .openapi({ description: "Then it is ended, and `timedOut` is true" }),
  maxOutputBytes: z.int().min(0).max(MAX_EXEC_OUTPUT_BYTES).default(EXEC_OUTPUT_BYTES)
    .openapi({ description: "Of each output in one answer; beginning and end are kept" }),
}).openapi("VmExec");

type Exec = z.infer<typeof Exec>;
type ExecCall = Call<VmParams, unknown, Exec>;

const Encoding = z.enum(["utf8", "base64"]);

const Outcome = z.strictObject({
  exitCode: z.int().nullable().openapi({ description: "Null where it was ended" }),
  signal: z.string().nullable().openapi({ example: "SIGKILL" }),
  timedOut: z.boolean(),
  durationMs: z.int().openapi({ description: "Without the time that the VM took to wake" }),
  stdout: z.string(),
  stdoutEncoding: Encoding.openapi({ description: "`base64` where it is not UTF-8" }),
  stdoutBytes: z.int(),
  stderr: z.string(),
  stderrEncoding: Encoding,
  stderrBytes: z.int(),
  truncated: z.boolean(),
}).openapi("VmExecResult");

export function mountVmExec(api: Api, vms: VmAccess): void {
  mount(api, {
    method: "post",
    path: "/v1/vms/{id}/exec",
    tag: "VMs",
    summary: "Run a command in it; wakes it",
    description: "Answers when the command has ended; a failed command is an answer too. On " +
      "`Accept: application/x-ndjson` its output comes as it is written: lines " +
      '`{"type": "stdout" | "stderr", "data", "encoding"?}`, and at last ' +
      '`{"type": "exit", "exitCode", "signal", "timedOut", "durationMs"}`, or ' +
      '`{"type": "error", "problem"}` where it could not be run. It ends when the caller goes.',
    params: vmParams,
    body: Exec,
    answers: { 200: { description: "How it ended", schema: Outcome, media: [JSON_MEDIA, NDJSON] } },
    refusals: [404, 409, 429, 502, 504],
  }, async (call) => {
    vmAddressOf(call.params.id);
    const work = { api, vms, call };
    return wantedFormat(call.c) === "ndjson" ? await streamed(work) : await whole(work);
  });
}

const JSON_MEDIA = "application/json";

type Work = { api: Api; vms: VmAccess; call: ExecCall };

function whole(work: Work): Promise<Answer> {
  const { api, call } = work;
  const { maxOutputBytes: limitBytes } = call.body;
  return whileWanted(api, call.c, async (signal) => {
    const bounds = { limitBytes, leadBytes: EXEC_CUT_LEAD_BYTES };
    const keepers = {
      stdout: createKeeper(api.config.redact, bounds),
      stderr: createKeeper(api.config.redact, bounds),
    };
    const outcome = await run(work, signal, ({ stream, data }) => keepers[stream].push(data));
    const [stdout, stderr] = [keepers.stdout.end(), keepers.stderr.end()];
    return answer({
      ...outcome,
      stdout: stdout.data,
      stdoutEncoding: stdout.encoding,
      stdoutBytes: stdout.bytes,
      stderr: stderr.data,
      stderrEncoding: stderr.encoding,
      stderrBytes: stderr.bytes,
      truncated: stdout.truncated || stderr.truncated,
    });
  });
}

async function streamed(work: Work): Promise<Response> {
  const { api, vms, call } = work;
  if (call.c.req.header("idempotency-key") !== undefined) {
    throw new ProblemError(
      "malformed",
      "Cannot keep an answer that is streamed: leave the key out",
    );
  }
  // What keeps it from being woken is said before the answer begins.
  await whileWanted(api, call.c, (signal) => vms.open(call.params.id, signal));
  return api.streams.open(call.c.req.method, {
    headers: streamHeaders(NDJSON),
    heartbeat: heartbeatOf("ndjson"),
    source: async ({ write, signal }) => {
      const lines = createLines(api, write);
      const { closing, redact } = api.config;
      try {
        const outcome = await run(work, AbortSignal.any([signal, closing]), lines.push);
        await lines.end();
        await write(ndjsonLine({ type: "exit", ...outcome }));
      } catch (error) {
        if (signal.aborted) throw error;
        await lines.end();
        const { problem } = refusalOf(closing.aborted ? stopping() : error, redact);
        await write(ndjsonLine({ type: "error", problem: JSON.parse(JSON.stringify(problem)) }));
      }
    },
    failed: (error) =>
      api.config.log("error", "output of a command broke off", { vm: call.params.id, error }),
  });
}

/** How a command ended. */
type Ended = ExecExit & { timedOut: boolean; durationMs: number };

/** Runs the command in the VM that is up, until it ends, its time is over, or its caller goes. */
function run(
  { api, vms, call }: Work,
  signal: AbortSignal,
  onOutput: NonNullable<ExecRequest["onOutput"]>,
): Promise<Ended> {
  const { clock } = api.config;
  const { body: { command, cwd, env, stdin, timeoutMs }, params, once } = call;
  const key = once.keyOf("exec") ?? api.system.newId("exec");
  return vms.use(params.id, signal, async ({ provider, handle }) => {
    const input = stdin === undefined ? undefined : asBytes(stdin);
    const request = { command, onOutput, ...defined({ cwd, env, stdin: input }) };
    const startedAt = clock.now();
    const deadline = new AbortController();
    const cancel = clock.wake(startedAt + timeoutMs, () => deadline.abort());
    const durationMs = () => Math.round(clock.now() - startedAt);
    try {
      const both = AbortSignal.any([signal, deadline.signal]);
      const exit = await provider.exec(handle, request, { key, signal: both });
      return { ...exit, timedOut: false, durationMs: durationMs() };
    } catch (error) {
      if (signal.aborted || !deadline.signal.aborted) throw error;
      return { exitCode: null, signal: null, timedOut: true, durationMs: durationMs() };
    } finally {
      cancel();
    }
  });
}

type Stream = "stdout" | "stderr";

/** Both outputs as lines. An unfinished line of theirs is shown when nothing has come for long. */
function createLines({ config }: Api, write: (frame: Uint8Array) => Promise<void>) {
  const { clock, redact } = config;
  const showers = { stdout: createShower(redact), stderr: createShower(redact) };
  let touchedAt = clock.now();
  let cancel: (() => void) | null = null;

  const tell = async (type: Stream, shown: readonly Shown[]) => {
    for (const { data, encoding } of shown) {
      const coded = encoding === "utf8" ? {} : { encoding };
      await write(ndjsonLine({ type, data, ...coded }));
    }
  };
  const tellAll = async (pick: (shower: typeof showers.stdout) => Shown[]) => {
    for (const type of ["stdout", "stderr"] as const) await tell(type, pick(showers[type]));
  };
  const wake = () => {
    const due = touchedAt + UNFINISHED_LINE_MS;
    const isDue = clock.now() >= due;
    cancel = isDue ? null : clock.wake(due, wake);
    if (isDue) void tellAll((shower) => shower.flush());
  };
  return {
    push: async ({ stream, data }: { stream: Stream; data: Uint8Array }) => {
      const shown = showers[stream].push(data);
      touchedAt = clock.now();
      if (showers[stream].isHolding()) cancel ??= clock.wake(touchedAt + UNFINISHED_LINE_MS, wake);
      await tell(stream, shown);
    },
    end: async () => {
      cancel?.();
      await tellAll((shower) => shower.end());
    },
  };
}

function asBytes(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}
