/**
 * What the server says on stdout once it is ready: a few lines for people on a terminal, one line
 * of JSON for programs, which wait for it.
 */
import type { RecoveryReport } from "../../actors/runtime/api.ts";
import type { StoreInfo } from "../../actors/store/store.ts";
import { print, type Stream } from "./output.ts";

export type Banner = {
  version: string;
  listening: string;
  /** Of the server itself, not of its launcher. */
  pid: number;
  home: string;
  store: StoreInfo;
  recovered: RecoveryReport;
  /** Whether callers must show a token. */
  token: boolean;
};

const SYNC_MODES: { readonly [M in StoreInfo["syncMode"]]: string } = {
  FULL: "what was acknowledged survives power loss",
  NORMAL: "what was acknowledged survives a crash, not power loss",
  MEMORY: "nothing survives",
  REMOTE: "the remote database keeps it",
};

export function printBanner(banner: Banner, stream: Stream = Deno.stdout): void {
  if (stream.isTerminal()) return print(stream, bannerText(banner));
  const { store: { url: database, ...store }, token: _, ...rest } = banner;
  print(stream, JSON.stringify({ ...rest, database, ...store, try: commandToTry(banner) }));
}

/** The banner for people. */
export function bannerText(banner: Banner): string {
  const { version, listening, home, store, recovered } = banner;
  const encrypted = store.encrypted ? ", encrypted" : "";
  return [
    `Holdfast ${version} listens on ${listening}`,
    `  data       ${home}, database ${store.url}${encrypted}`,
    `  sync       ${store.syncMode}: ${SYNC_MODES[store.syncMode]}`,
    `  recovered  ${recoveryText(recovered)}`,
    `  try        ${commandToTry(banner)}`,
    `  reference  ${listening}/docs`,
  ].join("\n");
}

function recoveryText({ effects, timers, slots, versions, unknownKinds, tookMs }: RecoveryReport) {
  const parts = [
    count(effects.rerun, "effect run again", "effects run again"),
    count(effects.reattached, "effect taken up", "effects taken up"),
    count(effects.failed, "effect failed", "effects failed"),
    count(timers.armed, "timer", "timers"),
    count(timers.overdue, "of them overdue", "of them overdue"),
    count(slots.held, "slot held", "slots held"),
    count(slots.waiting, "waiting for a slot", "waiting for a slot"),
    count(versions.upgraded, "actor upgraded", "actors upgraded"),
    count(versions.blocked, "actor blocked by its version", "actors blocked by their version"),
    unknownKinds.length > 0 ? `actors of unknown kinds: ${unknownKinds.join(", ")}` : "",
  ].filter((part) => part !== "");
  return `${parts.length > 0 ? parts.join(", ") : "nothing was in flight"} (${
    Math.round(tookMs)
  } ms)`;
}

function count(number: number, one: string, many: string): string {
  return number === 0 ? "" : `${number} ${number === 1 ? one : many}`;
}

/** A first command: a task that any machine with a shell can run. */
function commandToTry({ listening, token }: Banner): string {
  const auth = token ? ` -H "authorization: Bearer $HOLDFAST_TOKEN"` : "";
  const body = `{"executor": "command", "command": ["uname", "-a"]}`;
  return `curl -s ${listening}/v1/tasks${auth} -H 'content-type: application/json' -d '${body}'`;
}
