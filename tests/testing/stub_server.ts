/**
 * Stands in for the server under a launcher: prints what it is handed and which signals it gets,
 * a line of JSON each. SIGTERM ends it with code 7; SIGINT does not, but it says so a while later.
 */
import { takeLifeline } from "../../scripts/lib/lifeline.ts";
import { print } from "../../scripts/lib/output.ts";

/** Longer than two SIGINTs of one key press are apart; see `stub_launcher.ts`. */
const LATER_MS = 4_000;

const say = (value: unknown) => print(Deno.stdout, JSON.stringify(value));

const { handedOver, cut } = await takeLifeline(Deno.stdin.readable);
Deno.addSignalListener("SIGTERM", () => {
  say("SIGTERM");
  Deno.exit(7);
});
Deno.addSignalListener("SIGINT", () => {
  say("SIGINT");
  setTimeout(() => say("still here"), LATER_MS);
});
say({ pid: Deno.pid, handedOver, secret: Deno.env.get("SECRET") });
await cut;
Deno.exit(9);
