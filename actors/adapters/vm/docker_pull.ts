/** Getting an image: whether it is there, and pulling it while telling of the progress. */
import { type PullMessage, pullMessageSchema } from "./docker_answers.ts";
import { type Answer, check, type DockerApi, reasonOf } from "./docker_api.ts";
import {
  MAX_PULL_LAYERS,
  MAX_PULL_MESSAGE_BYTES,
  MAX_REFUSAL_BYTES,
  PULL_MS,
  PULL_PROGRESS_STEP,
  PULL_STALL_MS,
} from "./docker_limits.ts";
import { type CreateCall, ProviderError } from "./provider.ts";

/** Sees to it that the daemon has the image. Throws `ProviderError` or the signal's reason. */
export async function ensureImage(
  api: DockerApi,
  image: string,
  { action, signal, report }: { action: string } & Pick<CreateCall, "signal" | "report">,
): Promise<void> {
  const tell = (status: "inProgress" | "true", message: string, progress: number) =>
    report({
      type: "imagePulled",
      status,
      reason: status === "true" ? "Present" : "Pulling",
      message,
      progress,
    });
  const name = fullName(image);
  if (await hasImage(api, name, { action, signal })) return tell("true", `${name} is here`, 100);
  tell("inProgress", `Pulling ${name}`, 0);
  const progress = createProgress((percent) =>
    tell("inProgress", `Pulling ${name}: ${percent} %`, percent)
  );
  const endAt = api.clock.now() + PULL_MS;
  await api.follow(
    "/images/create",
    { action, signal, limitMs: PULL_STALL_MS, query: { fromImage: name } },
    async (response, alive) => {
      if (!response.ok) {
        const text = (await response.text()).slice(0, MAX_REFUSAL_BYTES);
        throw pullError(reasonOf({ status: response.status, text }), { name, action });
      }
      for await (const message of messagesOf(response, action)) {
        const reason = message.error ?? message.errorDetail?.message;
        if (reason !== undefined) throw pullError(reason, { name, action });
        progress.take(message);
        if (api.clock.now() < endAt) alive();
      }
    },
  );
  if (!await hasImage(api, name, { action, signal })) {
    throw new ProviderError(
      "failed",
      `Cannot ${action}: image "${name}" was pulled, but is not here`,
    );
  }
  tell("true", `Pulled ${name}`, 100);
}

/** With a tag: without one the API would pull all there are. */
export function fullName(image: string): string {
  const last = image.slice(image.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? image : `${image}:latest`;
}

/** Why an image was not to be had. By what registries, Docker and podman write. */
export function pullError(
  reason: string,
  { name, action }: { name: string; action: string },
): ProviderError {
  const code = PULL_TROUBLE.find(({ pattern }) => pattern.test(reason))?.code ?? "failed";
  const text = `Cannot ${action}: image "${name}" could not be pulled: ${reason}`;
  return new ProviderError(isLocal(name) && code === "unreachable" ? "invalid" : code, text);
}

/** Podman keeps what was built here under that name; nobody serves a registry of it. */
function isLocal(name: string): boolean {
  return name.startsWith("localhost/");
}

/** The first that fits: a name that cannot be is not the network's fault, however it was found. */
const PULL_TROUBLE: readonly { pattern: RegExp; code: ProviderError["code"] }[] = [
  {
    pattern: /invalid reference|must be lowercase|manifest(?: for .+)? (?:unknown|not found)/i,
    code: "invalid",
  },
  {
    pattern: new RegExp(
      [
        "dial (?:tcp|udp)",
        "no such host",
        "connection (?:refused|reset)",
        "i/o timeout|TLS handshake|deadline exceeded|timed? ?out",
        "network is unreachable",
        "unexpected EOF",
        "too ?many ?requests|\\b(?:429|500|502|503|504)\\b",
      ].join("|"),
      "i",
    ),
    code: "unreachable",
  },
  {
    pattern:
      /not found|does not exist|denied|unauthorized|authentication required|no match(?:ing)?/i,
    code: "invalid",
  },
];

async function hasImage(
  api: DockerApi,
  name: string,
  { action, signal }: { action: string; signal: AbortSignal },
): Promise<boolean> {
  const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`;
  const answer: Answer = await api.send("GET", path, { action, signal });
  if (answer.status === 404) return false;
  if (answer.status === 400 || /invalid reference/i.test(answer.text)) {
    throw new ProviderError("invalid", `Cannot ${action}: image "${name}": ${reasonOf(answer)}`);
  }
  check(answer, action);
  return true;
}

/** Adds up what is told of each layer, and passes it on as it grows. */
export function createProgress(
  tell: (percent: number) => void,
): { take(message: PullMessage): void } {
  const layers = new Map<string, { current: number; total: number }>();
  let told = 0;
  return {
    take({ id, status = "", progressDetail }) {
      if (id === undefined) return;
      const known = layers.get(id);
      if (known === undefined && layers.size >= MAX_PULL_LAYERS) return;
      // Extraction counts anew, and a layer that is there says so without figures.
      const total = Math.max(progressDetail?.total ?? 0, known?.total ?? 0);
      const isDone = /complete|already exists|extracting/i.test(status);
      const current = isDone ? total : Math.max(progressDetail?.current ?? 0, known?.current ?? 0);
      layers.set(id, { current: Math.min(current, total), total });
      const all = [...layers.values()];
      const whole = all.reduce((sum, layer) => sum + layer.total, 0);
      const have = all.reduce((sum, layer) => sum + layer.current, 0);
      // The image is not there before the daemon says so.
      const percent = whole === 0 ? 0 : Math.min(99, Math.floor((have / whole) * 100));
      if (percent < told + PULL_PROGRESS_STEP) return;
      told = percent;
      tell(percent);
    },
  };
}

/** One message a line. */
async function* messagesOf(response: Response, action: string): AsyncGenerator<PullMessage> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseMessage(line, action);
    if (text.length > MAX_PULL_MESSAGE_BYTES) throw brokenPull(action);
  }
  if (text.trim() !== "") yield parseMessage(text, action);
}

function parseMessage(line: string, action: string): PullMessage {
  try {
    return pullMessageSchema.parse(JSON.parse(line));
  } catch (error) {
    throw brokenPull(action, error);
  }
}

function brokenPull(action: string, cause?: unknown): ProviderError {
  const reason = "docker's messages while pulling are not what its API says";
  return new ProviderError("failed", `Cannot ${action}: ${reason}`, { cause });
}
