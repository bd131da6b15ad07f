/** From a script's options and the configuration to a client: which server, and with which token. */
import { UsageError } from "./args.ts";
import { type Client, createClient } from "./client.ts";
import { serverUrl } from "./config.ts";
import { EXIT } from "./exit_codes.ts";
import { readConfig } from "./read_config.ts";

/** Options of every script that talks to the server. */
export const CONNECTION = {
  url: {
    type: "string",
    value: "URL",
    help: "Where the server is, if not where HOLDFAST_LISTEN or holdfast.json says",
  },
} as const;

/** Exit codes of every script that talks to the server. */
export const CONNECTION_CODES = {
  [EXIT.unavailable]: "The server cannot be reached",
  [EXIT.config]: "The configuration cannot be used",
} as const;

/** As above, for scripts that look for something. */
export const LOOKUP_CODES = {
  [EXIT.notFound]: "There is no such task or actor",
  ...CONNECTION_CODES,
} as const;

/** A client of the server that the options or the configuration name. */
export function connect({ url }: { url: string | undefined }): Client {
  const { config } = readConfig();
  return createClient({
    url: url === undefined ? serverUrl(config) : parseUrl(url),
    token: config.token,
  });
}

function parseUrl(text: string): string {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isHttp) throw new UsageError(`Cannot use --url "${text}": want http://HOST:PORT`);
  return text.replace(/\/+$/, "");
}
