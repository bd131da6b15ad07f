/** `deno task vm providers`: who can make VMs here, and what those VMs are held to. */
import { z } from "zod";
import { connect, CONNECTION, CONNECTION_CODES } from "./connect.ts";
import { createOutput } from "./output.ts";
import { subcommand } from "./subcommands.ts";
import { Provider } from "./vm_answers.ts";

const SPEC = {
  name: "vm providers",
  summary: "Lists the providers of VMs: whether they can work here, and which limits hold.",
  options: CONNECTION,
  exitCodes: CONNECTION_CODES,
  examples: ["deno task vm providers"],
} as const;

const Providers = z.looseObject({ items: z.array(Provider) });

export const providersCommand = subcommand(SPEC, async ({ options }) => {
  const { items } = await connect(options).get("/v1/vm-providers", { schema: Providers });
  createOutput(options).table(items, [
    { title: "NAME", value: ({ name }) => name },
    { title: "WORKS", value: ({ ok }) => ok ? "yes" : "no" },
    { title: "VERSION", value: ({ version }) => version },
    { title: "ENFORCES", value: enforced },
    { title: "WHY NOT", value: ({ reason }) => reason },
  ]);
});

function enforced({ ok, limits }: Provider): string | null {
  const names = Object.entries(limits).flatMap(([name, limit]) => limit.enforced ? [name] : []);
  return ok && names.length > 0 ? names.join(", ") : null;
}
