/**
 * Who may call: the bearer token, the host names that the server answers to, and the origins
 * whose pages may change something. What a caller may then do is not this file's matter.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import type { AppConfig } from "./config.ts";
import { ProblemError } from "./errors.ts";
import { authorizationOf, isUpgrade } from "./lib/websocket_protocols.ts";

/** Paths that show no data: health, the pages and their parts, the reference. */
const OPEN_PATHS = ["/", "/healthz", "/readyz", "/openapi.json", "/docs"];
const OPEN_PREFIXES = ["/docs/", "/static/"];

/** Names of this machine that no other can claim. */
const LOOPBACK_HOST = /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** Refuses calls to a host name that is not the server's own: DNS rebinding ends here. */
export function hostCheck(config: AppConfig): MiddlewareHandler {
  const allowed = config.allowedHosts && new Set(config.allowedHosts);
  return (c, next) => {
    const host = new URL(c.req.url).hostname;
    if (allowed !== null && !allowed.has(host) && !LOOPBACK_HOST.test(host)) {
      throw new ProblemError("misdirected", `Cannot answer for host "${host}": it is not served`);
    }
    return next();
  };
}

/**
 * Refuses what a page of a foreign origin would change. A WebSocket counts as a change whatever its
 * method: no other rule of a browser keeps it from foreign pages.
 */
export function originCheck(config: AppConfig): MiddlewareHandler {
  const allowed = new Set(config.corsOrigins);
  return (c, next) => {
    const origin = c.req.header("origin");
    const isSafe = SAFE_METHODS.includes(c.req.method) && !isUpgrade(c.req);
    if (origin !== undefined && !isSafe) {
      const own = new URL(c.req.url).host;
      if (!allowed.has(origin) && hostOf(origin) !== own) {
        throw new ProblemError("forbidden", `Cannot change anything from origin "${origin}"`);
      }
    }
    return next();
  };
}

/** Asks for the bearer token, where one is set, on every path that shows data. */
export function tokenCheck(config: AppConfig): MiddlewareHandler {
  const wanted = config.token === null ? null : digest(config.token);
  return (c, next) => {
    if (wanted === null || isOpen(c.req.path)) return next();
    const header = c.req.header("authorization") ?? authorizationOf(c.req);
    if (header === undefined) throw unauthorized("Cannot answer without a bearer token", "");
    const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    // Digests have one length, so the comparison tells nothing of the token's own.
    if (token === undefined || !timingSafeEqual(digest(token), wanted)) {
      throw unauthorized("Cannot accept the token", `, error="invalid_token"`);
    }
    return next();
  };
}

function isOpen(path: string): boolean {
  return OPEN_PATHS.includes(path) || OPEN_PREFIXES.some((prefix) => path.startsWith(prefix));
}

function unauthorized(detail: string, more: string): ProblemError {
  const headers = { "www-authenticate": `Bearer realm="holdfast"${more}` };
  return new ProblemError("unauthorized", detail, { headers });
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
