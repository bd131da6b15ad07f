/**
 * What git says of the files in a VM: which are changed, and how. Git runs in the VM, without
 * hooks, monitors and programs that the repository's configuration names for showing differences,
 * and only in a repository whose top is the work directory: not in one that happens to lie around
 * it. It changes nothing: what a diff needs of an index is done in a copy.
 */
import { MAX_DIFF_BYTES, MAX_STATUS_BYTES } from "./files_limits.ts";
import { pathParts } from "./files_path.ts";
import type { Runner } from "./files_run.ts";
import { type FileChanges, readChanges } from "./git_output.ts";

/** How files differ from the last commit, as `git diff` shows it, untracked ones included. */
export type Diff = {
  /** Bytes, since files need not be UTF-8. */
  patch: Uint8Array;
  /** Whether it is only the beginning; it ends with a whole line. */
  truncated: boolean;
};

/** `bounded` hands on `$MOST` bytes of what git says, and fails as git fails unless it was cut. */
const REPOSITORY = `
command -v git >/dev/null 2>&1 || exit 90
need head
unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_NAMESPACE \\
  GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_CONFIG_PARAMETERS \\
  GIT_CONFIG_COUNT GIT_CONFIG GIT_PREFIX GIT_TRACE
export GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0 GIT_LITERAL_PATHSPECS=1
export GIT_CEILING_DIRECTORIES="$parent"
run() {
  git --no-pager -c core.fsmonitor= -c core.hooksPath=/dev/null -c core.untrackedCache=false \\
    -c safe.directory="$root" -c gc.auto=0 -c maintenance.auto=false "$@"
}
at=$(run rev-parse --is-inside-work-tree --show-prefix 2>/dev/null) || at=
if [ "$at" != true ]; then
  # Git says best what is wrong with one that is there.
  if [ -e .git ] && [ -z "$at" ]; then run rev-parse --git-dir >/dev/null || exit 1; fi
  exit 91
fi
# Before the first commit there is the empty tree.
base=$(run rev-parse -q --verify 'HEAD^{commit}') || base=$(run hash-object -t tree /dev/null)
exec 3>&1
bounded() {
  code=$({ { run "$@"; echo "$?" >&4; } | head -c "$MOST" >&3; } 4>&1)
  [ "$code" = 0 ] || [ "$code" = 141 ] || exit 1
}
`;

const SHOWN = "--find-renames --no-ext-diff --no-textconv --no-color --no-relative";

/** Both lists, with two NULs after the first: no entry is empty. */
const CHANGES = `${REPOSITORY}
bounded status --porcelain=v2 --branch -z --untracked-files=all --find-renames
printf '\\0\\0'
bounded diff --numstat -z ${SHOWN} "$base" --
`;

/** In a copy of the index untracked files are announced, so that they are shown as new. */
const DIFF = `${REPOSITORY}
need mktemp cp rm
work=$(mktemp -d "\${TMPDIR:-/tmp}/holdfast.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# Its time stays, too: git takes by it what may have changed in the very second it was written.
index=$(run rev-parse --git-path index)
[ ! -f "$index" ] || cp -p "$index" "$work/index" || exit 1
export GIT_INDEX_FILE="$work/index"
# Fails where nothing of that name is untracked, or it is ignored.
run add --intent-to-add --ignore-errors -- "$WANTED" >/dev/null 2>&1
bounded diff ${SHOWN} --src-prefix=a/ --dst-prefix=b/ "$base" -- "$WANTED"
`;

const NEWLINE = 0x0a;

/** Lists the files that differ from the last commit. */
export async function listChanges(run: Runner): Promise<FileChanges> {
  const said = await run("list changes", {
    text: CHANGES,
    env: { MOST: String(MAX_STATUS_BYTES) },
    maxBytes: 2 * MAX_STATUS_BYTES + 2,
  });
  let end = said.findIndex((byte, at) => byte === 0 && said[at + 1] === 0);
  // Without changes the two are all; what is whole ends with a NUL of its own.
  if (said[end + 2] === 0) end++;
  const cut = end >= MAX_STATUS_BYTES;
  return readChanges(said.subarray(0, end), said.subarray(end + 2), cut);
}

/** Shows how files differ from the last commit: all, one, or those in a directory. */
export async function showDiff(run: Runner, path: string): Promise<Diff> {
  const parts = pathParts("compare", path);
  const said = await run(parts.length === 0 ? "compare files" : `compare "${path}"`, {
    text: DIFF,
    env: { MOST: String(MAX_DIFF_BYTES + 1), WANTED: parts.length === 0 ? "." : path },
    maxBytes: MAX_DIFF_BYTES + 1,
  });
  if (said.length <= MAX_DIFF_BYTES) return { patch: said, truncated: false };
  const end = said.lastIndexOf(NEWLINE, MAX_DIFF_BYTES - 1) + 1;
  return { patch: said.subarray(0, end === 0 ? MAX_DIFF_BYTES : end), truncated: true };
}
