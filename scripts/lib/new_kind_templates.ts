/**
 * The files of a new kind, as texts: a small but whole statechart with an effect and a timer, made
 * to be changed. `{{name}}`, `{{Name}}`, `{{camel}}` and `{{words}}` stand for the kind's name.
 */

/** By path. */
export const TEMPLATES: { readonly [path: string]: string } = {
  "machines/{{name}}.ts": `/**
 * The statechart of a {{words}}: asked for, worked on within a time limit, and ended. It is a
 * beginning: put in the states that a {{words}} really goes through.
 */
import { assign, setup } from "xstate";
import { external } from "./lib/builtins.ts";

/** Longest time at work, where the input names none. */
const LIMIT_MS = 10 * 60_000;

/** What a {{words}} is made with. */
export type {{Name}}Input = {
  readonly title: string;
  /** Longest time at work, ms. */
  readonly limitMs?: number;
};

export type {{Name}}Context = {
  readonly title: string;
  readonly limitMs: number;
  readonly result: string | null;
  readonly error: string | null;
};

/** Commands are imperative, facts are past. All carry the time at which they apply. */
export type {{Name}}Event =
  | { readonly type: "{{name}}.start"; readonly at: number }
  | { readonly type: "{{name}}.cancel"; readonly at: number };

/** What the work is given. */
export type {{Name}}Work = { readonly title: string };

export const {{camel}}Machine = setup({
  types: {
    context: {} as {{Name}}Context,
    events: {} as {{Name}}Event,
    input: {} as {{Name}}Input,
    tags: {} as "waiting" | "active",
  },
  actors: {
    work: external<{{Name}}Work, string>(),
  },
  actions: {
    keepResult: assign((_, { result }: { result: string }) => ({ result })),
    keepError: assign((_, { error }: { error: string }) => ({ error })),
  },
  delays: {
    timeLimit: ({ context }) => context.limitMs,
  },
}).createMachine({
  id: "{{name}}",
  context: ({ input }) => ({
    title: input.title,
    limitMs: input.limitMs ?? LIMIT_MS,
    result: null,
    error: null,
  }),
  initial: "requested",
  on: { "{{name}}.cancel": { target: ".cancelled" } },
  states: {
    requested: {
      description: "Asked for; nobody has started it.",
      tags: ["waiting"],
      on: { "{{name}}.start": { target: "working" } },
    },
    working: {
      description: "The work is being done, within its time limit.",
      tags: ["active"],
      invoke: {
        src: "work",
        id: "work",
        input: ({ context }) => ({ title: context.title }),
        onDone: {
          target: "succeeded",
          actions: { type: "keepResult", params: ({ event }) => ({ result: event.output }) },
        },
        onError: {
          target: "failed",
          actions: {
            type: "keepError",
            params: ({ event }) => ({ error: (event.error as Error).message }),
          },
        },
      },
      after: {
        timeLimit: {
          target: "failed",
          actions: { type: "keepError", params: { error: "It took longer than it may" } },
        },
      },
    },
    succeeded: { description: "Ended with a result.", type: "final" },
    failed: { description: "Ended with an error.", type: "final" },
    cancelled: { description: "Called off.", type: "final" },
  },
});
`,

  "actors/{{name}}.ts":
    `/** The {{words}} as a kind: its statechart, the work that it asks for, its view. */
import {
  type {{Name}}Context,
  {{camel}}Machine,
  type {{Name}}Work,
} from "../machines/{{name}}.ts";
import type { JsonObject } from "./runtime/json.ts";
import { type ActorRecord, defineEffect, defineKind } from "./runtime/kind.ts";

/**
 * Here goes what a {{words}} really does. It runs at least once: hand \`context.key\` to whatever
 * is called, so that a second attempt does nothing twice, and end when \`context.signal\` aborts.
 */
const work = defineEffect({
  run: ({ title }: {{Name}}Work, context) => {
    context.signal.throwIfAborted();
    return \`\${title}: done\`;
  },
  maxAttempts: 3,
});

export const {{camel}}Kind = defineKind({
  name: "{{name}}",
  version: 1,
  machine: {{camel}}Machine,
  effects: { work },
  view,
  index: (record) => ({ title: contextOf(record).title }),
});

/** What the API shows beside the common fields. */
function view(record: ActorRecord): JsonObject {
  const { title, limitMs, result, error } = contextOf(record);
  return { title, limitMs, result, error };
}

/** Only this kind's machine writes these records. */
function contextOf(record: ActorRecord): {{Name}}Context {
  return record.context as unknown as {{Name}}Context;
}
`,

  "routes/{{name}}.ts":
    `/** \`/v1/{{name}}s\`: making, listing and showing them, and what can be done to them. */
import { z } from "@hono/zod-openapi";
import type { ListQuery } from "../actors/runtime/api.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import { type Answer, answer } from "./answer.ts";
import { type Api, mount } from "./endpoint.ts";
import { iso } from "./lib/times.ts";
import { defined, pageAnswer, pageFields, pageOf, sortField } from "./paging.ts";
import { etagOf, Status, Time } from "./render.ts";

const KIND = "{{name}}";
const TAG = "{{Name}}s";

const MAX_TITLE_CHARS = 255;
const MAX_LIMIT_MS = 24 * 60 * 60_000;

const New{{Name}} = z.strictObject({
  title: z.string().min(1).max(MAX_TITLE_CHARS),
  limitMs: z.int().min(1).max(MAX_LIMIT_MS).optional()
    .openapi({ description: "Longest time at work" }),
}).openapi("New{{Name}}");

const {{Name}}Schema = z.looseObject({
  id: z.string().openapi({ example: "{{name}}_V1StGXR8" }),
  state: z.string().openapi({ example: "requested" }),
  revision: z.int(),
  status: Status,
  createdAt: Time,
  updatedAt: Time,
}).openapi("{{Name}}");

const params = z.strictObject({ id: z.string() });

export function mount{{Name}}s(api: Api): void {
  mountCreate(api);
  mountList(api);
  mountGet(api);
  mountAction(api, "start", "Start it");
  mountAction(api, "cancel", "Call it off");
}

function mountCreate(api: Api): void {
  mount(
    api,
    {
      method: "post",
      path: "/v1/{{name}}s",
      tag: TAG,
      summary: "Make a {{words}}",
      body: New{{Name}},
      answers: {
        201: { description: "It is made", schema: {{Name}}Schema },
      },
    },
    ({ body, once }) =>
      once.commit(
        (options) => api.system.spawn(KIND, api.system.newId(KIND), defined(body), options),
        (record) => shown(api, record, 201),
      ),
  );
}

function mountList(api: Api): void {
  mount(
    api,
    {
      method: "get",
      path: "/v1/{{name}}s",
      tag: TAG,
      summary: "List them",
      query: z.strictObject({ state: z.string().optional(), sort: sortField, ...pageFields }),
      answers: {
        200: { description: "A page", schema: pageOf({{Name}}Schema) },
      },
    },
    async ({ query }) => {
      const page = await api.system.list(KIND, defined(query) as ListQuery);
      return pageAnswer(page, (record) => fieldsOf(api, record));
    },
  );
}

function mountGet(api: Api): void {
  mount(
    api,
    {
      method: "get",
      path: "/v1/{{name}}s/{id}",
      tag: TAG,
      summary: "Show one",
      params,
      answers: {
        200: { description: "As it is now", schema: {{Name}}Schema },
      },
      refusals: [404],
    },
    async ({ params }) => shown(api, await api.system.get(addressOf(params.id))),
  );
}

function mountAction(api: Api, name: "start" | "cancel", summary: string): void {
  mount(
    api,
    {
      method: "post",
      path: \`/v1/{{name}}s/{id}/\${name}\`,
      tag: TAG,
      summary,
      params,
      answers: {
        200: { description: "As it is after it", schema: {{Name}}Schema },
      },
      refusals: [404, 409, 412],
    },
    ({ params, once, expectRevision }) => {
      const event = { type: \`\${KIND}.\${name}\` };
      return once.commit(
        (options) =>
          api.system.send(addressOf(params.id), event, {
            ...options,
            ...defined({ expectRevision }),
          }),
        (record) => shown(api, record),
      );
    },
  );
}

function shown(api: Api, record: ActorRecord, status = 200): Answer {
  return answer(fieldsOf(api, record), { status, headers: { etag: etagOf(record.revision) } });
}

function fieldsOf({ system }: Api, record: ActorRecord) {
  const { id, state, revision, status, createdAt, updatedAt } = record;
  return {
    ...system.view(record),
    id,
    state,
    revision,
    status,
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
  };
}

/** Whether there can be such an address the system sees. */
function addressOf(id: string): string {
  return \`\${KIND}:\${id}\`;
}
`,

  "tests/machines/{{name}}_test.ts": `import { assertEquals } from "@std/assert";
import { {{camel}}Kind } from "../../actors/{{name}}.ts";
import type { {{Name}}Context } from "../../machines/{{name}}.ts";
import { Rehearsal } from "./rehearsal.ts";

const NOW = Date.UTC(2026, 0, 1);

/** One that has been asked for a moment ago. */
function requested() {
  return new Rehearsal<{{Name}}Context>(
    {{camel}}Kind,
    { title: "First", limitMs: 60_000 },
    { now: NOW },
  );
}

/** One that is being worked on. */
function working() {
  const actor = requested();
  actor.send({ type: "{{name}}.start" });
  return actor;
}

Deno.test("{{name}} waits to be started, then has its work done", () => {
  const actor = requested();
  assertEquals([actor.state, actor.children.size], ["requested", 0]);
  actor.send({ type: "{{name}}.start" });
  assertEquals(actor.state, "working");
  assertEquals(actor.children.get("work")?.input, { title: "First" });
  assertEquals(actor.timers, { timeLimit: 60_000 });
});

Deno.test("{{name}} succeeds with what the work returns", () => {
  const actor = working();
  actor.send({ type: "xstate.done.actor.work", output: "First: done" });
  assertEquals([actor.state, actor.context.result], ["succeeded", "First: done"]);
});

Deno.test("{{name}} fails with what the work throws", () => {
  const actor = working();
  actor.send({ type: "xstate.error.actor.work", error: { name: "Error", message: "no room" } });
  assertEquals([actor.state, actor.context.error], ["failed", "no room"]);
});

Deno.test("{{name}} fails when its time limit is over, and its work ends", () => {
  const actor = working();
  actor.pass(60_000);
  assertEquals([actor.state, actor.context.error], ["failed", "It took longer than it may"]);
  assertEquals(actor.children.size, 0);
});

Deno.test("{{name}} can be cancelled, and its work ends", () => {
  const actor = working();
  actor.send({ type: "{{name}}.cancel" });
  assertEquals(actor.state, "cancelled");
  assertEquals(actor.children.size, 0);
});
`,
};
