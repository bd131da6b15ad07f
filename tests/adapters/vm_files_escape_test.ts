/** Every way out of the repository that a path or a link can try, races included. */
import { assert, assertEquals } from "@std/assert";
import { createVmFiles, type VmFiles } from "../../actors/adapters/vm/files.ts";
import { VmFileError } from "../../actors/adapters/vm/files_error.ts";
import { failsWith, overAndOver, SECRET, testInEachShell } from "../testing/vm_files_stage.ts";

/** Rounds of a race: most in the shell that is `sh` on most machines. */
const roundsOf = (shell: readonly string[]) => shell[0] === "/bin/dash" ? 200 : 80;
/** Calls at a time. */
const ABREAST = 4;

const INSIDE = "all may see this";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** What can be tried with a path. */
const TRIES: { [name: string]: (files: VmFiles, path: string) => Promise<unknown> } = {
  list: (files, path) => files.list(path),
  stat: (files, path) => files.stat(path),
  read: (files, path) => files.read(path),
  write: (files, path) => files.write(path, bytes("x")),
  create: (files, path) => files.write(path, bytes("x"), { mode: "create" }),
};

const NO_PATHS = [
  "..",
  "../outside/secret",
  "a/../../outside/secret",
  "a/..",
  "/etc/passwd",
  "/",
  "a//b",
  "a/",
  "./a",
  "a/./b",
  "a\0b",
  "\ud800",
  "x".repeat(256),
  "x/".repeat(300) + "x",
  `${"x".repeat(250)}/`.repeat(17) + "x",
];

Deno.test("paths that can lead out are refused before the VM is asked", async () => {
  const files = createVmFiles(() => Promise.reject(new Error("The VM was asked")), "/workspace");
  for (const path of NO_PATHS) {
    for (const attempt of Object.values(TRIES)) {
      await failsWith("invalid_path", attempt(files, path));
    }
    await failsWith("invalid_path", files.diff(path));
  }
  for (const path of ["", "."]) {
    await failsWith("is_directory", files.read(path));
    await failsWith("is_directory", files.write(path, bytes("x")));
  }
});

testInEachShell(
  "links that lead out are refused, whatever is done with them",
  async (stage, shell) => {
    const files = stage.files({ shell });
    const { top, repo } = stage;
    await Deno.mkdir(`${repo}/d/e`, { recursive: true });
    const links: [name: string, target: string][] = [
      ["file", `${top}/outside/secret`],
      ["relative", "../outside/secret"],
      ["dir", `${top}/outside`],
      ["up", ".."],
      ["twice", "dir"],
      ["d/thrice", "../twice/deep"],
      ["proc", "/proc/self/root"],
      ["cwd", "/proc/self/cwd/../outside"],
      ["near", `${top}/repo-not`],
      ["d/e/far", "../../../outside/deep"],
    ];
    for (const [name, target] of links) await Deno.symlink(target, `${repo}/${name}`);
    await Deno.mkdir(`${top}/repo-not`);
    await Deno.writeTextFile(`${top}/repo-not/secret`, SECRET);

    for (const path of ["file", "relative"]) await failsWith("outside", files.read(path));
    for (const dir of ["dir", "up", "twice", "d/thrice", "proc", "cwd", "near", "d/e/far"]) {
      await failsWith("outside", files.list(dir));
      await failsWith("outside", files.read(dir));
      for (const [, attempt] of Object.entries(TRIES)) {
        await failsWith("outside", attempt(files, `${dir}/secret`));
        await failsWith("outside", attempt(files, `${dir}/deep/secret`));
      }
      await failsWith("outside", files.write(`${dir}/new/file`, bytes("x")));
    }
    // Out and in again is out, too.
    await failsWith("outside", files.list("up/repo/d"));
    await stage.assertUntouched();
    assertEquals(await Deno.readTextFile(`${top}/repo-not/secret`), SECRET);
  },
);

testInEachShell("links that stay inside are followed", async (stage, shell) => {
  const files = stage.files({ shell });
  await Deno.mkdir(`${stage.repo}/d`);
  await stage.write("d/f", INSIDE);
  await Deno.symlink("d", `${stage.repo}/to-d`);
  await Deno.symlink(`${stage.repo}/to-d/f`, `${stage.repo}/to-f`);
  assertEquals(text((await files.read("to-f")).data), INSIDE);
  assertEquals(text((await files.read("to-d/f")).data), INSIDE);
  assertEquals((await files.list("to-d")).entries.map(({ name }) => name), ["f"]);
  await files.write("to-d/g", bytes("new"));
  assertEquals(await Deno.readTextFile(`${stage.repo}/d/g`), "new");
  const { type, target } = await files.stat("to-d");
  assertEquals([type, target], ["link", "d"]);
});

testInEachShell("write() replaces a link and leaves alone what it led to", async (stage, shell) => {
  const files = stage.files({ shell });
  const targets = ["../outside/secret", "../outside", "../outside/new", "nowhere/at/all", "self"];
  for (const target of targets) {
    await Deno.symlink(target, `${stage.repo}/self`);
    await failsWith("already_exists", files.write("self", bytes("x"), { mode: "create" }));
    const { created, type } = await files.write("self", bytes(target));
    assertEquals([created, type], [false, "file"]);
    assertEquals(await Deno.readTextFile(`${stage.repo}/self`), target);
    await Deno.remove(`${stage.repo}/self`);
    await stage.assertUntouched();
  }
});

testInEachShell("write() takes no name that somebody laid out for it", async (stage, shell) => {
  for (const target of ["../outside/secret", "../outside/new", "../outside", "/dev/null", "f"]) {
    const before = ({ TOKEN = "" }) => Deno.symlink(target, `${stage.repo}/.holdfast-${TOKEN}`);
    const files = stage.files({ shell, before });
    await files.write("f", bytes("changed")).then(
      () => assert(false, `It was taken: ${target}`),
      (error) => assert(error instanceof VmFileError, String(error)),
    );
    await stage.assertUntouched();
  }
});

testInEachShell("a work directory that has become a link is refused", async (stage, shell) => {
  await Deno.rename(stage.repo, `${stage.top}/moved`);
  await Deno.symlink(`${stage.top}/outside`, stage.repo);
  const files = stage.files({ shell });
  await failsWith("not_found", files.list(""));
  await failsWith("not_found", files.read("secret"));
  await failsWith("not_found", files.write("secret", bytes("x")));
  await failsWith("not_found", files.changes());
  await stage.assertUntouched();
});

testInEachShell(
  "a directory beside that begins with the same name is outside",
  async (stage, shell) => {
    // A newline at the end is what a shell takes off.
    for (const beside of [`${stage.repo}\n`, `${stage.repo}2`]) {
      await Deno.mkdir(beside);
      await Deno.writeTextFile(`${beside}/secret`, SECRET);
      await Deno.symlink(beside, `${stage.repo}/link`);
      const files = stage.files({ shell });
      await failsWith("outside", files.list("link"));
      await failsWith("outside", files.read("link/secret"));
      await failsWith("outside", files.write("link/secret", bytes("x")));
      assertEquals(await Deno.readTextFile(`${beside}/secret`), SECRET);
      await Deno.remove(`${stage.repo}/link`);
    }
  },
);

/** Counts what calls come to; whatever is no error of files is thrown. */
async function outcomes(
  rounds: number,
  attempt: (round: number) => Promise<string>,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let round = 0; round < rounds; round += ABREAST) {
    const calls = Array.from({ length: ABREAST }, async (_, i) => {
      let outcome: string;
      try {
        outcome = await attempt(round + i);
      } catch (error) {
        if (!(error instanceof VmFileError)) throw error;
        outcome = error.code;
      }
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    });
    await Promise.all(calls);
  }
  return counts;
}

/** Swaps what is at `a` for a link to `b`, and back, as fast as can be. */
const SWAP_FILE = `
  Deno.symlinkSync(b, a + ".link"); Deno.renameSync(a + ".link", a);
  Deno.writeTextFileSync(a + ".file", ${JSON.stringify(INSIDE)}); Deno.renameSync(a + ".file", a);`;
const SWAP_DIRECTORY = `
  Deno.renameSync(a, a + ".real"); Deno.symlinkSync(b, a);
  Deno.removeSync(a); Deno.renameSync(a + ".real", a);`;
/** As that, where the directory may be made anew and filled in between. */
const SWAP_FILLED = `
  Deno.renameSync(a, a + round); Deno.symlinkSync(b, a);
  Deno.removeSync(a); Deno.mkdirSync(a);
  Deno.removeSync(a + round, { recursive: true });`;
/** Swaps the link at `a` for one to `b`, and back: there is never none. */
const SWAP_LINK = `
  Deno.symlinkSync(b, a + ".out"); Deno.renameSync(a + ".out", a);
  Deno.symlinkSync("real", a + ".in"); Deno.renameSync(a + ".in", a);`;

testInEachShell(
  "read() of a name that is swapped for a link sees nothing outside",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await stage.write("f", INSIDE);
    await using _ = await overAndOver(SWAP_FILE, { a: `${stage.repo}/f`, b: "../outside/secret" });
    const counts = await outcomes(roundsOf(shell), async () => text((await files.read("f")).data));
    assert(!counts.has(SECRET), `It was seen: ${Deno.inspect(counts)}`);
    assert((counts.get(INSIDE) ?? 0) > 0 && (counts.get("outside") ?? 0) > 0, Deno.inspect(counts));
    assertEquals([...counts.keys()].sort(), [INSIDE, "outside"].sort());
  },
);

testInEachShell(
  "read() and list() in a directory that is swapped for a link see nothing outside",
  async (stage, shell) => {
    const files = stage.files({ shell });
    await Deno.mkdir(`${stage.repo}/d`);
    await stage.write("d/secret", INSIDE);
    await using _ = await overAndOver(SWAP_DIRECTORY, { a: `${stage.repo}/d`, b: "../outside" });
    const counts = await outcomes(roundsOf(shell), async (round) => {
      if (round % 2 === 0) return text((await files.read("d/secret")).data);
      return (await files.list("d")).entries.some(({ name }) => name === "deep") ? SECRET : INSIDE;
    });
    assert(!counts.has(SECRET), `It was seen: ${Deno.inspect(counts)}`);
    assert((counts.get(INSIDE) ?? 0) > 0 && (counts.get("outside") ?? 0) > 0, Deno.inspect(counts));
  },
);

testInEachShell(
  "write() where names are swapped for links changes nothing outside",
  async (stage, shell) => {
    const files = stage.files({ shell });
    for (const dir of ["real", "d"]) await Deno.mkdir(`${stage.repo}/${dir}`);
    const swaps = await Promise.all([
      overAndOver(SWAP_FILE, { a: `${stage.repo}/f`, b: "../outside/secret" }),
      overAndOver(SWAP_FILE, { a: `${stage.repo}/g`, b: "../outside" }),
      overAndOver(SWAP_LINK, { a: `${stage.repo}/link`, b: "../outside" }),
      overAndOver(SWAP_FILLED, { a: `${stage.repo}/d`, b: "../outside" }),
    ]);
    const paths = ["link/secret", "f", "g", "link/new/secret", "link/deep/secret", "d/secret"];
    const counts = await outcomes(roundsOf(shell), async (round) => {
      await files.write(paths[round % paths.length] ?? "", bytes("changed"));
      return "written";
    });
    for (const swap of swaps) await swap[Symbol.asyncDispose]();
    await stage.assertUntouched();
    assert(
      (counts.get("written") ?? 0) > 0 && (counts.get("outside") ?? 0) > 0,
      Deno.inspect(counts),
    );
  },
);
