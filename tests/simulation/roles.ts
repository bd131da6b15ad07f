/** Who takes part in a simulation: actors of the kinds that it is about, each with its user. */
import type { KindName } from "./kinds.ts";
import type { Random } from "./random.ts";
import type { Role } from "./users.ts";

/** The roles for those kinds. */
export function castRoles(kinds: readonly KindName[], random: Random): Role[] {
  return kinds.flatMap((kind) => ROLES[kind](random));
}

const ROLES: { readonly [Kind in KindName]: (random: Random) => Role[] } = {
  life: () => numbered("life", 3, ["next", "next", "again", "explode"]),
  shapes: () =>
    numbered("shapes", 2, [
      "greet",
      "enter",
      "leave",
      "resume",
      "recall",
      "step",
      "ripen",
      "rouse",
      "hush",
      "rearm",
      "echo",
      "write",
      "writeNow",
      "letter",
      "end",
    ]),
  slotUser: (random) =>
    Array.from({ length: random.int(3, 7) }, (_, index) => ({
      kind: "slotUser",
      id: `u${index}`,
      input: {
        pools: random.pick([
          ["narrow"],
          ["wide"],
          ["narrow", "wide"],
          ["wide", { name: "wished", limit: 1 }],
          [{ name: "wished", limit: 1 }, "open"],
          ["open"],
        ]),
        priority: random.int(0, 4),
        rounds: random.int(1, 3),
        ...(random.chance(0.5) ? { share: random.pick(["red", "blue"]) } : {}),
      },
      events: ["yield", "yield", "cancel"],
    })),
  worker: () =>
    numbered("worker", 2, [
      "job",
      "job",
      "jump",
      "chat",
      "say",
      "sayLater",
      "again",
      "progress",
      "cancel",
      "retire",
    ]),
  hooked: () => numbered("hooked", 2, ["publish", "publish", "withdraw", "noted", "end"]),
  family: () =>
    numbered("family", 2, [
      "raise",
      "raise",
      "nudge",
      "amuse",
      "hurt",
      "part",
      "again",
      "adopt",
      "hurryAdopted",
      "abandon",
      "foster",
      "end",
    ]).map((role) => ({
      ...role,
      children: { kind: "family.kid", events: ["hurry", "play", "break"] },
    })),
  messenger: () =>
    [["left", "right"], ["right", "left"], ["early", "late"], ["late", "nobody"]].map(
      ([id = "", peer = ""]) => ({
        kind: "messenger",
        id,
        input: { peer: `messenger:${peer}` },
        events: ["serve", "serve", "lob", "ball", "quit"],
        isLate: id === "late",
      }),
    ),
  watcher: (random) => {
    const addresses = [
      "messenger:left",
      "life:life0",
      "life:life1",
      "life:ghost",
      "worker:worker0",
    ];
    return numbered("watcher", 2, ["away", "back", "end"]).map((role) => ({
      ...role,
      input: { addresses: random.some(addresses, 0.6) },
    }));
  },
  evolving: () => numbered("evolving", 3, ["go", "go", "go", "end"]),
  task: (random) => Array.from({ length: 3 }, (_, index) => task(random, index)),
};

function numbered(kind: KindName, count: number, events: readonly string[]): Role[] {
  return Array.from({ length: count }, (_, index) => {
    return { kind, id: `${kind}${index}`, input: {}, events };
  });
}

function task(random: Random, index: number): Role {
  const id = `t${index}`;
  const input = {
    createdAt: 0,
    command: ["true"],
    timeoutMs: 60_000,
    stuckAfterMs: 4_000,
    priority: random.int(0, 4),
    interactive: random.chance(0.5),
    maxAttempts: random.int(1, 3),
    maxAttemptsTotal: random.int(1, 4),
    requireApproval: random.chance(0.2),
    ...(random.chance(0.3) ? { retryOn: ["network", "orphaned", "exit_code", "timeout"] } : {}),
    ...(random.chance(0.2) ? { queueTtlMs: 2_000 } : {}),
    ...(random.chance(0.3) && index > 0 ? { dependsOn: [`t${random.int(0, index)}`] } : {}),
    ...(random.chance(0.3) ? { agent: "ada" } : {}),
    ...(random.chance(0.3) ? { key: { name: "one" } } : {}),
  };
  const events = [
    "task.pause",
    "task.pause",
    "task.resume",
    "task.resume",
    "task.resume",
    "task.input",
    "task.approve",
    "task.approve",
    "task.reject",
    "task.interrupt",
    "task.retry",
    "task.fail",
    "task.complete",
    "task.cancel",
  ];
  return { kind: "task", id, input, events };
}
