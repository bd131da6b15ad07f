/** What the HTTP edge can be told, with its defaults. Reading the environment is not its work. */
import type { Clock } from "../actors/runtime/clock.ts";
import { systemClock } from "../actors/runtime/clock.ts";
import type { Logger } from "../actors/runtime/api.ts";
import { createRedactor, type Redactor } from "../actors/adapters/redact.ts";
import type { VmAccess } from "../actors/vm_access.ts";
import type { VmDefaults } from "../machines/workspace.ts";
import { HEARTBEAT_MS, MAX_BODY_BYTES, MAX_STREAMS, MAX_URL_CHARS } from "./limits.ts";

/** What `createApp` can be told. */
export type AppConfig = {
  /** Bearer token that callers must show; null asks for none. */
  token: string | null;
  /**
   * Host names by which the server may be called beside those of this machine alone, so that a
   * foreign name that resolves to it (DNS rebinding) reaches nothing; null allows every name.
   */
  allowedHosts: readonly string[] | null;
  /** Origins whose pages may call the API beside the server's own. */
  corsOrigins: readonly string[];
  maxBodyBytes: number;
  maxUrlChars: number;
  /** Connections that stay open for long, all together. */
  maxStreams: number;
  heartbeatMs: number;
  /** Takes secrets out of whatever an answer quotes. */
  redact: Redactor;
  /** The way into VMs; null where the server has none: then they have no paths. */
  vms: VmAccess | null;
  /** What a VM is made with where neither it nor its workspace says. */
  vmDefaults: VmDefaults;
  /** Where goals' templates are that go before Holdfast's own; null for nowhere. */
  templatesDir: string | null;
  /** Aborts when the server stops: what callers wait for ends then. */
  closing: AbortSignal;
  /** The server's version, for people. */
  version: string;
  log: Logger;
  clock: Pick<Clock, "now" | "wake">;
};

/** Fills in defaults. Without a token only this machine's own names are answered. */
export function resolveConfig(config: Partial<AppConfig> = {}): AppConfig {
  const token = config.token ?? null;
  return {
    allowedHosts: token === null ? [] : null,
    corsOrigins: [],
    maxBodyBytes: MAX_BODY_BYTES,
    maxUrlChars: MAX_URL_CHARS,
    maxStreams: MAX_STREAMS,
    heartbeatMs: HEARTBEAT_MS,
    redact: createRedactor({ values: [] }),
    vms: null,
    vmDefaults: {},
    templatesDir: null,
    closing: new AbortController().signal,
    version: "0.0.0",
    log: () => {},
    clock: systemClock,
    ...config,
    token,
  };
}
