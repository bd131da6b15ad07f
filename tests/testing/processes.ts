/** What tests ask about real processes: who carries a key, and whether they are gone. */
import { type ProcessInfo, processTable } from "../../actors/adapters/executor/process_table.ts";

const POLL_MS = 10;

/** The living processes of an attempt. */
export async function processesOf(key: string): Promise<ProcessInfo[]> {
  return (await processTable()()).filter((process) => process.key === key);
}

/** The process of that id, if it lives. */
export async function processOf(pid: unknown): Promise<ProcessInfo | undefined> {
  return (await processTable()()).find((process) => process.pid === pid);
}

/** Asks again until the answer is yes; for what the kernel tells nobody about. */
export async function eventually(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
