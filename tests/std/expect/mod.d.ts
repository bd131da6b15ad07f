/**
 * The types of `@std/expect`. The package on npm carries none, so the signatures are written here
 * by hand.
 */

/** A class whose instances are `T`, whatever its constructor takes. */
type Class<T> = abstract new (...args: never[]) => T;

/** The assertions on a value. `R` is what each returns: nothing, or a promise of it. */
export interface Expected<R = void> {
  readonly not: Expected<R>;
  readonly resolves: Expected<Promise<void>>;
  readonly rejects: Expected<Promise<void>>;

  toBe(expected: unknown): R;
  toEqual(expected: unknown): R;
  toStrictEqual(expected: unknown): R;
  toMatchObject(expected: object | readonly object[]): R;
  toBeDefined(): R;
  toBeUndefined(): R;
  toBeNull(): R;
  toBeNaN(): R;
  toBeTruthy(): R;
  toBeFalsy(): R;
  toBeInstanceOf(expected: Class<unknown>): R;

  toBeCloseTo(expected: number, digits?: number): R;
  toBeGreaterThan(expected: number): R;
  toBeGreaterThanOrEqual(expected: number): R;
  toBeLessThan(expected: number): R;
  toBeLessThanOrEqual(expected: number): R;

  toContain(expected: unknown): R;
  toContainEqual(expected: unknown): R;
  toHaveLength(expected: number): R;
  toHaveProperty(name: string | readonly string[], value?: unknown): R;
  toMatch(expected: string | RegExp): R;
  toThrow(expected?: Class<Error> | string | RegExp): R;

  toHaveBeenCalled(): R;
  toHaveBeenCalledTimes(expected: number): R;
  toHaveBeenCalledWith(...expected: unknown[]): R;
  toHaveBeenLastCalledWith(...expected: unknown[]): R;
  toHaveBeenNthCalledWith(nth: number, ...expected: unknown[]): R;
  toHaveReturned(): R;
  toHaveReturnedTimes(expected: number): R;
  toHaveReturnedWith(expected: unknown): R;
  toHaveLastReturnedWith(expected: unknown): R;
  toHaveNthReturnedWith(nth: number, expected: unknown): R;
}

/** Starts an assertion on a value. */
export const expect: {
  (value: unknown, customMessage?: string): Expected;
  anything(): unknown;
  any(type: unknown): unknown;
  arrayContaining(expected: readonly unknown[]): unknown;
  objectContaining(expected: Record<PropertyKey, unknown>): unknown;
  stringContaining(expected: string): unknown;
  stringMatching(expected: string | RegExp): unknown;
  closeTo(expected: number, digits?: number): unknown;
};

/** A function that records its calls; each stub answers one call, the last all that follow. */
export function fn<A extends unknown[], R>(
  ...stubs: ((...args: A) => R)[]
): (...args: A) => R;
