/**
 * What a WebSocket's handshake carries in `Sec-WebSocket-Protocol`: the name of our protocol, and
 * the bearer token of a caller that cannot send headers of its own, as pages cannot. A header is
 * not written down where URLs are.
 */
import { decodeBase64Url } from "hono/utils/encode";

/** Of all names that are between the caller and the server. */
export const OWN_PREFIX = "holdfast.";
/** What the server speaks. */
export const PROTOCOL = `${OWN_PREFIX}v1`;
/** Followed by the token in base64url, without padding. */
export const TOKEN_PREFIX = `${OWN_PREFIX}bearer.`;

type Request = { header(name: string): string | undefined };

export function isUpgrade(request: Request): boolean {
  return request.header("upgrade")?.toLowerCase() === "websocket";
}

/** All that the caller offers. */
export function offeredProtocols(request: Request): string[] {
  const header = request.header("sec-websocket-protocol") ?? "";
  return header.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

/** The `Authorization` that a handshake without one means; undefined where it names no token. */
export function authorizationOf(request: Request): string | undefined {
  if (!isUpgrade(request)) return undefined;
  const offer = offeredProtocols(request).find((name) => name.startsWith(TOKEN_PREFIX));
  if (offer === undefined) return undefined;
  return `Bearer ${textOf(offer.slice(TOKEN_PREFIX.length))}`;
}

/** Empty where it is not base64url: that is nobody's token. */
function textOf(encoded: string): string {
  if (!/^[\w-]+$/.test(encoded)) return "";
  return new TextDecoder().decode(decodeBase64Url(encoded));
}
