/** What a command in a VM of the bwrap provider tries, and must not get. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { processOf } from "../testing/processes.ts";
import { bwrapUnavailable, openLab, processesWith, sleepOfOurs } from "./vm_bwrap_lab.ts";

const unavailable = await bwrapUnavailable();
const isRoot = Deno.uid() === 0;

function isolationTest(name: string, fn: () => Promise<void>): void {
  const skipped = unavailable === undefined ? "" : ` (skipped: ${unavailable})`;
  Deno.test({ name: `a bwrap VM ${name}${skipped}`, ignore: unavailable !== undefined, fn });
}

/** A host's file that only its not being there protects. */
async function openSecret(): Promise<{ directory: string; path: string } & AsyncDisposable> {
  const directory = await Deno.makeTempDir({ prefix: "holdfast_secret_" });
  await Deno.chmod(directory, 0o755);
  const path = join(directory, "file");
  await Deno.writeTextFile(path, "top-secret", { mode: 0o644 });
  await Deno.chmod(path, 0o644);
  return {
    directory,
    path,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

isolationTest("sees no files of the host but the system's", async () => {
  await using secret = await openSecret();
  await using lab = await openLab();
  const vm = await lab.create();
  const hostHome = Deno.env.get("HOME") ?? "/root";
  const { stdout } = await lab.run(
    vm,
    `cat ${secret.path}; ls ${secret.directory} ${lab.home} ${hostHome} /root; ls /tmp /home /run
    cat /etc/shadow /etc/sudoers /etc/gshadow; ls /home/dev`,
  );
  assertEquals(stdout.trim().split(/\s+/).filter((word) => !word.endsWith(":")), ["dev"]);
});

isolationTest("finds no way to the host through its own processes", async () => {
  await using secret = await openSecret();
  await using lab = await openLab();
  const vm = await lab.create();
  // An open directory of the host would lead to all of its files.
  const { stdout } = await lab.run(
    vm,
    `for at in /proc/[0-9]*/fd/* /proc/[0-9]*/root /proc/[0-9]*/cwd; do
      for up in / /../ /../../ /../../../../; do
        cat "$at$up${secret.path}" 2>/dev/null
      done
    done
    readlink /proc/1/fd/* | sort -u`,
  );
  assertEquals(stdout, "/dev/null\n");
});

isolationTest("does not follow links out of its work directory", async () => {
  await using secret = await openSecret();
  await using lab = await openLab();
  const vm = await lab.create();
  const linked = await lab.run(
    vm,
    `ln -s ${secret.path} file; ln -s ${secret.directory} directory; ln -s / root
    cat file directory/file root${secret.path}; echo >> file; echo > directory/new`,
  );
  assertEquals(linked.stdout, "");
  await lab.provider.delete(vm.vmId, { key: "delete", signal: new AbortController().signal });
  assertEquals(await Deno.readTextFile(secret.path), "top-secret");
  assertEquals(await Array.fromAsync(Deno.readDir(secret.directory), ({ name }) => name), ["file"]);
});

isolationTest("is a stranger to root's files where it sees them", async () => {
  if (!isRoot) return;
  await using secret = await openSecret();
  await Deno.chmod(secret.path, 0o600);
  await using lab = await openLab({ readOnlyPaths: [secret.directory] });
  const vm = await lab.create();
  const { stdout, stderr } = await lab.run(vm, `ls ${secret.directory}; cat ${secret.path}`);
  assertEquals(stdout, "file\n");
  assertStringIncludes(stderr, "Permission denied");
});

isolationTest("sees and signals none of the host's processes", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  const seconds = sleepOfOurs();
  const victim = new Deno.Command("sleep", { args: [seconds] }).spawn();
  try {
    const { stdout } = await lab.run(
      vm,
      // The brackets keep the pattern from finding itself.
      `grep -l '[${seconds.slice(0, 1)}]${seconds.slice(1)}' /proc/[0-9]*/cmdline
      kill -9 ${victim.pid} && echo killed; kill -0 ${victim.pid} && echo seen
      ls -d /proc/${victim.pid}
      ls /proc | grep -c '^[0-9]'`,
    );
    // Its first process, the shell, and those that look.
    assertMatch(stdout, /^[1-5]\n$/);
    await lab.run(vm, "kill -9 -1");
    assert(await processOf(victim.pid) !== undefined);
    assertEquals((await lab.run(vm, "echo alive")).stdout, "alive\n");
  } finally {
    victim.kill("SIGKILL");
    await victim.status;
  }
});

const REACH = (host: string, port: number) =>
  `bash -c 'exec 3<>/dev/tcp/${host}/${port} && echo reached'`;

isolationTest("reaches no network unless it is asked for", async () => {
  await using lab = await openLab();
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of server) connection.close();
  })();
  const { port } = server.addr;
  const alone = await lab.create({ vmId: "vm_alone" });
  const { stdout, stderr } = await lab.run(
    alone,
    `${REACH("127.0.0.1", port)}; ${REACH("1.1.1.1", 53)}; tail -n +3 /proc/net/dev | cut -d: -f1`,
  );
  assertEquals(stdout.trim(), "lo");
  assertStringIncludes(stderr, "Network is unreachable");
  const connected = await lab.create({ vmId: "vm_connected", network: "full" });
  assertEquals((await lab.run(connected, REACH("127.0.0.1", port))).stdout, "reached\n");
  server.close();
  await accepting;
});

isolationTest("writes nowhere but to its own directories", async () => {
  await using lab = await openLab();
  const other = await lab.create({ vmId: "vm_other" });
  await lab.run(other, "echo theirs > file");
  const vm = await lab.create();
  const { stdout } = await lab.run(
    vm,
    `for directory in / /usr /usr/bin /usr/local /opt /etc /etc/ssl /var /run /home /dev /proc/sys \\
        ${lab.home} ${lab.home}/vms/vm_other/workspace /workspace/../../vm_other/workspace; do
      (echo x > "$directory/holdfast_was_here") 2>/dev/null && echo "wrote to $directory"
    done
    (echo x > /proc/sys/kernel/hostname) 2>/dev/null && echo renamed
    (echo x > /etc/passwd) 2>/dev/null && echo "new users"
    for directory in /workspace /home/dev /tmp /var/tmp /dev/shm; do
      echo x > "$directory/file" && echo "ok $directory"
    done`,
  );
  assertEquals(stdout, "ok /workspace\nok /home/dev\nok /tmp\nok /var/tmp\nok /dev/shm\n");
  assertEquals((await lab.run(other, "cat *; ls /tmp ~")).stdout, "theirs\n/home/dev:\n\n/tmp:\n");
});

isolationTest("has no privileges and gets none", async () => {
  await using lab = await openLab();
  const vm = await lab.create();
  const { stdout } = await lab.run(
    vm,
    `id -u; grep -E '^(CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs)' /proc/self/status | sort | tr '\\n' ' '
    mount -t tmpfs tmpfs /tmp 2>/dev/null && echo mounted
    mount --bind / /tmp 2>/dev/null && echo bound
    umount /proc 2>/dev/null && echo unmounted
    unshare --user --map-root-user true 2>/dev/null && echo nested
    unshare --mount true 2>/dev/null && echo unshared
    nsenter -t 1 -a true 2>/dev/null && echo entered
    mknod /tmp/disk b 254 0 2>/dev/null && echo node
    setpriv --reuid 0 true 2>/dev/null && echo root
    chroot / true 2>/dev/null && echo chrooted
    exit 0`,
  );
  const none = "0000000000000000";
  assertEquals(
    stdout.replaceAll(/\s+/g, " "),
    `1000 CapAmb: ${none} CapEff: ${none} CapInh: ${none} CapPrm: ${none} NoNewPrivs: 1 `,
  );
});

isolationTest("knows nothing of the server's environment", async () => {
  const name = "HOLDFAST_BWRAP_TEST_VALUE";
  Deno.env.set(name, "of-the-server");
  try {
    await using lab = await openLab();
    const vm = await lab.create({ env: { MINE: "its own" } });
    const { stdout } = await lab.run(vm, "env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'");
    assertMatch(stdout, /^MINE=its own$/m);
    assertMatch(stdout, /^HOLDFAST_VM=vm_1$/m);
    assert(!/of-the-server/.test(stdout), stdout);
    const names = stdout.match(/^HOLDFAST_\w+(?==)/gm);
    assertEquals([...new Set(names)].sort(), ["HOLDFAST_VM", "HOLDFAST_VM_INSTANCE"]);
  } finally {
    Deno.env.delete(name);
  }
});

isolationTest("shows its variables to nobody on the host", async () => {
  await using lab = await openLab();
  const vm = await lab.create({ env: { TOKEN: "the-token-of-the-vm" } });
  const seen = Promise.withResolvers<number[]>();
  const { stdout } = await lab.run(vm, `echo "$TOKEN $MORE"; read line; echo "$line"`, {
    env: { MORE: "the-token-of-the-command" },
    stdin: ReadableStream.from((async function* () {
      seen.resolve(await processesWith("the-token-of"));
      yield new TextEncoder().encode("go on\n");
    })()),
  });
  assertEquals(stdout, "the-token-of-the-vm the-token-of-the-command\ngo on\n");
  assertEquals(await seen.promise, []);
});
