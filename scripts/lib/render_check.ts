/** What a deploy would do, as text for people. */
import { type DeployCheck, isBlocking, type KindCheck } from "../../actors/runtime/check.ts";
import type { Finding } from "../../actors/runtime/check_findings.ts";
import type { Divergence } from "../../actors/runtime/check_history.ts";
import { layOut, visible } from "./output.ts";

/** Histories that are shown one by one; --json has all. */
const MAX_SHOWN = 20;

export function deployText(check: DeployCheck): string {
  const unknown = check.unknownKinds.map(({ kind, state, count }) =>
    `${count} active in "${state}" of kind "${kind}", which this version does not have`
  );
  return [
    ...check.kinds.map(kindText),
    section("Actors of unknown kinds", unknown),
    section("Owed work that nothing can carry out any more", rows(check.lostEffects)),
    isBlocking(check)
      ? "Not safe to deploy: what is named above could not go on."
      : "Safe to deploy: every stored actor can go on.",
  ].filter((text) => text !== "").join("\n\n");
}

function kindText(check: KindCheck): string {
  const active = check.stored.reduce((sum, { count }) => sum + count, 0);
  const versions = check.stored.map(({ version, count }) => `${count} of ${version}`).join(", ");
  return [
    `${check.kind} ${check.version}: ${active} active${versions === "" ? "" : ` (${versions})`}, ` +
    `${check.checked} to take over, ${check.histories} histories folded again`,
    section("  States that are gone", rows(check.missingStates)),
    section("  States that change", rows(check.moves)),
    section("  Timers that would be set", rows(check.timersArmed)),
    section("  Timers that would be dropped", rows(check.timersCancelled)),
    section("  Work that would be started", rows(check.childrenStarted)),
    section("  Work that would be ended", rows(check.childrenStopped)),
    section("  Actors that could not go on", rows(check.blocked)),
    section("  Histories that would go another way", divergences(check.diverged)),
  ].filter((text) => text !== "").join("\n");
}

function rows(findings: readonly Finding[]): string[] {
  return layOut(findings, [
    { title: "", value: ({ count }) => count, align: "right" },
    { title: "", value: ({ name }) => name },
    { title: "", value: ({ examples, count }) => exampleText(examples, count) },
  ]).slice(1);
}

function exampleText([first, ...others]: readonly string[], count: number): string {
  return others.length === 0 ? first ?? "" : `${first} and ${count - 1} more`;
}

function divergences(diverged: readonly Divergence[]): string[] {
  const lines = diverged.slice(0, MAX_SHOWN).map(({ address, revision, event, ...way }) =>
    way.would === null
      ? `${address} at revision ${revision}: ${way.reason}`
      : `${address} at revision ${revision}, ${event}: was ${way.was}, would be ${way.would}`
  );
  const more = diverged.length - lines.length;
  return [...lines.map(visible), ...(more > 0 ? [`and ${more} more`] : [])];
}

function section(title: string, lines: readonly string[]): string {
  const indent = `${/^ */.exec(title)?.[0]}  `;
  return lines.length === 0 ? "" : [title, ...lines.map((line) => `${indent}${line}`)].join("\n");
}
