/**
 * `Idempotency-Key`: the same key with the same request is given the same answer for a day, and
 * nothing is done twice. An answer that one event decides is stored in that event's own commit, so
 * there is no moment at which the event exists and its answer does not. Two requests with one key
 * at the same time follow one another.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { AlreadyAnsweredError, KeyReusedError } from "../actors/runtime/errors.ts";
import type { Json } from "../actors/runtime/json.ts";
import type { ActorRecord } from "../actors/runtime/kind.ts";
import type { Receipt, SendOptions, System } from "../actors/runtime/api.ts";
import { mapStrings } from "../actors/runtime/payload.ts";
import type { Answer } from "./answer.ts";
import { ProblemError } from "./errors.ts";
import { keyedMutex } from "./lib/keyed_mutex.ts";
import { MAX_HEADER_CHARS } from "./limits.ts";

/** What a handler acts through, so that its answer is kept where the caller asked for it. */
export type Once = {
  /** Does the one thing that decides the answer. */
  commit(
    act: (options: SendOptions) => Promise<Receipt>,
    answer: (record: ActorRecord, receipt: Receipt) => Answer,
  ): Promise<Answer>;
  /**
   * A key for one of several parts of the work, the same when the request comes again; none when
   * the request has none.
   */
  keyOf(part: string): string | undefined;
  /** Says that the answer is not final: the same key may ask again. */
  doNotKeep(): void;
};

/** What tells one request from another. */
export type OnceRequest = { key: string; fingerprint: string };

export type Idempotency = {
  /** Does the work once for a key, or gives the answer that it gave before. */
  run(
    request: OnceRequest,
    work: (once: Once) => Promise<Answer>,
    refused: (error: unknown) => Answer,
  ): Promise<Answer>;
  /** For a request without a key. */
  readonly unkept: Once;
};

/**
 * Refusals that are kept as well, being final answers. Those that speak of the server (overload,
 * shutting down, a full disk) are not: the caller is meant to try again with the same key.
 */
const KEPT_REFUSALS = [404, 409, 412, 422];

const StoredAnswer = z.object({
  status: z.number().int(),
  headers: z.record(z.string(), z.string()),
  body: z.json(),
});

/** `redact` takes secrets out of records before an answer is made of them and kept. */
export function createIdempotency(
  system: System,
  redact: (text: string) => string,
): Idempotency {
  const oneByOne = keyedMutex();
  return {
    run: (request, work, refused) =>
      oneByOne(request.key, async () => {
        const before = await system.answerTo(request.key, request.fingerprint);
        if (before !== undefined) return replayed(before);
        return await runOnce(system, request, { work, refused, redact });
      }),
    unkept: {
      commit: async (act, answer) => {
        const receipt = await act({});
        return answer(await system.get(receipt.address), receipt);
      },
      keyOf: () => undefined,
      doNotKeep: () => {},
    },
  };
}

/** The key that a caller sent, or none. Throws where it is not usable. */
export function readKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (header === "" || header.length > MAX_HEADER_CHARS || !/^[ -~]+$/.test(header)) {
    throw new ProblemError(
      "malformed",
      `Cannot use the Idempotency-Key: want 1 to ${MAX_HEADER_CHARS} printable ASCII characters`,
    );
  }
  return header;
}

/** What the same request has in common with itself. */
export function fingerprintOf(method: string, url: string, body: string): string {
  const { pathname, search } = new URL(url);
  return hash(`${method} ${pathname}${search}\n${body}`);
}

async function runOnce(
  system: System,
  { key, fingerprint }: OnceRequest,
  { work, refused, redact }: {
    work: (once: Once) => Promise<Answer>;
    refused: (error: unknown) => Answer;
    redact: (text: string) => string;
  },
): Promise<Answer> {
  let settled = false;
  const once: Once = {
    commit: async (act, answer) => {
      let kept: Answer | undefined;
      const receipt = await act({
        idempotency: {
          key,
          fingerprint,
          // Inside the commit a record is as it is stored, not as it may be shown.
          answer: (record, made) => kept = answer(mapStrings(record, redact), made),
        },
      });
      // A duplicate event has no commit of its own for the answer to go with.
      if (kept === undefined) return answer(await system.get(receipt.address), receipt);
      settled = true;
      return kept;
    },
    keyOf: (part) => `idem/${hash(`${key}\n${part}`)}`,
    doNotKeep: () => settled = true,
  };
  let answer: Answer;
  try {
    answer = await work(once);
  } catch (error) {
    if (error instanceof AlreadyAnsweredError) return earlierAnswer(error, fingerprint);
    const refusal = refused(error);
    if (KEPT_REFUSALS.includes(refusal.status)) await system.keepAnswer(key, fingerprint, refusal);
    throw error;
  }
  if (!settled) await system.keepAnswer(key, fingerprint, answer);
  return answer;
}

/** The key was answered by a commit that was on its way when this request looked. */
function earlierAnswer(error: AlreadyAnsweredError, fingerprint: string): Answer {
  if (error.fingerprint === fingerprint) return replayed(error.answer);
  throw new KeyReusedError(`Cannot use key "${error.key}": it was used for another request`);
}

function replayed(stored: Json): Answer {
  const { status, headers, body } = StoredAnswer.parse(stored);
  return { status, headers: { ...headers, "idempotency-replayed": "true" }, body };
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
