/**
 * Answers that stay open: their number is limited, a slow reader holds up its own source and
 * nothing else, a quiet one is kept alive by heartbeats, and whatever ends the connection ends the
 * source. What is sent is not this file's matter.
 */
import type { AppConfig } from "./config.ts";
import { tooManyStreams } from "./errors.ts";
import { STREAM_BUFFER_BYTES } from "./limits.ts";

/** Where a source puts its frames. */
export type Sink = {
  /** Queues a frame; resolves when there is room for another. */
  write(frame: Uint8Array): Promise<void>;
  /** Aborted when the reader is gone. */
  readonly signal: AbortSignal;
};

export type StreamOptions = {
  headers: { readonly [name: string]: string };
  /** Sent after each quiet span; none for bodies that must not hold anything else. */
  heartbeat?: Uint8Array<ArrayBuffer>;
  /** Fills the stream; it ends when this resolves, and breaks off when it throws. */
  source: (sink: Sink) => Promise<void>;
  /** Told why a source broke off. */
  failed: (error: unknown) => void;
};

export type Streams = {
  /** Opens a stream, or throws when too many are open. Nothing runs before the body is read. */
  open(method: string, options: StreamOptions): Response;
  /** Holds one of the places while a request waits. */
  hold<T>(work: () => Promise<T>): Promise<T>;
  count(): number;
};

export function createStreams(
  { maxStreams, heartbeatMs, clock }: Pick<AppConfig, "maxStreams" | "heartbeatMs" | "clock">,
): Streams {
  let open = 0;
  const acquire = () => {
    if (open >= maxStreams) throw tooManyStreams(maxStreams);
    open++;
    let held = true;
    return () => {
      if (held) open--;
      held = false;
    };
  };
  return {
    open: (method, options) => {
      // The body of an answer to HEAD is never read, so its source would never end.
      if (method === "HEAD") return new Response(null, { headers: options.headers });
      const release = acquire();
      return new Response(bodyOf(options, { release, heartbeatMs, clock }), {
        headers: options.headers,
      });
    },
    hold: async (work) => {
      const release = acquire();
      try {
        return await work();
      } finally {
        release();
      }
    },
    count: () => open,
  };
}

type Keeping = { release: () => void; heartbeatMs: number; clock: AppConfig["clock"] };

function bodyOf(options: StreamOptions, keeping: Keeping): ReadableStream<Uint8Array> {
  const abort = new AbortController();
  const queue = createQueue();
  let cancelHeartbeat = () => {};
  const beat = () => {
    const { heartbeat } = options;
    if (heartbeat === undefined) return;
    cancelHeartbeat = keeping.clock.wake(keeping.clock.now() + keeping.heartbeatMs, () => {
      if (queue.isEmpty()) queue.push(heartbeat);
      beat();
    });
  };
  const end = () => {
    cancelHeartbeat();
    keeping.release();
  };
  let running = false;
  const run = async () => {
    running = true;
    beat();
    try {
      await options.source({ write: (frame) => queue.push(frame), signal: abort.signal });
      queue.end();
    } catch (error) {
      if (!abort.signal.aborted) options.failed(error);
      queue.end(error);
    } finally {
      end();
    }
  };
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (!running) run();
      const chunk = await queue.take();
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: (reason) => {
      abort.abort(reason);
      queue.end();
      end();
    },
  }, { highWaterMark: 0 });
}

type Queue = {
  /** Resolves when the queue is below its bound. */
  push(frame: Uint8Array): Promise<void>;
  /** All that waits as one chunk; null at the end. Throws what the source threw. */
  take(): Promise<Uint8Array | null>;
  end(error?: unknown): void;
  isEmpty(): boolean;
};

/** Between one source and one reader. Frames that pile up while the reader is busy leave as one. */
function createQueue(): Queue {
  let frames: Uint8Array[] = [];
  let bytes = 0;
  let ended = false;
  let failure: unknown;
  let filled = Promise.withResolvers<void>();
  let drained = Promise.withResolvers<void>();
  return {
    push: (frame) => {
      // An empty chunk would end a chunked body.
      if (ended || frame.byteLength === 0) return Promise.resolve();
      frames.push(frame);
      bytes += frame.byteLength;
      filled.resolve();
      return bytes < STREAM_BUFFER_BYTES ? Promise.resolve() : drained.promise;
    },
    take: async () => {
      if (frames.length === 0 && !ended) await filled.promise;
      if (frames.length === 0) {
        if (failure !== undefined) throw failure;
        return null;
      }
      const chunk = joined(frames, bytes);
      frames = [];
      bytes = 0;
      if (!ended) filled = Promise.withResolvers();
      drained.resolve();
      drained = Promise.withResolvers();
      return chunk;
    },
    end: (error) => {
      ended = true;
      failure ??= error;
      filled.resolve();
      drained.resolve();
    },
    isEmpty: () => frames.length === 0,
  };
}

function joined(frames: Uint8Array[], bytes: number): Uint8Array {
  const [first] = frames;
  if (frames.length === 1 && first !== undefined) return first;
  const chunk = new Uint8Array(bytes);
  let offset = 0;
  for (const frame of frames) {
    chunk.set(frame, offset);
    offset += frame.byteLength;
  }
  return chunk;
}
