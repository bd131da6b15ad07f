/** JSON values, and the test for what survives a round trip. */

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | {
  readonly [key: string]: Json;
};

/** An object that JSON can hold. */
export type JsonObject = { readonly [key: string]: Json };
