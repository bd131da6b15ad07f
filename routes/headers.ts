/** Headers that tell a browser how little it may do with an answer. */

const COMMON: { readonly [name: string]: string } = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};

/** What is set where an answer says nothing else. */
const DEFAULTS: { readonly [name: string]: string } = {
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** For data: nothing in it may run. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** For the pages: their own scripts and calls, nothing from elsewhere. */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; " +
  "frame-ancestors 'none'";

/** Of a page or a part of one. */
export function pageHeaders(type: string): { [name: string]: string } {
  return {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": PAGE_POLICY,
    "cache-control": "no-cache",
  };
}

/** Adds what every answer carries. Those that are set already stay. */
export function secure(headers: Headers, requestId: string): void {
  for (const [name, value] of Object.entries(COMMON)) headers.set(name, value);
  if (!headers.has("content-security-policy")) {
    headers.set("content-security-policy", DATA_POLICY);
  }
  for (const [name, value] of Object.entries(DEFAULTS)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  headers.set("x-request-id", requestId);
}
