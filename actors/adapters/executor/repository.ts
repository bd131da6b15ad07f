/**
 * Git repositories as workspaces: one bare mirror for each URL, kept and fetched again, and one
 * worktree of it for each task. A kill -9 at any moment leaves nothing that the next attempt
 * trips over: a mirror appears by a rename, a worktree counts only with its mark.
 */
import { basename, dirname, join, resolve } from "node:path";
import { ExecutorError } from "./executor.ts";
import { absent, exists, removeIfThere } from "./files.ts";
import { checkRef, checkRepo } from "./git_names.ts";
import {
  GIT_ERROR_LINES,
  GIT_LOCAL_MS,
  GIT_NETWORK_MS,
  MAX_STALE_LOCKS,
  STALE_LOCK_MS,
} from "./executor_limits.ts";
import { type Git, GitError } from "./git.ts";
import type { Mutex } from "./mutex.ts";

export type RepositoryTools = {
  /** Where mirrors are kept. */
  repos: string;
  git: Git;
  /** Serialises the work on each mirror. */
  mutex: Mutex;
  signal: AbortSignal;
  /** Takes secrets out of git's messages. */
  redact: (text: string) => string;
  now: () => number;
  /** Locks older than this were left by an earlier server, whose processes are gone. */
  bornAt: number;
};

/** Makes or takes up the worktree at `path`. Throws `ExecutorError` or the signal's reason. */
export async function prepareWorktree(
  source: { repo: string; ref?: string },
  path: string,
  tools: RepositoryTools,
): Promise<void> {
  checkRepo(source.repo);
  if (await takeUpWorktree(path, await mirrorOf(source.repo, tools))) return;
  await withCommit(
    source,
    tools,
    ({ mirror, commit }) => addWorktree(path, commit, { mirror, tools }),
  );
}

/**
 * Works with a fresh mirror and the commit that `ref` names in it, alone. What git says no to in
 * `work` is explained as what it is. Throws `ExecutorError` or the signal's reason.
 */
export async function withCommit(
  { repo, ref }: { repo: string; ref?: string },
  tools: RepositoryTools,
  work: (at: { mirror: string; commit: string }) => Promise<void>,
): Promise<void> {
  checkRepo(repo);
  if (ref !== undefined) checkRef(ref, repo);
  const mirror = await mirrorOf(repo, tools);
  await tools.mutex(mirror, tools.signal, async () => {
    try {
      await refreshMirror(repo, mirror, tools);
      await work({ mirror, commit: await findCommit(ref, mirror, tools) });
    } catch (error) {
      throw explain(error, { repo, ref, redact: tools.redact });
    }
  });
}

/** Written into a worktree's administrative directory when it is whole. */
const READY_MARK = "holdfast-ready";

/** Whether a whole worktree stands there; what an ended attempt had locked is unlocked. */
async function takeUpWorktree(path: string, mirror: string): Promise<boolean> {
  const gitDir = await gitDirOf(path);
  if (gitDir === null || !await exists(join(gitDir, READY_MARK))) return false;
  if (dirname(dirname(gitDir)) !== await Deno.realPath(mirror).catch(absent)) return false;
  for (const lock of ["index.lock", "HEAD.lock"]) await removeIfThere(join(gitDir, lock));
  return true;
}

async function refreshMirror(repo: string, mirror: string, tools: RepositoryTools): Promise<void> {
  if (await exists(mirror)) return await fetchAll(mirror, tools);
  const partial = `${mirror}.partial`;
  await removeIfThere(partial);
  await Deno.mkdir(partial, { recursive: true, mode: 0o700 });
  const at = { cwd: partial, limitMs: GIT_LOCAL_MS };
  await tools.git(["init", "--quiet", "--bare", "--template=", "."], at);
  // Branches arrive as remote-tracking ones: those under refs/heads belong to the worktrees.
  await tools.git(["remote", "add", "--", "origin", repo], at);
  await fetchAll(partial, tools);
  await Deno.rename(partial, mirror);
}

function fetchAll(mirror: string, tools: RepositoryTools): Promise<void> {
  return gitUnlocking(["fetch", "--quiet", "--prune", "--tags", "--force", "origin"], {
    mirror,
    limitMs: GIT_NETWORK_MS,
    tools,
  });
}

/** The commit that a branch, a tag, an id or another ref of the repository names. */
async function findCommit(
  ref: string | undefined,
  mirror: string,
  tools: RepositoryTools,
): Promise<string> {
  const at = { cwd: mirror, limitMs: GIT_LOCAL_MS };
  for (const name of ref === undefined ? [] : localNames(ref)) {
    const commit = await resolveCommit(name, tools.git, at);
    if (commit !== null) return commit;
  }
  await gitUnlocking(["fetch", "--quiet", "origin", ref ?? "HEAD"], {
    mirror,
    limitMs: GIT_NETWORK_MS,
    tools,
  });
  const commit = await resolveCommit("FETCH_HEAD", tools.git, at);
  if (commit === null) throw new GitError(["rev-parse"], "it names no commit");
  return commit;
}

/** What a name of the repository may be called in the mirror. */
function localNames(ref: string): string[] {
  if (ref.startsWith("refs/heads/")) return [`refs/remotes/origin/${ref.slice(11)}`];
  if (ref.startsWith("refs/tags/")) return [ref];
  const names = [`refs/remotes/origin/${ref}`, `refs/tags/${ref}`];
  return /^[0-9a-f]{7,64}$/.test(ref) ? [...names, ref] : names;
}

async function resolveCommit(
  name: string,
  git: Git,
  at: { cwd: string; limitMs: number },
): Promise<string | null> {
  try {
    const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
    return (await git(args, at)).trim();
  } catch (error) {
    if (error instanceof GitError) return null;
    throw error;
  }
}

async function addWorktree(
  path: string,
  commit: string,
  { mirror, tools }: { mirror: string; tools: RepositoryTools },
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await forgetWorktree(path, mirror);
  await gitUnlocking(["worktree", "add", "--quiet", "--detach", path, commit], {
    mirror,
    limitMs: GIT_LOCAL_MS,
    tools,
  });
  const gitDir = await gitDirOf(path);
  if (gitDir === null) throw new GitError(["worktree"], `it left no worktree at ${path}`);
  await Deno.writeTextFile(join(gitDir, READY_MARK), `${commit}\n`);
}

/**
 * Removes a torn worktree and what the mirror knows of it. Git's own prune will not: it keeps
 * one that was cut off while being made, as locked.
 */
async function forgetWorktree(path: string, mirror: string): Promise<void> {
  await removeIfThere(path);
  const known = join(mirror, "worktrees");
  if (!await exists(known)) return;
  const gitFile = join(await Deno.realPath(dirname(path)), basename(path), ".git");
  for await (const { name } of Deno.readDir(known)) {
    const pointer = await Deno.readTextFile(join(known, name, "gitdir")).catch(absent);
    if (pointer === undefined || pointer.trim() === gitFile) {
      await removeIfThere(join(known, name));
    }
  }
}

/** Runs a git command in the mirror, removing locks that a killed git left in its way. */
async function gitUnlocking(
  args: readonly string[],
  { mirror, limitMs, tools }: { mirror: string; limitMs: number; tools: RepositoryTools },
): Promise<void> {
  for (let removed = 0;; removed++) {
    try {
      await tools.git(args, { cwd: mirror, limitMs });
      return;
    } catch (error) {
      const lock = error instanceof GitError ? await staleLock(error.stderr, mirror, tools) : null;
      if (lock === null || removed >= MAX_STALE_LOCKS) throw error;
      await removeIfThere(lock);
    }
  }
}

/** The lock file of the mirror that git complained about, if nobody can hold it any more. */
async function staleLock(
  stderr: string,
  mirror: string,
  { now, bornAt }: RepositoryTools,
): Promise<string | null> {
  const named = /Unable to create '([^'\n]+\.lock)': File exists/.exec(stderr)?.[1];
  if (named === undefined) return null;
  const path = resolve(mirror, named);
  const roots = [mirror, await Deno.realPath(mirror)];
  if (!roots.some((root) => path.startsWith(`${root}/`))) return null;
  const info = await Deno.stat(path).catch(absent);
  const madeAt = info?.mtime?.getTime() ?? now();
  return madeAt < bornAt || madeAt < now() - STALE_LOCK_MS ? path : null;
}

/** Where a worktree's `.git` file points. */
async function gitDirOf(path: string): Promise<string | null> {
  const pointer = await Deno.readTextFile(join(path, ".git")).catch(absent);
  return /^gitdir: (.+)$/m.exec(pointer ?? "")?.[1] ?? null;
}

const NO_SUCH_REF = /couldn't find remote ref|not our ref|unadvertised object|names no commit/;
const NETWORK_TROUBLE = new RegExp(
  [
    "Could not resolve host",
    "Connection (?:refused|timed out|reset|closed)",
    "Failed to connect",
    "Network is unreachable",
    "No route to host",
    "Operation (?:timed out|too slow)",
    "early EOF",
    "RPC failed",
    "SSL_ERROR|TLS connection|gnutls_handshake",
    "returned error: (?:408|429|5\\d\\d)",
  ].join("|"),
  "i",
);

function explain(
  error: unknown,
  { repo, ref, redact }: {
    repo: string;
    ref: string | undefined;
    redact: (text: string) => string;
  },
): unknown {
  if (error instanceof ExecutorError) {
    return new ExecutorError(error.code, redact(`Cannot clone "${repo}": ${error.message}`));
  }
  if (!(error instanceof GitError)) return error;
  if (NO_SUCH_REF.test(error.stderr)) {
    const message = ref === undefined
      ? `Cannot clone "${repo}": it has no commit yet`
      : `Cannot check out "${ref}" of "${repo}": it has no such branch, tag or commit`;
    return new ExecutorError("clone_failed", redact(message));
  }
  const code = NETWORK_TROUBLE.test(error.stderr) ? "network" : "clone_failed";
  const lines = error.stderr.trim().split(/\s*\n/).slice(-GIT_ERROR_LINES).join("\n");
  return new ExecutorError(code, redact(`Cannot clone "${repo}": ${lines || error.message}`));
}

async function mirrorOf(repo: string, { repos }: RepositoryTools): Promise<string> {
  return join(repos, await digest(repo));
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 32);
}
