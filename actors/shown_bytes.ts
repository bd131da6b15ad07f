/**
 * Bytes that a program writes, as JSON can carry them: as text where they are UTF-8, else in
 * base64. Secrets are taken out of both.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { createRedactingStream, type Redactor } from "./adapters/redact.ts";
import { byteLength, decode, firstBytes, lastBytes } from "./adapters/executor/text_bytes.ts";

/** Bytes as JSON carries them. */
export type Shown = { data: string; encoding: "utf8" | "base64" };

/** Shows bytes as they come. What is held back comes with what follows it, or with the end. */
export type Shower = {
  push(bytes: Uint8Array): Shown[];
  /** Lets out the unfinished line that is held back. */
  flush(): Shown[];
  end(): Shown[];
  isHolding(): boolean;
};

export function createShower(redactor: Redactor): Shower {
  const stream = createRedactingStream(redactor);
  // The beginning of a character whose rest has not come.
  let begun = new Uint8Array();
  const text = (data: string): Shown[] => data === "" ? [] : [{ data, encoding: "utf8" }];
  const flush = () => text(stream.flush());
  return {
    push(bytes) {
      const all = joined([begun, bytes]);
      begun = new Uint8Array();
      const whole = withoutBegun(all);
      if (!isUtf8(whole)) return [...flush(), base64(all, redactor)];
      begun = all.slice(whole.length);
      return text(stream.push(decode(whole)));
    },
    flush,
    end: () => [...flush(), ...begun.length === 0 ? [] : [base64(begun, redactor)]],
    isHolding: () => stream.held > 0,
  };
}

/** The beginning and the end of what was written; of what is no text, the beginning only. */
export type Kept = Shown & { bytes: number; truncated: boolean };

export type Keeper = {
  push(bytes: Uint8Array): void;
  end(): Kept;
};

/**
 * Keeps `limitBytes` at most, half of them from the beginning and half from the end; `leadBytes`
 * more are looked at on both sides of the cut, so that a secret there is seen whole.
 */
export function createKeeper(
  redactor: Redactor,
  { limitBytes, leadBytes }: { limitBytes: number; leadBytes: number },
): Keeper {
  const half = Math.floor(limitBytes / 2);
  const side = half + leadBytes;
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let headSize = 0;
  let tailSize = 0;
  let bytes = 0;

  /** Beginning and end, and whether there is nothing between them: then both are the whole. */
  function kept() {
    if (bytes > headSize + tailSize) {
      return { start: withoutBegun(joined(head)), end: withoutRest(joined(tail)), isWhole: false };
    }
    const whole = joined([...head, ...tail]);
    return { start: whole, end: whole, isWhole: true };
  }

  return {
    push(piece) {
      bytes += piece.length;
      const first = piece.slice(0, side - headSize);
      const rest = piece.slice(first.length);
      if (first.length > 0) head.push(first);
      if (rest.length > 0) tail.push(rest);
      headSize += first.length;
      tailSize += rest.length;
      for (let oldest = tail[0]; oldest !== undefined; oldest = tail[0]) {
        if (tailSize - oldest.length < side) break;
        tail.shift();
        tailSize -= oldest.length;
      }
    },
    end() {
      const { start, end, isWhole } = kept();
      if (!isUtf8(withoutBegun(start)) || !isUtf8(withoutBegun(end))) {
        const truncated = bytes > limitBytes;
        const beginning = truncated ? start.subarray(0, half) : start;
        return { ...base64(beginning, redactor), bytes, truncated };
      }
      const [from, to] = [start, end].map((part) => redactor(decode(part))) as [string, string];
      if (isWhole && byteLength(from) <= limitBytes) {
        return { data: from, encoding: "utf8", bytes, truncated: false };
      }
      const data = firstBytes(from, half) + cutLine(bytes - 2 * half) + lastBytes(to, half);
      return { data, encoding: "utf8", bytes, truncated: true };
    },
  };
}

function cutLine(count: number): string {
  return `\n[holdfast: ${count.toLocaleString("en-US")} bytes cut here]\n`;
}

/** Every byte has a character in Latin-1, so that secrets are found in what is no text. */
function base64(bytes: Uint8Array, redactor: Redactor): Shown {
  const shown = redactor(Buffer.from(bytes).toString("latin1"));
  return { data: Buffer.from(shown, "latin1").toString("base64"), encoding: "base64" };
}

/** Without the last character where its rest is missing. */
function withoutBegun(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** Without the rest of a character whose beginning is missing. */
function withoutRest(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < Math.min(3, bytes.length) && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return bytes.subarray(start);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
