/** `deno task send`: sends one event to an actor of any kind and prints the receipt. */
import { runScript, UsageError } from "./lib/args.ts";
import { Receipt } from "./lib/answers.ts";
import { connect, CONNECTION, LOOKUP_CODES } from "./lib/connect.ts";
import { createOutput } from "./lib/output.ts";
import { resolveAddress } from "./lib/resolve_id.ts";

const SPEC = {
  name: "send",
  summary: "Sends an event to an actor; it is durable when this ends with 0.",
  positionals: [
    { name: "address", help: "kind:id, or the beginning of one; a task's id will do too" },
    { name: "event", help: "Its type, such as task.cancel" },
  ],
  options: {
    data: { type: "string", value: "JSON", help: "The event's fields, an object" },
    key: { type: "string", value: "KEY", help: "Sent again with the same key, it counts once" },
    "expect-revision": {
      type: "integer",
      value: "N",
      help: "Refuse unless the actor stands there",
    },
    ...CONNECTION,
  },
  exitCodes: LOOKUP_CODES,
  examples: [
    "deno task send task:task_V1StGXR8 task.pause",
    `deno task send order:1 order.pay --data '{"amount": 12}' --key pay-1`,
  ],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals: [target = "", type = ""] }) => {
    const event = { ...parseData(options.data), type };
    const client = connect(options);
    const address = await resolveAddress(client, target);
    const body = { event, key: options.key, expectRevision: options["expect-revision"] };
    const path = `/v1/actors/${encodeURIComponent(address)}/events`;
    const receipt = await client.post(path, body, { schema: Receipt });
    createOutput(options).result(receipt, () => {
      const again = receipt.duplicate ? " (sent before with this key)" : "";
      return `${receipt.address} is ${receipt.state}, revision ${receipt.revision}${again}`;
    });
  });
}

/** Throws `UsageError`. */
function parseData(text = "{}"): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`Cannot use --data: ${error.message}`);
  }
  throw new UsageError("Cannot use --data: want a JSON object");
}
