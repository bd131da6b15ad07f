/**
 * Real git for tests: a repository with some history, and a `git://` server that can be told to
 * hang in the middle of an answer.
 */

/** Runs git with an identity of the test's own; returns its output. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args,
    cwd,
    env: {
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Author",
      GIT_AUTHOR_EMAIL: "author@example.org",
      GIT_COMMITTER_NAME: "Author",
      GIT_COMMITTER_EMAIL: "author@example.org",
    },
  }).output();
  if (success) return new TextDecoder().decode(stdout).trim();
  throw new Error(`Cannot run git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Makes a repository whose branch `main` holds `file` with "one", then "two". */
export async function makeRepository(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await git(path, "init", "--quiet", "--initial-branch=main");
  for (const content of ["one", "two"]) await commitFile(path, "file", content);
}

/** Commits a file; returns the commit's id. */
export async function commitFile(path: string, name: string, content: string): Promise<string> {
  await Deno.writeTextFile(`${path}/${name}`, content);
  await git(path, "add", "--all");
  await git(path, "commit", "--quiet", "--message", content);
  return await git(path, "rev-parse", "HEAD");
}

export type GitServer = {
  /** The address of a repository under the root. */
  url(name: string): string;
  /** Whether connections are taken and never answered. */
  hang: boolean;
  /** Resolves when somebody has connected and got no answer. */
  hanging(): Promise<void>;
  close(): Promise<void>;
};

/** Serves the repositories under `root`, with git's own daemon behind each connection. */
export function serveGit(root: string): GitServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent: Deno.Conn[] = [];
  const serving: Promise<unknown>[] = [];
  let waiting = Promise.withResolvers<void>();
  const server: GitServer = {
    url: (name) => `git://127.0.0.1:${listener.addr.port}/${name}`,
    hang: false,
    async hanging() {
      await waiting.promise;
      waiting = Promise.withResolvers();
    },
    async close() {
      listener.close();
      for (const connection of silent) connection.close();
      await Promise.all([accepting, ...serving]);
    },
  };
  const accept = async () => {
    for await (const connection of listener) {
      if (server.hang) {
        silent.push(connection);
        waiting.resolve();
      } else {
        serving.push(serve(connection, root));
      }
    }
  };
  const accepting = accept();
  return server;
}

async function serve(connection: Deno.Conn, root: string): Promise<void> {
  const daemon = new Deno.Command("git", {
    args: ["daemon", "--inetd", "--export-all", `--base-path=${root}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // Either side may hang up first, which is no failure of the test.
  await Promise.allSettled([
    connection.readable.pipeTo(daemon.stdin),
    daemon.stdout.pipeTo(connection.writable),
    daemon.status,
  ]);
}
