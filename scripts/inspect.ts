/** `deno task inspect`: one actor of any kind in full, as it is or as it was at a revision. */
import { runScript } from "./lib/args.ts";
import { Actor, Entry, Inspection, pageOf } from "./lib/answers.ts";
import { connect, CONNECTION, LOOKUP_CODES } from "./lib/connect.ts";
import { createOutput } from "./lib/output.ts";
import { actorText, inspectionText } from "./lib/render_inspection.ts";
import { resolveAddress } from "./lib/resolve_id.ts";

const HISTORY_DEFAULT = 10;

const SPEC = {
  name: "inspect",
  summary: "Shows an actor: its state, what it accepts, what it waits for, its last events.",
  positionals: [
    { name: "address", help: "kind:id, or the beginning of one; a task's id will do too" },
  ],
  options: {
    at: { type: "integer", value: "REVISION", help: "As it was at this revision" },
    history: { type: "integer", value: "N", help: `Last events to show (${HISTORY_DEFAULT})` },
    ...CONNECTION,
  },
  exitCodes: LOOKUP_CODES,
  examples: [
    "deno task inspect task_V1StGXR8",
    "deno task inspect task:task_V1StGXR8 --at 3",
    "deno task inspect V1St --json | jq .context",
  ],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals: [target = ""] }) => {
    const client = connect(options);
    const output = createOutput(options);
    const address = await resolveAddress(client, target);
    const path = `/v1/actors/${encodeURIComponent(address)}`;
    if (options.at !== undefined) {
      const actor = await client.get(`${path}/at/${options.at}`, { schema: Actor });
      return output.result(actor, () => actorText(actor));
    }
    const inspection = await client.get(path, { schema: Inspection });
    const limit = options.history ?? HISTORY_DEFAULT;
    const query = { sort: "newest", limit };
    const history = limit === 0
      ? []
      : (await client.get(`${path}/history`, { schema: pageOf(Entry), query })).items.toReversed();
    output.result({ ...inspection, history }, () => inspectionText(inspection, history));
  });
}
