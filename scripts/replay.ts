/**
 * `deno task replay`: folds the histories of actors again and compares what comes out with what is
 * stored, byte by byte.
 */
import { createKinds } from "../actors/kinds.ts";
import { createSystem, type System } from "../actors/runtime/system.ts";
import { runScript, UsageError } from "./lib/args.ts";
import { EXIT } from "./lib/exit_codes.ts";
import { DATABASE, DATABASE_CODES, withDatabase } from "./lib/offline.ts";
import { createOutput } from "./lib/output.ts";

const PAGE = 200;

const SPEC = {
  name: "replay",
  summary: "Folds the histories of actors again and compares with what is stored, byte by byte.",
  positionals: [
    {
      name: "address",
      help: "Only these, as kind:id or a task's id; else all",
      rest: true,
      optional: true,
    },
  ],
  options: {
    kind: { type: "string", value: "KIND", help: "Only this kind" },
    ...DATABASE,
  },
  exitCodes: { ...DATABASE_CODES, [EXIT.failed]: "Some differ, or it could not be done" },
  examples: ["deno task replay", "deno task replay task_V1StGXR8"],
} as const;

if (import.meta.main) {
  await runScript(SPEC, async ({ options, positionals }) => {
    if (options.kind !== undefined && positionals.length > 0) {
      throw new UsageError("Cannot use --kind with addresses: want one of them");
    }
    const output = createOutput(options);
    const report = await withDatabase(options, async ({ store, config }) => {
      const { kinds } = createKinds({ home: config.home });
      const system = createSystem({ store, kinds, paused: true });
      await system.start();
      const addresses = positionals.length > 0
        ? positionals.map(addressOf)
        : addressesOf(system, options.kind);
      return await replayAll(system, addresses, (done) => output.progress(`${done} actors`));
    });
    output.progress("");
    output.result(report, () =>
      [
        ...report.differing.map(({ address, revision, detail }) =>
          `${address} at revision ${revision}: ${detail}`
        ),
        `${report.actors - report.older} actors folded again, ${report.differing.length} differ`,
        ...report.older === 0
          ? []
          : [`${report.older} were written by an older definition and cannot be compared`],
      ].join("\n"));
    return report.differing.length === 0 ? EXIT.ok : EXIT.failed;
  });
}

type Report = {
  actors: number;
  /** Written by a definition that is not the one in force. */
  older: number;
  differing: Awaited<ReturnType<System["replay"]>>[];
};

async function replayAll(
  system: System,
  addresses: Iterable<string> | AsyncIterable<string>,
  onProgress: (done: number) => void,
): Promise<Report> {
  const report: Report = { actors: 0, older: 0, differing: [] };
  for await (const address of addresses) {
    const result = await system.replay(address);
    if (result.same === false) report.differing.push(result);
    if (result.same === null) report.older += 1;
    onProgress(++report.actors);
  }
  return report;
}

/** An id alone is a task's. */
function addressOf(text: string): string {
  return text.includes(":") ? text : `task:${text}`;
}

/** All actors, those that are archived included. */
async function* addressesOf(system: System, kind: string | undefined): AsyncGenerator<string> {
  for (const archived of [false, true]) {
    let cursor: string | undefined;
    do {
      const query = { archived, sort: "oldest", limit: PAGE, ...(cursor && { cursor }) } as const;
      const page = await system.list(kind, query);
      for (const { address } of page.items) yield address;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}
