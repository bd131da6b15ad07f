import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, listenAddress, mergeConfig, parseConfig } from "../../scripts/lib/config.ts";
import { serverUrl } from "../../scripts/lib/config.ts";
import {
  environmentLayer,
  fileLayer,
  flagLayer,
  SETTING_OPTIONS,
} from "../../scripts/lib/read_config.ts";
import { settingNames, SETTINGS, shown } from "../../scripts/lib/settings.ts";

const HOST = { userHome: "/users/ann", cwd: "/projects/site", cores: 3 };

function fromEnvironment(variables: Record<string, string>) {
  return mergeConfig([environmentLayer((name) => variables[name])], HOST);
}

Deno.test("mergeConfig() keeps everything on this machine and under one home by default", () => {
  const { config, sources } = mergeConfig([], HOST);
  assertEquals(config.listen, "127.0.0.1:7717");
  assertEquals(config.home, "/users/ann/.holdfast");
  assertEquals(config.databaseUrl, "file:/users/ann/.holdfast/holdfast.db");
  assertEquals(config.maxConcurrentTasks, 6);
  assertEquals(config.token, null);
  assertEquals(config.allowRun, null);
  assertEquals(new Set(Object.values(sources)), new Set(["default"]));
});

Deno.test("mergeConfig() lets flags win over the environment, and that over the file", () => {
  const file = fileLayer(
    "holdfast.json",
    `{"listen": "[::1]:1", "drainMs": 1, "logLevel": "warn"}`,
  );
  const environment = environmentLayer((name) =>
    ({ HOLDFAST_LISTEN: "[::1]:2", HOLDFAST_DRAIN_MS: "2" })[name]
  );
  const flags = flagLayer({ listen: "[::1]:3" });
  const { config, sources } = mergeConfig([file, environment, flags], HOST);
  assertEquals([config.listen, config.drainMs, config.logLevel], ["[::1]:3", 2, "warn"]);
  assertEquals(
    [sources.listen, sources.drainMs, sources.logLevel, sources.home],
    ["--listen", "HOLDFAST_DRAIN_MS", `holdfast.json "logLevel"`, "default"],
  );
});

Deno.test("mergeConfig() reads lists and switches from text as from JSON", () => {
  const text = fromEnvironment({
    HOLDFAST_TASK_ENV: "A_KEY, B_KEY,",
    HOLDFAST_STANDBY: "true",
    HOLDFAST_SYNC_MODE: "normal",
    HOLDFAST_ALLOW_RUN: "git",
  }).config;
  const json = mergeConfig([
    fileLayer(
      "holdfast.json",
      `{"taskEnv": ["A_KEY", "B_KEY"], "standby": true, "syncMode": "NORMAL", "allowRun": ["git"]}`,
    ),
  ], HOST).config;
  assertEquals(text, json);
  assertEquals(text.taskEnv, ["A_KEY", "B_KEY"]);
});

Deno.test("mergeConfig() takes an empty variable as not given", () => {
  assertEquals(fromEnvironment({ HOLDFAST_TOKEN: "" }).config.token, null);
});

Deno.test("mergeConfig() makes paths absolute and keeps the database in the home", () => {
  assertEquals(fromEnvironment({ HOLDFAST_HOME: "data" }).config.home, "/projects/site/data");
  const tilde = fromEnvironment({ HOLDFAST_HOME: "~/h" }).config;
  assertEquals(tilde.databaseUrl, "file:/users/ann/h/holdfast.db");
  const remote = fromEnvironment({ HOLDFAST_DATABASE_URL: "libsql://db.example" }).config;
  assertEquals(remote.databaseUrl, "libsql://db.example");
  const relative = fromEnvironment({ HOLDFAST_DATABASE_URL: "file:./x/a.db" }).config;
  assertEquals(relative.databaseUrl, "file:/projects/site/x/a.db");
});

const REFUSED: readonly [variable: string, value: string][] = [
  ["HOLDFAST_LISTEN", "7717"],
  ["HOLDFAST_LISTEN", "localhost"],
  ["HOLDFAST_LISTEN", "::1:7717"],
  ["HOLDFAST_LISTEN", "127.0.0.1:65536"],
  ["HOLDFAST_HOME", "/a,b"],
  ["HOLDFAST_MAX_CONCURRENT_TASKS", "0"],
  ["HOLDFAST_MAX_CONCURRENT_TASKS", "many"],
  ["HOLDFAST_MAX_CONCURRENT_TASKS", "1.5"],
  ["HOLDFAST_DATABASE_URL", "postgres://x"],
  ["HOLDFAST_SYNC_MODE", "OFF"],
  ["HOLDFAST_TASK_ENV", "A-B"],
  ["HOLDFAST_LOG_LEVEL", "loud"],
  ["HOLDFAST_STANDBY", "perhaps"],
  ["HOLDFAST_CORS_ORIGINS", "https://example.com/path"],
  ["HOLDFAST_DRAIN_MS", "-1"],
];

for (const [variable, value] of REFUSED) {
  Deno.test(`mergeConfig() refuses ${variable}=${value}, naming both`, () => {
    const error = assertThrows(() => fromEnvironment({ [variable]: value }), ConfigError);
    assertStringIncludes(error.message, `Cannot use ${variable} `);
    assertStringIncludes(error.message, value);
    assertEquals(error.exitCode, 78);
  });
}

Deno.test("mergeConfig() names every value that cannot be used", () => {
  const variables = { HOLDFAST_LISTEN: "x", HOLDFAST_DRAIN_MS: "y" };
  const { message } = assertThrows(() => fromEnvironment(variables), ConfigError);
  assertEquals(message.split("\n").length, 2);
});

Deno.test("mergeConfig() refuses to be reached from other machines without a token", () => {
  for (const listen of ["0.0.0.0:7717", "[::]:7717", "192.168.1.2:7717", "example.com:80"]) {
    const open = { HOLDFAST_LISTEN: listen };
    const error = assertThrows(() => fromEnvironment(open), ConfigError, "HOLDFAST_TOKEN");
    assertStringIncludes(error.message, listen);
    assertEquals(fromEnvironment({ ...open, HOLDFAST_TOKEN: "s3cret" }).config.listen, listen);
  }
  for (const listen of ["127.0.0.1:0", "127.8.9.1:7717", "[::1]:7717", "localhost:7717"]) {
    assertEquals(fromEnvironment({ HOLDFAST_LISTEN: listen }).config.listen, listen);
  }
});

Deno.test("mergeConfig() never shows a secret, not even one that cannot be used", () => {
  const { message } = assertThrows(
    () => fromEnvironment({ HOLDFAST_TOKEN: "two words" }),
    ConfigError,
  );
  assertEquals(message.includes("words"), false);
  assertEquals(shown("token", "s3cret"), "(hidden)");
  assertEquals(shown("token", null), null);
  assertEquals(
    shown("databaseUrl", "https://ann:pw@db.example/?authToken=abc&tls=1"),
    "https://(hidden)@db.example/?authToken=(hidden)&tls=1",
  );
  assertEquals(shown("listen", "127.0.0.1:1"), "127.0.0.1:1");
});

Deno.test("SETTING_OPTIONS has a flag for every setting but the secrets", () => {
  assertEquals("max-concurrent-tasks" in SETTING_OPTIONS, true);
  assertEquals("token" in SETTING_OPTIONS, false);
  const secrets = settingNames().filter((name) => SETTINGS[name].secret);
  assertEquals(Object.keys(SETTING_OPTIONS).length, settingNames().length - secrets.length);
});

Deno.test("fileLayer() refuses what is no object of settings", () => {
  assertThrows(() => fileLayer("holdfast.json", "{"), ConfigError, "Cannot read configuration");
  assertThrows(() => fileLayer("holdfast.json", "[]"), ConfigError, "want a JSON object");
  assertThrows(() => fileLayer("h.json", `{"lisen": 1}`), ConfigError, `Cannot use h.json "lisen"`);
});

Deno.test("parseConfig() takes a configuration through JSON unchanged", () => {
  const { config } = fromEnvironment({ HOLDFAST_LISTEN: "[::1]:0", HOLDFAST_TASK_ENV: "A" });
  assertEquals(parseConfig(JSON.parse(JSON.stringify(config))), config);
  assertThrows(() => parseConfig({ ...config, listen: 5 }), ConfigError, "listen");
});

Deno.test("listenAddress() and serverUrl() know IPv6 and addresses that mean any", () => {
  const at = (listen: string) => ({ ...mergeConfig([], HOST).config, listen });
  assertEquals(listenAddress(at("[::1]:80")), { hostname: "::1", port: 80 });
  assertEquals(serverUrl(at("[::1]:80")), "http://[::1]:80");
  assertEquals(serverUrl(at("0.0.0.0:80")), "http://127.0.0.1:80");
  assertEquals(serverUrl(at("localhost:80")), "http://localhost:80");
});
