/** Request bodies: read up to the limit, decoded, and parsed as JSON of bounded depth. */
import type { Context } from "hono";
import { ProblemError } from "./errors.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";

/**
 * The body as text. One that is announced as too large is refused unread; one that turns out too
 * large is read no further than the limit.
 */
export async function readText(c: Context, maxBytes: number): Promise<string> {
  const announced = Number(c.req.header("content-length") ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const { body } = c.req.raw;
  if (body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // What is announced is what comes, so it need not be counted as it comes.
  if (announced > 0) {
    const whole = new Uint8Array(await c.req.raw.arrayBuffer());
    return decode(decoder, whole) + decode(decoder);
  }
  let text = "";
  let bytes = 0;
  // Leaving the loop early cancels the rest of the body.
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

/** Refuses bodies that are not of the wanted media types. An empty body needs no type. */
export function checkMediaType(c: Context, text: string, wanted: readonly string[]): string {
  const [type = ""] = (c.req.header("content-type") ?? "").toLowerCase().split(";");
  const media = type.trim();
  if (text === "" || wanted.includes(media)) return media;
  const got = media === "" ? "a body without Content-Type" : `Content-Type "${media}"`;
  throw new ProblemError(
    "unsupported-media-type",
    `Cannot read ${got}: want ${wanted.join(" or ")}`,
  );
}

/** Parses JSON that is nested no deeper than the limit. */
export function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_JSON_DEPTH) {
    throw new ProblemError(
      "malformed",
      `Cannot read the JSON: it is nested deeper than ${MAX_JSON_DEPTH} levels`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProblemError("malformed", `Cannot read the JSON: ${reason}`);
  }
}

/** How deep brackets are nested, without recursion: the text may be hostile. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === "\\") i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") deepest = Math.max(deepest, ++depth);
    else if (char === "}" || char === "]") depth--;
  }
  return deepest;
}

function decode(decoder: TextDecoder, chunk?: Uint8Array<ArrayBuffer>): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    throw new ProblemError("malformed", "Cannot read the body: it is not UTF-8");
  }
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError("too-large", `Cannot take the body: it is larger than ${maxBytes} bytes`);
}
