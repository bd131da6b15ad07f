import { assertEquals, assertThrows } from "@std/assert";
import { ENGINE_ADDRESS } from "../../actors/adapters/vm/docker_limits.ts";
import { mergeConfig } from "../../scripts/lib/config.ts";
import { libsqlDirectory, serverPermissions } from "../../scripts/lib/permissions.ts";
import { environmentLayer } from "../../scripts/lib/read_config.ts";

const HOST = { userHome: "/users/ann", cwd: "/projects/site", cores: 2 };
const PATHS = { libsqlDir: "/cache/npm/registry/@libsql" };

function flagsFor(variables: Record<string, string>): Record<string, string[] | true> {
  const { config } = mergeConfig([environmentLayer((name) => variables[name])], HOST);
  return Object.fromEntries(
    serverPermissions(config, PATHS).map((flag) => {
      const [name = "", values] = flag.replace("--allow-", "").split("=");
      return [name, values?.split(",") ?? true];
    }),
  );
}

Deno.test("serverPermissions() allows by default just what the server needs", () => {
  const { env, ...flags } = flagsFor({});
  assertEquals(flags, {
    net: ["127.0.0.1:7717"],
    read: ["/users/ann/.holdfast"],
    write: ["/users/ann/.holdfast"],
    run: true,
    ffi: ["/cache/npm/registry/@libsql"],
    sys: ["cpus", "hostname", "networkInterfaces"],
  });
  assertEquals(Array.isArray(env) && env.includes("PATH") && env.includes("LIBSQL_JS_DEV"), true);
});

Deno.test("serverPermissions() keeps Holdfast's own settings out of the server's reach", () => {
  const { env } = flagsFor({ HOLDFAST_TASK_ENV: "API_KEY", HOLDFAST_SECRET_ENV: "DB_PASSWORD" });
  const names = env === true ? [] : env ?? [];
  assertEquals(names.filter((name) => name.startsWith("HOLDFAST") || name === "*"), []);
  assertEquals(names.includes("API_KEY") && names.includes("DB_PASSWORD"), true);
});

const ADDRESSES = {
  "[::1]:7717": "[::1]:7717",
  "127.0.0.1:0": "127.0.0.1:0",
  "localhost:80": "localhost:80",
};
for (const [listen, net] of Object.entries(ADDRESSES)) {
  Deno.test(`serverPermissions() allows the net to listen on ${listen} alone`, () => {
    assertEquals(flagsFor({ HOLDFAST_LISTEN: listen })["net"], [net]);
  });
}

const DATABASES = {
  "libsql://db.example": "db.example",
  "https://db.example:8443/x": "db.example:8443",
  "ws://127.0.0.1:9000": "127.0.0.1:9000",
};
for (const [url, host] of Object.entries(DATABASES)) {
  Deno.test(`serverPermissions() allows the net to reach the database ${url}`, () => {
    const { net, read } = flagsFor({ HOLDFAST_DATABASE_URL: url });
    assertEquals(net, ["127.0.0.1:7717", host]);
    assertEquals(read, ["/users/ann/.holdfast"]);
  });
}

Deno.test("serverPermissions() adds the directory of a database outside of the home", () => {
  const { write } = flagsFor({ HOLDFAST_DATABASE_URL: "file:/mnt/fast/holdfast.db" });
  assertEquals(write, ["/users/ann/.holdfast", "/mnt/fast"]);
  const inside = flagsFor({ HOLDFAST_DATABASE_URL: "file:/users/ann/.holdfast/other.db" });
  assertEquals(inside["write"], ["/users/ann/.holdfast"]);
});

Deno.test("serverPermissions() narrows programs to those named and its own", () => {
  const { run } = flagsFor({ HOLDFAST_ALLOW_RUN: "npm,git" });
  const forVms = ["bash", "bwrap", "nsenter", "script", "setpriv", "stty", "unshare"];
  assertEquals(run, ["git", "ps", "sh", ...forVms, "npm"]);
});

Deno.test("serverPermissions() allows the socket of a container engine where one is set", () => {
  const socket = "/run/podman/podman.sock";
  const { net, read, write } = flagsFor({ HOLDFAST_DOCKER_SOCKET: socket });
  assertEquals(net, ["127.0.0.1:7717", ENGINE_ADDRESS, `unix:${socket}`]);
  assertEquals(read, ["/users/ann/.holdfast", socket]);
  assertEquals(write, read);
});

Deno.test("serverPermissions() refuses a path that a flag cannot name", () => {
  const { config } = mergeConfig([], { ...HOST, userHome: "/users/ann, bob" });
  assertThrows(() => serverPermissions(config, PATHS), RangeError, "comma");
});

Deno.test("libsqlDirectory() finds the directory of all libSQL packages", () => {
  assertEquals(
    libsqlDirectory("file:///my%20cache/npm/registry/@libsql/client/1.0.0/lib/node.js"),
    "/my cache/npm/registry/@libsql",
  );
  assertThrows(() => libsqlDirectory("file:///elsewhere/mod.js"), Error, "/elsewhere/mod.js");
});
