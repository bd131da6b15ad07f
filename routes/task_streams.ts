/**
 * What a task says while it lives: `/stream` has its changes of state and its output as events,
 * `/output` its output as it is. Both begin where the caller left off.
 */
import { z } from "@hono/zod-openapi";
import type { FeedEntry } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { CHANNEL_MEDIA, ChannelQuery, openChannel, showRow } from "./channel.ts";
import { type Api, type Call, mount } from "./endpoint.ts";
import { entriesUntilEnd } from "./entries.ts";
import { invalidInput } from "./errors.ts";
import { showEntry } from "./render.ts";
import {
  badCursor,
  encodeFrame,
  formatHeaders,
  type Frame,
  heartbeatOf,
  lastEventId,
  NDJSON,
  openingOf,
  SSE,
  wantedFormat,
} from "./sse.ts";
import type { Sink } from "./streams.ts";
import { taskAddress } from "./task_address.ts";
import { showTask, taskParams } from "./task_view.ts";

const CHANNEL = "output";

const EventSchema = z.looseObject({}).openapi("TaskStreamEvent", {
  description: "`state`: an entry of the task's journal. `output`: `{seq, at, data}`. " +
    "`end`: the task as it ended. `reset`: history before `oldest` is not kept any more.",
});

type Params = z.infer<typeof taskParams>;

export function mountTaskStreams(api: Api): void {
  mount(api, {
    method: "get",
    path: "/v1/tasks/{id}/stream",
    tag: "Tasks",
    summary: "Follow a task from its beginning to its end",
    description: "Server-sent events `state`, `output` and `end`, or NDJSON on " +
      "`Accept: application/x-ndjson`. Resumed by `Last-Event-ID`; after the end the answer to " +
      "that is 204, which tells a browser not to come back.",
    params: taskParams,
    answers: {
      200: { description: "Events", schema: EventSchema, media: [SSE, NDJSON] },
      204: { description: "The caller has seen the end" },
    },
    refusals: [404, 429],
  }, (call) => openStream(api, call));

  mount(api, {
    method: "get",
    path: "/v1/tasks/{id}/output",
    tag: "Tasks",
    summary: "Read what a task has written",
    params: taskParams,
    query: ChannelQuery,
    answers: { 200: { description: "Its output", schema: z.string(), media: CHANNEL_MEDIA } },
    refusals: [404, 429],
  }, async (call) => {
    const { address } = await api.system.get(taskAddress(call.params.id));
    return openChannel(api, call, { address, channel: CHANNEL });
  });
}

async function openStream(
  api: Api,
  { c, params }: Call<Params, unknown, unknown>,
): Promise<Response> {
  const record = await api.system.get(taskAddress(params.id));
  const cursor = readCursor(lastEventId(c), record);
  if (cursor === "ended") return new Response(null, { status: 204 });
  const { address } = record;
  const format = wantedFormat(c);
  return api.streams.open(c.req.method, {
    headers: formatHeaders(format),
    heartbeat: heartbeatOf(format),
    source: async (sink) => {
      await sink.write(openingOf(format, null));
      const write = (frame: Frame) => sink.write(encodeFrame(frame, format));
      await tellAll(api, record, { cursor, write, signal: sink.signal });
    },
    failed: (error) => api.config.log("error", "task stream broke off", { address, error }),
  });
}

/** Positions in the journal and in the output; both are in each event's id. */
type Cursor = { seq: number; output: number };

/** Changes and output as they come; the last change only when all output has been told. */
async function tellAll(
  api: Api,
  record: ActorRecord,
  { cursor, write, signal }: {
    cursor: Cursor;
    write: (frame: Frame) => Promise<void>;
    signal: Sink["signal"];
  },
): Promise<void> {
  const { system } = api;
  const { address } = record;
  const id = () => `${cursor.seq}-${cursor.output}`;
  const tellState = async (entry: FeedEntry) => {
    cursor.seq = entry.seq;
    await write({ id: id(), event: "state", data: showEntry(entry) });
  };
  const tellOutput = async () => {
    const options = { after: cursor.output, follow: true, signal };
    for await (const row of system.stream(address, CHANNEL, options)) {
      cursor.output = row.seq;
      await write({ id: id(), event: "output", data: showRow(row) });
    }
  };
  let hasEnded = record.status !== "active";
  const output = tellOutput();
  // Awaited below; a failure before that must not count as unhandled.
  output.catch(() => {});
  for await (const entry of entriesUntilEnd(api, record, { after: cursor.seq, signal })) {
    if (typeof entry === "number") {
      await write({ event: "reset", data: { oldest: entry } });
    } else {
      hasEnded ||= entry.status !== "active";
      if (hasEnded) await output;
      await tellState(entry);
    }
  }
  await output;
  // Without its end, it was the reader that went, or the system.
  if (!hasEnded || signal.aborted) return;
  const ended = await system.get(address);
  await write({ id: `${id()}-end`, event: "end", data: showTask(system, ended) });
}

/** From `Last-Event-ID`; without one, from the task's first entry. */
function readCursor(id: string | undefined, { createdSeq, status }: ActorRecord) {
  if (id === undefined) return { seq: createdSeq - 1, output: 0 };
  const match = /^(\d{1,15})-(\d{1,15})(-end)?$/.exec(id);
  if (match === null) throw invalidInput([badCursor("Last-Event-ID")]);
  if (match[3] !== undefined && status !== "active") return "ended";
  return { seq: Number(match[1]), output: Number(match[2]) };
}
