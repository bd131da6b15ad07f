/**
 * A process that holds a database in a way that a test asks for, until its input ends:
 * `lease PATH` takes the lease as a server does, `transaction PATH` writes as a stranger does.
 */
import { type Client, createClient, type Transaction } from "@libsql/client";
import { openStore } from "../../actors/store/open.ts";

const [how, path = ""] = Deno.args;
const release = how === "lease" ? await takeLease() : await beginTransaction();
await Deno.stdout.write(new TextEncoder().encode("held\n"));
for await (const _ of Deno.stdin.readable) { /* Nothing is said, it only ends. */ }
await release();

async function takeLease(): Promise<() => Promise<void>> {
  const store = await openStore(path);
  await store.acquireLease("boot_holder", Date.now(), 60_000);
  return () => store.close();
}

async function beginTransaction(): Promise<() => Promise<void>> {
  const client = createClient({ url: `file:${path}` });
  const transaction = await begun(client);
  return async () => {
    await transaction.rollback();
    client.close();
  };
}

/** Whoever writes at this moment is waited for. */
async function begun(client: Client): Promise<Transaction> {
  for (;;) {
    try {
      return await client.transaction("write");
    } catch (error) {
      if (!/SQLITE_BUSY|locked/.test(String(error))) throw error;
    }
  }
}
