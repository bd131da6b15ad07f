/**
 * What may be handed to git as a repository and as a ref. Git takes options, helper programs and
 * expressions in the same places, so that only plain forms pass.
 */
import { ExecutorError } from "./executor.ts";

/** `https://…`, `ssh://…`, `git://…` or `file://…`, whose host is no option. */
const URL_FORM = /^(?:https|ssh|git|file):\/\/(?!-|[^/]*@-)\S+$/;
/** `user@host:path`; `helper::address` is none. */
const SSH_FORM = /^(?:\w[\w.-]*@)?\w[\w.-]*:(?![:/])\S+$/;
/** White space and what git gives a meaning of its own. */
const NO_REF = /[\s~^?*[\\:]|\.\.|@\{|^[-/]|\/\/|[./]$|\.lock$/;

/** Throws `ExecutorError("clone_failed")`. */
export function checkRepo(repo: string): void {
  const plain = repo.startsWith("/") || URL_FORM.test(repo) || SSH_FORM.test(repo);
  if (plain && !hasControl(repo)) return;
  throw new ExecutorError(
    "clone_failed",
    `Cannot clone "${repo}": want an https, ssh, git or file URL, user@host:path or a full path`,
  );
}

/** Throws `ExecutorError("clone_failed")`. */
export function checkRef(ref: string, repo: string): void {
  if (ref !== "" && !hasControl(ref) && !NO_REF.test(ref)) return;
  throw new ExecutorError(
    "clone_failed",
    `Cannot check out "${ref}" of "${repo}": that cannot be the name of a branch, tag or commit`,
  );
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
