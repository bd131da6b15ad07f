/**
 * Which headers pass between a caller and a port in a VM. What is in a VM is not trusted: it never
 * sees what the caller shows to us, and a page from it never acts as a page of ours.
 */
import type { HeaderList } from "../../actors/vm_forward.ts";

/** Of one connection only (RFC 9110, 7.6.1); both sides have connections of their own. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Shown to us, and not to what is in a VM; those that name the caller's page name ours. */
const CALLERS_OWN = ["authorization", "cookie", "host", "origin", "referer", "forwarded"];

/**
 * What would reach beyond the page itself: into what the browser keeps for our origin, into which
 * other origins may read, or into what the person is asked for in our name.
 */
const REACHING = [
  "set-cookie",
  "set-cookie2",
  "clear-site-data",
  "service-worker-allowed",
  "strict-transport-security",
  "public-key-pins",
  "alt-svc",
  "www-authenticate",
  "content-security-policy",
  "cross-origin-resource-policy",
  "nel",
  "report-to",
];

/** Scripts may run, but in an origin of their own that is nobody's: it has no rights with us. */
const SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-pointer-lock " +
  "allow-popups allow-scripts";

export type ForwardPlace = {
  port: number;
  /** The path under which the port's own paths lie. */
  prefix: string;
};

/** Headers of the request as what listens on the port gets it. */
export function requestHeaders(
  headers: Headers,
  { port, prefix }: ForwardPlace,
  { url, from }: { url: URL; from: string | null },
): HeaderList {
  const dropped = new Set([...HOP_BY_HOP, ...CALLERS_OWN, ...named(headers.get("connection"))]);
  const passed = [...headers].filter(([name]) =>
    !dropped.has(name) && !name.startsWith("x-forwarded-") && !name.startsWith("sec-websocket-")
  );
  const host = `localhost:${port}`;
  return [
    ...passed,
    ["host", host],
    // Servers compare it with their own; which page of ours it was is not their matter.
    ...headers.has("origin") ? [["origin", `http://${host}`] as const] : [],
    ["x-forwarded-host", url.host],
    ["x-forwarded-proto", url.protocol.slice(0, -1)],
    ["x-forwarded-prefix", prefix],
    ...from === null ? [] : [["x-forwarded-for", from] as const],
  ];
}

/**
 * Headers of the answer as the caller gets it. `origin` is that of the page that asks. A page from
 * a VM is of origin `null`, and may have its own parts: whoever else is of that origin would have
 * to know the VM's id.
 */
export function answerHeaders(
  headers: HeaderList,
  place: ForwardPlace,
  origin: string | null = null,
): Headers {
  const connection = headers.filter(([name]) => name.toLowerCase() === "connection");
  const dropped = new Set([
    ...HOP_BY_HOP,
    ...REACHING,
    ...connection.flatMap(([, value]) => named(value)),
  ]);
  const passed = new Headers();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (dropped.has(lower) || lower.startsWith("access-control-")) continue;
    passed.append(name, lower === "location" ? relocated(value, place) : value);
  }
  passed.set("content-security-policy", SANDBOX);
  passed.set("cross-origin-resource-policy", "cross-origin");
  if (origin === "null") passed.set("access-control-allow-origin", "null");
  return passed;
}

/** Where a redirect of the port leads, seen from outside. */
function relocated(location: string, { port, prefix }: ForwardPlace): string {
  const own = new RegExp(`^https?://(?:localhost|127\\.0\\.0\\.1|\\[::1\\]):${port}(?=[/?#]|$)`);
  const path = location.replace(own, "");
  if (path === "") return `${prefix}/`;
  return path.startsWith("/") && !path.startsWith("//") ? prefix + path : path;
}

function named(connection: string | null): string[] {
  return (connection ?? "").split(",").map((name) => name.trim().toLowerCase());
}
