// @ts-self-types="./mod.d.ts"
/**
 * Stands in for `jsr:@std/expect` where JSR cannot be reached: the same code, as npm carries it.
 * Its types are in `mod.d.ts`. Without `links` in deno.json the real package is used.
 */
export * from "npm:deno-std@1.4.0/expect/mod.js";
