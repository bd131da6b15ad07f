/**
 * From what people type to what the server knows: a whole id, or its beginning where only one of
 * the newest tasks or actors begins so.
 */
import { z } from "zod";
import { pageOf } from "./answers.ts";
import { UsageError } from "./args.ts";
import { type Client, RefusedError } from "./client.ts";
import { EXIT, ExitError } from "./exit_codes.ts";

const TASK = "task";

const PAGE = 200;
/** How many of the newest are looked at for the beginning of an id. */
const MAX_SEARCHED = 2_000;
/** How many an ambiguous beginning is answered with. */
const MAX_SHOWN = 5;

const Named = z.looseObject({ id: z.string() });

/** The id of a task from its id, its address or the beginning of either; `task_` may be left out. */
export async function resolveTaskId(client: Client, text: string): Promise<string> {
  const id = text.replace(/^task:/, "");
  if (await exists(client, `/v1/tasks/${encodeURIComponent(id)}`)) return id;
  return await findOne(client, TASK, id);
}

/** An address from an address, the beginning of one, or what names a task. */
export async function resolveAddress(client: Client, text: string): Promise<string> {
  const [, kind, id] = /^([^:]+):(.*)$/.exec(text) ?? [];
  if (kind === undefined || id === undefined) return `${TASK}:${await resolveTaskId(client, text)}`;
  if (await exists(client, `/v1/actors/${encodeURIComponent(text)}`)) return text;
  return `${kind}:${await findOne(client, kind, id)}`;
}

async function exists(client: Client, path: string): Promise<boolean> {
  try {
    await client.get(path, { schema: Named });
    return true;
  } catch (error) {
    // An address that cannot be one is not found either.
    if (error instanceof RefusedError && [404, 422].includes(error.problem.status)) return false;
    throw error;
  }
}

/**
 * The id that is so, or the only one that begins so. What the server makes begins with the kind,
 * which may be left out.
 */
async function findOne(client: Client, kind: string, text: string): Promise<string> {
  if (text === "") throw new UsageError(`Cannot find ${kind} "": want an id`);
  const whole = `${kind}_${text}`;
  if (await exists(client, `/v1/actors/${encodeURIComponent(`${kind}:${whole}`)}`)) return whole;
  const beginnings = [text, whole];
  const found: string[] = [];
  let cursor: string | undefined;
  for (let seen = 0; seen < MAX_SEARCHED; seen += PAGE) {
    const query = { kind, limit: PAGE, cursor };
    const page = await client.get("/v1/actors", { schema: pageOf(Named), query });
    const ids = page.items.map(({ id }) => id);
    found.push(...ids.filter((id) => beginnings.some((part) => id.startsWith(part))));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  const [only, ...others] = found;
  if (only === undefined) {
    throw new ExitError(
      EXIT.notFound,
      `Cannot find ${kind} "${text}": none of the newest ${MAX_SEARCHED} has an id that begins so`,
    );
  }
  if (others.length === 0) return only;
  const some = found.slice(0, MAX_SHOWN).join(", ");
  const more = found.length > MAX_SHOWN ? ", …" : "";
  throw new UsageError(`Cannot tell which ${kind} "${text}" is: ${some}${more} begin so`);
}
