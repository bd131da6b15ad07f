/**
 * Stands in for `jsr:@std/testing/bdd` where JSR cannot be reached: the same words over
 * `node:test`. Without `links` in deno.json the real package is used.
 */
export { after, afterEach, before, beforeEach, describe, it } from "node:test";
export { after as afterAll, before as beforeAll } from "node:test";
