/** Reads what git says of changes: `status --porcelain=v2 --branch -z` and `diff --numstat -z`. */
import { decode } from "../executor/text_bytes.ts";

export type ChangeStatus =
  | "added"
  | "modified"
  | "deleted"
  | "renamed"
  | "copied"
  | "unmerged"
  | "untracked";

export type FileChange = {
  path: string;
  status: ChangeStatus;
  /** What it was called before, where it was renamed or copied. */
  from: string | null;
  /** Whether some of it is in the index. */
  staged: boolean;
  /** Lines; null where they are not counted: untracked and binary files. */
  additions: number | null;
  deletions: number | null;
};

export type FileChanges = {
  /** Null where no branch is checked out. */
  branch: string | null;
  /** The commit that changes are counted from; null before the first. */
  head: string | null;
  changes: FileChange[];
  /** Whether there are more than were listed. */
  truncated: boolean;
};

type Counts = Pick<FileChange, "additions" | "deletions">;

const UNCOUNTED: Counts = { additions: null, deletions: null };

/** Fields ahead of the path, by the kind of an entry. */
const FIELDS: { readonly [kind: string]: number } = { 1: 8, 2: 9, u: 10, "?": 1 };

/** From the two outputs. `cut` says that the first is not whole: its last entry goes. */
export function readChanges(status: Uint8Array, numstat: Uint8Array, cut: boolean): FileChanges {
  const counts = readCounts(numstat);
  const tokens = tokensOf(status);
  if (cut) tokens.pop();
  const found: FileChanges = { branch: null, head: null, changes: [], truncated: cut };
  while (tokens.length > 0) {
    const token = tokens.shift() ?? "";
    if (token.startsWith("# ")) {
      readHeader(found, token);
      continue;
    }
    const kind = token.charAt(0);
    const { fields, path } = splitEntry(token);
    const from = kind === "2" ? tokens.shift() ?? null : null;
    const [, xy = ".."] = fields;
    found.changes.push({
      path,
      status: statusOf(kind, xy),
      from,
      staged: kind !== "?" && xy.charAt(0) !== ".",
      ...counts.get(path) ?? UNCOUNTED,
    });
  }
  return found;
}

function readHeader(found: FileChanges, header: string): void {
  const [, name, ...words] = header.split(" ");
  const value = words.join(" ");
  if (name === "branch.oid") found.head = value === "(initial)" ? null : value;
  if (name === "branch.head") found.branch = value === "(detached)" ? null : value;
}

function splitEntry(token: string): { fields: string[]; path: string } {
  const count = FIELDS[token.charAt(0)];
  if (count === undefined) throw new TypeError(`Cannot read "${token}" in git's list of changes`);
  const words = token.split(" ");
  return { fields: words.slice(0, count), path: words.slice(count).join(" ") };
}

/** From the states in the index and in the work tree, against the last commit. */
function statusOf(kind: string, xy: string): ChangeStatus {
  if (kind === "?") return "untracked";
  if (kind === "u") return "unmerged";
  if (xy.includes("D")) return "deleted";
  if (xy.includes("R")) return "renamed";
  if (xy.includes("C")) return "copied";
  return xy.includes("A") ? "added" : "modified";
}

/** Lines added and deleted by path. A renamed file has an empty path, then the old and the new. */
function readCounts(numstat: Uint8Array): Map<string, Counts> {
  const tokens = tokensOf(numstat);
  const counts = new Map<string, Counts>();
  while (tokens.length > 0) {
    const match = /^(\d+|-)\t(\d+|-)\t([^]*)$/.exec(tokens.shift() ?? "");
    // Cut off, or at its end.
    if (match === null) break;
    const [, additions = "-", deletions = "-", name = ""] = match;
    const path = name === "" ? tokens.splice(0, 2)[1] : name;
    if (path === undefined) break;
    counts.set(path, { additions: countOf(additions), deletions: countOf(deletions) });
  }
  return counts;
}

function countOf(text: string): number | null {
  return text === "-" ? null : Number(text);
}

function tokensOf(bytes: Uint8Array): string[] {
  return decode(bytes).split("\0").filter((token) => token !== "");
}
