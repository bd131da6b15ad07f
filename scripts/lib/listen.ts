/**
 * The server's socket. It is bound before anything is recovered, so that an address that is taken
 * stops the start while nothing has happened yet; until the system is ready, calls but those for
 * health are told to come back.
 */
import { listenAddress } from "./config.ts";
import { EXIT, ExitError } from "./exit_codes.ts";
import type { Config } from "./settings.ts";

/** What a caller that came too early should wait, seconds. */
const RETRY_AFTER_S = 1;
/** How long connections may take to end by themselves: commands in VMs have time to be ended. */
const CLOSE_MS = 5_000;

const HEALTH_PATHS = ["/healthz", "/readyz"];

export type Listener = {
  /** The URL under which it can be reached, with the port that it really got. */
  url: string;
  /** From now on all calls are answered. */
  open(): void;
  /** Takes no more connections, and lets those that are there end. */
  close(): Promise<void>;
};

/** Binds the address. Throws `ExitError` where that cannot be. */
export function listen(
  config: Config,
  fetch: (
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ) => Response | Promise<Response>,
): Listener {
  const { hostname, port } = listenAddress(config);
  let open = false;
  const serve = (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) =>
    open || HEALTH_PATHS.includes(new URL(request.url).pathname)
      ? fetch(request, info)
      : tooEarly();
  const server = bind(
    config.listen,
    () => Deno.serve({ hostname, port, onListen: () => {} }, serve),
  );
  return {
    url: urlOf(server.addr),
    open() {
      open = true;
    },
    async close() {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, CLOSE_MS);
      // Those that stay go with the process: Deno throws where what is shutting down is aborted.
      await Promise.race([server.shutdown(), late.promise]);
      clearTimeout(timer);
    },
  };
}

function bind<T>(address: string, serve: () => T): T {
  try {
    return serve();
  } catch (error) {
    throw new ExitError(EXIT.unavailable, `Cannot listen on ${address}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "another program listens there; end it, or set HOLDFAST_LISTEN to a free address";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  return error instanceof Error ? error.message : String(error);
}

function tooEarly(): Response {
  const problem = {
    type: "about:blank",
    title: "Service Unavailable",
    status: 503,
    detail: "Cannot answer yet: the server is starting",
  };
  return Response.json(problem, {
    status: 503,
    headers: { "content-type": "application/problem+json", "retry-after": `${RETRY_AFTER_S}` },
  });
}

/** An address that means any is reached on loopback. */
function urlOf({ hostname, port }: Deno.NetAddr): string {
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
