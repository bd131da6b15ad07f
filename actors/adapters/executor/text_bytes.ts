/** Text by the byte: harmless, measured, and cut between whole characters. */

/** Control characters that a terminal and a person can do with. */
const KEPT_CONTROLS = "\n\r\t\b\u0007\u001b";

/** Replaces the control characters that would only do harm, NUL above all. */
export function harmless(text: string): string {
  return text.replace(
    /[^\P{Cc}\n\r\t]/gu,
    (control) => KEPT_CONTROLS.includes(control) ? control : "\uFFFD",
  );
}

const encoder = new TextEncoder();

/** Length in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The longest beginning that fits, in whole characters. */
export function firstBytes(text: string, count: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(count));
  return text.slice(0, read);
}

/** The longest end that fits, in whole characters. */
export function lastBytes(text: string, count: number): string {
  // No character is shorter than a byte.
  const bytes = encoder.encode(text.slice(-count));
  let start = Math.max(0, bytes.length - count);
  while (start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return decode(bytes.subarray(start));
}
