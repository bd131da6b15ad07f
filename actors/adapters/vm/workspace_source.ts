/** What a VM's work directory is filled with when it is made. */

/** A git repository, cloned into the work directory. */
export type WorkspaceSource = {
  repo: string;
  /** A branch, tag or commit; by default the repository's own default branch. */
  ref: string | null;
};
