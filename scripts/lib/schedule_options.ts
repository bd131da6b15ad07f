/** A schedule from the options of `deno task schedule`, as the server takes it. */
import { UsageError } from "./args.ts";
import { parseDuration } from "./durations.ts";
import { parseMoment } from "./moments.ts";
import { TASK_OPTIONS, taskFields, type TaskOptions } from "./new_task.ts";

const EXPIRES = {
  expires: { type: "string", value: "WHEN", help: "No run after this time, or after so long: 30d" },
} as const;

/** When it is due: exactly one of the three forms. */
export const RULE_OPTIONS = {
  every: { type: "string", value: "TIME", help: "Every so often: 5m, 2h, 1d; at least 1m" },
  cron: { type: "string", value: "PATTERN", help: 'Five fields, "0 3 * * *", or @daily' },
  timezone: { type: "string", value: "ZONE", help: "Of a cron: Europe/Berlin, UTC" },
  at: { type: "string", value: "WHEN", help: "Once: 2030-01-31T18:00Z, or after so long: 8h" },
  ...EXPIRES,
} as const;

/** All that both `create` and `edit` take. */
export const PLAN_OPTIONS = {
  ...RULE_OPTIONS,
  overlap: { type: "string", value: "HOW", help: "While a run goes on: skip, queue or replace" },
  "catch-up": { type: "string", value: "HOW", help: "After a downtime: latest, all or none" },
  "max-runs": { type: "integer", value: "N", help: "Pause after so many runs" },
  session: { type: "string", value: "KEY", help: "The session of its first run" },
  fresh: { type: "boolean", help: "A new session for each run" },
  manage: { type: "string", value: "WHO", help: "Who may change it: creatorOnly or scopeAll" },
  prompt: { type: "string", value: "TEXT", help: "What each run is asked, with {{variables}}" },
  ...TASK_OPTIONS,
} as const;

type RuleOptions = {
  readonly [K in keyof typeof RULE_OPTIONS]: string | undefined;
};

type PlanOptions =
  & RuleOptions
  & TaskOptions
  & {
    readonly [K in "overlap" | "catch-up" | "session" | "manage" | "prompt"]: string | undefined;
  }
  & { readonly "max-runs": number | undefined; readonly fresh: boolean };

export type Fields = { [field: string]: unknown };

/** What is given, and from where and when relative paths and spans are meant. */
export type Given = { command: readonly string[]; cwd: string; now: number };

/** The fields of a schedule that the options name; undefined where they say nothing. */
export function planFields(options: PlanOptions, { command, cwd, now }: Given): Fields {
  return {
    schedule: ruleOf(options, now),
    overlap: options.overlap,
    catchUp: options["catch-up"],
    maxRuns: options["max-runs"],
    expiresAt: expiresAtOf(options, now),
    session: options.session,
    fresh: options.fresh ? true : undefined,
    manageMode: options.manage,
    task: {
      command: command.length === 0 ? undefined : command,
      prompt: options.prompt,
      ...taskFields(options, cwd),
    },
  };
}

/** The rule that the options give; undefined where they give none. Throws `UsageError`. */
export function ruleOf(options: RuleOptions, now: number): Fields | undefined {
  const { every, cron, at, timezone } = options;
  const [first, second] = (["every", "cron", "at"] as const)
    .filter((name) => options[name] !== undefined);
  if (first !== undefined && second !== undefined) {
    throw new UsageError(`Cannot use --${first} and --${second} together: want one of them`);
  }
  if (timezone !== undefined && first !== undefined && first !== "cron") {
    throw new UsageError(`Cannot use --timezone with --${first}: it is for --cron`);
  }
  if (every !== undefined) return { everySeconds: parseDuration(every, "--every") / 1_000 };
  if (at !== undefined) return { at: parseMoment(at, "--at", now) };
  return cron === undefined && timezone === undefined ? undefined : { cron, timezone };
}

export function expiresAtOf({ expires }: RuleOptions, now: number): string | undefined {
  return expires === undefined ? undefined : parseMoment(expires, "--expires", now);
}

/** What a new rule must have. Throws `UsageError`. */
export function wantRule(options: RuleOptions, now: number): Fields {
  const rule = ruleOf(options, now);
  if (rule === undefined || "cron" in rule && rule.cron === undefined) {
    throw new UsageError("Cannot tell when it is due: want one of --every, --cron and --at");
  }
  if ("cron" in rule && rule.timezone === undefined) {
    throw new UsageError(
      `Cannot use --cron "${rule.cron}": want --timezone with it, such as Europe/Berlin or UTC`,
    );
  }
  return rule;
}
