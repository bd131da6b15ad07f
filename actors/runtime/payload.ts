/**
 * Payloads: what comes in is made JSON, long strings move to blobs, and the rest has a bound.
 * A blob's place in the JSON is taken by `{"$blob": sha256, "bytes": n}`, which reads turn back.
 */
import { createHash } from "node:crypto";
import { InvalidPayloadError, TooLargeError } from "./errors.ts";
import { BLOB_THRESHOLD_BYTES, MAX_BLOB_BYTES, MAX_EVENT_BYTES } from "./limits.ts";

/** What is shown in the place of a value that is not. */
const HIDDEN = "[hidden]";

export type BlobRef = { readonly $blob: string; readonly bytes: number };
export type Blobs = Map<string, string>;

/**
 * A value as JSON would give it back, long strings moved out. Throws `TooLargeError`, and
 * `InvalidPayloadError` where what comes from outside holds a reference: those are the runtime's alone.
 */
export function toPayload<T>(
  value: T,
  what: string,
  { mayRefer = false }: { mayRefer?: boolean } = {},
): { value: T; blobs: Blobs | undefined } {
  const text = JSON.stringify(value);
  if (text === undefined) return { value: undefined as T, blobs: undefined };
  if (!mayRefer && text.includes('"$blob":')) {
    throw new InvalidPayloadError(
      `Cannot take ${what}: a field is named "$blob", which is reserved`,
    );
  }
  if (text.length <= BLOB_THRESHOLD_BYTES) return { value: JSON.parse(text), blobs: undefined };
  const blobs: Blobs = new Map();
  const spilled = JSON.stringify(JSON.parse(text, (_key, part) => spill(part, blobs)));
  if (spilled.length > MAX_EVENT_BYTES) {
    throw new TooLargeError(
      `Cannot take ${what}: it has ${spilled.length} bytes, the limit is ${MAX_EVENT_BYTES}; ` +
        `only strings over ${BLOB_THRESHOLD_BYTES} bytes are moved to blobs`,
    );
  }
  return { value: JSON.parse(spilled), blobs };
}

/** The blobs that a JSON text refers to. */
export function blobsIn(text: string): string[] {
  if (!text.includes('"$blob":')) return [];
  return [...text.matchAll(/"\$blob":"([0-9a-f]{64})"/g)].flatMap(([, sha]) => sha ?? []);
}

/** A value with its blobs put back. */
export async function resolveBlobs<T>(
  value: T,
  read: (sha: string) => Promise<string | undefined>,
): Promise<T> {
  const text = JSON.stringify(value);
  if (text === undefined || !text.includes('"$blob"')) return value;
  const found = new Map<string, string>();
  const shas = new Set<string>();
  JSON.parse(text, (_key, part) => {
    if (isBlobRef(part)) shas.add(part.$blob);
    return part;
  });
  for (const sha of shas) {
    const data = await read(sha);
    if (data !== undefined) found.set(sha, data);
  }
  return JSON.parse(text, (_key, part) => isBlobRef(part) ? found.get(part.$blob) ?? part : part);
}

/** Whether a part of a payload stands for a blob. */
export function isBlobRef(part: unknown): part is BlobRef {
  return typeof part === "object" && part !== null && "$blob" in part &&
    typeof part.$blob === "string";
}

/** How strings are rewritten, and the fields whose members are hidden. */
type Rules = { rewrite: (text: string) => string; conceal: readonly string[] };

/** Every string of a JSON value, rewritten. */
export function mapStrings<T>(value: T, rewrite: (text: string) => string): T {
  return shownValue(value, { rewrite, conceal: [] });
}

/** A JSON value as it may be shown: strings rewritten, the members of some fields hidden. */
export function shownValue<T>(value: T, rules: Rules): T {
  const text = JSON.stringify(value);
  return text === undefined ? value : show(JSON.parse(text), rules) as T;
}

/** Changes in place what has just been parsed: a reviver takes ten times as long. */
function show(part: unknown, rules: Rules): unknown {
  if (typeof part === "string") return rules.rewrite(part);
  if (part === null || typeof part !== "object") return part;
  const fields = part as { [key: string]: unknown };
  for (const key of Object.keys(fields)) {
    const shown = show(fields[key], rules);
    fields[key] = rules.conceal.includes(key) ? hidden(shown) : shown;
  }
  return part;
}

function hidden(part: unknown): unknown {
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.keys(part).map((name) => [name, HIDDEN]));
}

function spill(part: unknown, blobs: Blobs): unknown {
  if (typeof part !== "string" || part.length <= BLOB_THRESHOLD_BYTES) return part;
  if (part.length > MAX_BLOB_BYTES) {
    throw new TooLargeError(
      `Cannot store a text of ${part.length} bytes: the limit is ${MAX_BLOB_BYTES}`,
    );
  }
  const sha = createHash("sha256").update(part).digest("hex");
  blobs.set(sha, part);
  return { $blob: sha, bytes: new TextEncoder().encode(part).length };
}
