/** Why a file in a VM could not be worked with, and how the scripts there say so. */

/**
 * `invalid_path`: it can never be a path in the repository. `outside`: it leads out of the
 * repository through a link. `unsupported`: the VM lacks a program, or `/proc`.
 */
export type VmFileErrorCode =
  | "invalid_path"
  | "outside"
  | "not_found"
  | "not_a_directory"
  | "is_directory"
  | "not_a_file"
  | "permission_denied"
  | "already_exists"
  | "too_large"
  | "no_git"
  | "no_repository"
  | "unsupported"
  | "failed";

/** A file in a VM could not be worked with. */
export class VmFileError extends Error {
  /** Always `VmFileError`. */
  override name = "VmFileError";
  /** `message` is for people: action, value, reason. */
  constructor(readonly code: VmFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What a script says with its exit code. */
export const SCRIPT_EXITS: {
  readonly [exitCode: number]: { readonly code: VmFileErrorCode; readonly reason: string };
} = {
  81: { code: "outside", reason: "it leads out of the repository" },
  82: { code: "not_found", reason: "there is no such file or directory" },
  83: { code: "not_a_directory", reason: "a part of it is not a directory" },
  84: { code: "is_directory", reason: "it is a directory" },
  85: { code: "permission_denied", reason: "permission denied" },
  86: { code: "failed", reason: "its content did not come whole" },
  87: { code: "already_exists", reason: "it exists already" },
  88: { code: "unsupported", reason: "the VM lacks what is needed" },
  89: { code: "not_found", reason: "the VM's work directory is gone or is a link" },
  90: { code: "no_git", reason: "the VM has no git" },
  91: { code: "no_repository", reason: "the VM's work directory is not a git repository" },
  92: { code: "not_a_file", reason: "it is neither a file nor a directory" },
};
