/**
 * Where the work of a task is done: a directory that exists, one of the task's own, or a worktree
 * of a repository. All that it makes lies under `home`; attempts of one task share it.
 */
import { isAbsolute, join } from "node:path";
import { ExecutorError, type ExecutorErrorCode, type WorkspaceInput } from "./executor.ts";
import { MAX_DIRECTORY_CHARS } from "./executor_limits.ts";
import { prepareWorktree, type RepositoryTools } from "./repository.ts";

/** Returns the directory, ready. Throws `ExecutorError` or the signal's reason. */
export async function prepareWorkspace(
  workspace: WorkspaceInput,
  taskId: string,
  { home, tools }: { home: string; tools: Omit<RepositoryTools, "repos"> },
): Promise<string> {
  if (workspace === null) {
    const path = join(home, "workspaces", directoryName(taskId));
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }
  if ("path" in workspace) return await existingDirectory(workspace.path);
  const path = join(home, "worktrees", directoryName(taskId));
  await prepareWorktree(workspace, path, { ...tools, repos: join(home, "repos") });
  return path;
}

/**
 * A name for a directory that no other id has and that cannot lead out of its parent: what is
 * not plain is written as %XX.
 */
export function directoryName(taskId: string): string {
  const name = taskId.replace(/^\.|[^\w.-]/g, percent);
  if (/^[!-~]+$/.test(taskId) && name.length <= MAX_DIRECTORY_CHARS) return name;
  throw new ExecutorError(
    "workspace_not_found",
    `Cannot make a directory for task "${taskId}": want an id of printable ASCII, not so long`,
  );
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * What a shell says of a directory. The server itself may read nothing but its own data, so it
 * asks; the command will run in the directory with the shell's permissions anyway.
 */
const LOOK = 'test -e "$1" || exit 3; test -d "$1" || exit 4; cd -- "$1" 2>/dev/null || exit 5';

async function existingDirectory(path: string): Promise<string> {
  const fail = (code: ExecutorErrorCode, reason: string) =>
    new ExecutorError(code, `Cannot use workspace "${path}": ${reason}`);
  if (!isAbsolute(path) || path.includes("\0")) {
    throw fail("workspace_not_found", "want a full path, one that begins with /");
  }
  const look = new Deno.Command("sh", {
    args: ["-c", LOOK, "sh", path],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "" },
    stdin: "null",
  });
  const { code } = await look.output();
  switch (code) {
    case 0:
      return path;
    case 3:
      throw fail(
        "workspace_not_found",
        "there is no such directory; create it or name another",
      );
    case 4:
      throw fail(
        "workspace_not_found",
        "it is not a directory; name the directory that holds it",
      );
    default:
      throw fail("permission_denied", "it may not be entered");
  }
}
