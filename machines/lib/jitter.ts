/**
 * Jitter without chance: a hash of what it is for, so that a machine stays pure and a replay
 * waits as long as the first run did. Not for secrets.
 */

/** The same number in [0, 1) for the same parts, evenly spread over different ones. */
export function jitter(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify(parts)) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return mix(hash) / 2 ** 32;
}

/** MurmurHash3's finalizer: FNV-1a alone leaves neighbours such as `a1` and `a2` close together. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
