/**
 * A repository as the work directory of a VM: a whole one of its own. Unlike a task's worktree it
 * shares nothing with the mirror it is made from, since programs in the VM may write to it, and
 * holds no credentials.
 */
import { GIT_LOCAL_MS, GIT_NETWORK_MS } from "../executor/executor_limits.ts";
import { removeIfThere } from "../executor/files.ts";
import { type Git, GitError } from "../executor/git.ts";
import { type RepositoryTools, withCommit } from "../executor/repository.ts";
import type { WorkspaceSource } from "./workspace_source.ts";

/**
 * Clones into `path`, on a branch where `ref` is one. Whatever stands there goes. Throws
 * `ExecutorError` or the signal's reason.
 */
export async function clone(
  { repo, ref }: WorkspaceSource,
  path: string,
  tools: RepositoryTools,
): Promise<void> {
  await withCommit({ repo, ...(ref === null ? {} : { ref }) }, tools, async (found) => {
    await removeIfThere(path);
    await Deno.mkdir(path, { recursive: true });
    const { git } = tools;
    const at = { cwd: path, limitMs: GIT_LOCAL_MS };
    await git(["init", "--quiet", "--template=", "."], at);
    await git(["remote", "add", "--", "origin", withoutCredentials(repo)], at);
    // From the mirror by git's own transport, which copies; and without its path left anywhere.
    const fetched = ["+refs/remotes/origin/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
    const quietly = ["--quiet", "--no-tags", "--no-write-fetch-head"];
    await git(["fetch", ...quietly, found.mirror, ...fetched, found.commit], at);
    const branch = ref ?? await defaultBranch(found.mirror, git);
    const onBranch = branch !== null && await isBranch(branch, found.commit, { git, at });
    await git(
      onBranch
        ? ["checkout", "--quiet", "-B", shortName(branch), "--track", `origin/${shortName(branch)}`]
        : ["checkout", "--quiet", "--detach", found.commit],
      at,
    );
  });
}

/** For `.git/config`: a user name stays only where it is part of the address, as for ssh. */
export function withoutCredentials(repo: string): string {
  return repo.replace(
    /^(\w+):\/\/([^/@]*)@(?=[^/])/,
    (_, scheme: string, user: string) =>
      scheme === "ssh" ? `${scheme}://${user.replace(/:.*$/, "")}@` : `${scheme}://`,
  );
}

const HEADS = "refs/heads/";

function shortName(ref: string): string {
  return ref.startsWith(HEADS) ? ref.slice(HEADS.length) : ref;
}

/** The branch that the repository itself checks out, where it says so. */
async function defaultBranch(mirror: string, git: Git): Promise<string | null> {
  const at = { cwd: mirror, limitMs: GIT_NETWORK_MS };
  const answer = await git(["ls-remote", "--symref", "origin", "HEAD"], at);
  return /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(answer)?.[1] ?? null;
}

async function isBranch(
  ref: string,
  commit: string,
  { git, at }: { git: Git; at: { cwd: string; limitMs: number } },
): Promise<boolean> {
  const name = `refs/remotes/origin/${shortName(ref)}`;
  try {
    const tip = await git(["rev-parse", "--verify", "--quiet", "--end-of-options", name], at);
    return tip.trim() === commit;
  } catch (error) {
    if (error instanceof GitError) return false;
    throw error;
  }
}
