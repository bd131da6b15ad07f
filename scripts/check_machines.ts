/**
 * `deno task check-machines`: proves a deploy on the real data before it is made. It is run with
 * the new code, on the database or a copy of it, and changes nothing.
 */
import { createKinds } from "../actors/kinds.ts";
import { checkDeploy, isBlocking } from "../actors/runtime/check.ts";
import { runScript } from "./lib/args.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";
import { deployText } from "./lib/render_check.ts";

const HISTORIES_DEFAULT = 10_000;

const SPEC = {
  name: "check-machines",
  summary: "Says what this version's statecharts would do to the actors that are stored: states\n" +
    "that are gone, timers and work set or dropped, actors that could not go on, histories that\n" +
    "would have gone another way. Changes nothing.",
  options: {
    kind: { type: "string", value: "KIND", help: "Only this kind" },
    histories: {
      type: "integer",
      value: "N",
      help: `Newest histories of each kind to fold again (${HISTORIES_DEFAULT})`,
    },
    ...DATABASE,
  },
  exitCodes: {
    ...DATABASE_CODES,
    [EXIT.failed]: "Some actors could not go on, or the check could not be done",
  },
  examples: ["deno task check-machines", "deno task check-machines --kind task --json"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options }) => {
    const output = createOutput(options);
    const check = await withDatabase(
      options,
      ({ store, config }) =>
        checkDeploy(store, createKinds({ home: config.home }).kinds, {
          histories: options.histories ?? HISTORIES_DEFAULT,
          ...(options.kind === undefined ? {} : { kind: options.kind }),
          onProgress: (kind, { actors, histories }) =>
            output.progress(`${kind}: ${actors} to take over, ${histories} histories`),
        }),
    );
    output.progress("");
    const blocking = isBlocking(check);
    output.result({ blocking, ...check }, () => deployText(check));
    return blocking ? EXIT.failed : EXIT.ok;
  });
}
