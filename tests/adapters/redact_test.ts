import { assert, assertEquals, assertLess } from "@std/assert";
import { createRedactingStream, createRedactor } from "../../actors/adapters/redact.ts";

const redact = createRedactor({ values: [] });

/** Made here piece by piece, so that no scanner takes this file for a leak. */
const key = (prefix: string, length: number) => prefix + "a1B2c3D4e5".repeat(20).slice(0, length);
const base64Line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ";

function pem(label: string, newline = "\n"): string {
  const lines = [
    `-----BEGIN ${label}-----`,
    ...Array(30).fill(base64Line),
    `-----END ${label}-----`,
  ];
  return lines.join(newline);
}

Deno.test("redact() hides the keys and tokens of common makers", () => {
  const secrets = [
    key("sk-", 48),
    key("sk-proj-", 60),
    key("sk-ant-api03-", 90),
    key("sk_live_", 24),
    ...["ghp_", "gho_", "ghs_", "ghu_", "ghr_"].map((prefix) => key(prefix, 36)),
    key("github_pat_", 82),
    key("glpat-", 20),
    key("xoxb-", 40),
    key("xapp-", 40),
    `AKIA${"A1B2C3D4".repeat(2)}`,
    key("AIza", 35),
    key("npm_", 36),
    key("hf_", 34),
    `${key("eyJ", 30)}.${key("eyJ", 80)}.${key("", 43)}`,
  ];
  for (const secret of secrets) {
    assertEquals(redact(`before ${secret} after`), "before [redacted] after");
    assertEquals(redact(`{"x":"${secret}"}`), `{"x":"[redacted]"}`);
  }
});

Deno.test("redact() hides what stands where secrets stand", () => {
  const cases = [
    ["https://user:hunter2@host/path", "https://user:[redacted]@host/path"],
    ["postgres://app:p4ss:word@db:5432/x", "postgres://app:[redacted]@db:5432/x"],
    [`https://${key("", 30)}@host/x.git`, "https://[redacted]@host/x.git"],
    ["password=hunter2 next", "password=[redacted] next"],
    ["PGPASSWORD='hunter2'", "PGPASSWORD='[redacted]'"],
    ["token: abcdef12,", "token: [redacted],"],
    [`"api_key": "abcdef12"`, `"api_key": "[redacted]"`],
    [`{\\"apiKey\\":\\"abcdef12\\"}`, `{\\"apiKey\\":\\"[redacted]\\"}`],
    ["aws_secret_access_key = abc/def+12=", "aws_secret_access_key = [redacted]"],
    ["GITHUB_TOKEN=abcdef12", "GITHUB_TOKEN=[redacted]"],
    ["https://h/x?access_token=abcdef12&y=1", "https://h/x?access_token=[redacted]&y=1"],
    [`Authorization: Bearer ${key("", 20)}`, "Authorization: Bearer [redacted]"],
    ["Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"],
    [`curl -H "X: bearer ${key("", 20)}"`, `curl -H "X: bearer [redacted]"`],
  ];
  for (const [text = "", expected = ""] of cases) assertEquals(redact(text), expected);
});

Deno.test("redact() hides private keys, in files, in JSON and cut short", () => {
  for (const label of ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"]) {
    assertEquals(redact(`a\n${pem(label)}\nb`), "a\n[redacted]\nb");
    assertEquals(redact(`{"key":"${pem(label, "\\n")}"}`), `{"key":"[redacted]"}`);
    assertEquals(redact(`a\n${pem(label).slice(0, 300)}`), "a\n[redacted]");
  }
  const old = pem("RSA PRIVATE KEY").replace(
    "\n",
    "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,1A\n\n",
  );
  assertEquals(redact(`a\n${old}\nb`), "a\n[redacted]\nb");
  assertEquals(redact(pem("CERTIFICATE")), pem("CERTIFICATE"));
});

Deno.test("redact() leaves what only looks like a secret", () => {
  const plain = [
    "const token: string = next();",
    "token = getToken()",
    "password: process.env.PASSWORD",
    `export TOKEN=$TOKEN`,
    "task-force-one-two-three-four-five",
    ".sk-circle-fade-dot-delay-one { }",
    `const MARK = "-----BEGIN PRIVATE KEY-----";`,
    "http://localhost:8080/@scope/name",
    "git@github.com:owner/name.git",
    "tokens: 12345678",
    "the bearer of this letter",
  ];
  for (const text of plain) assertEquals(redact(text), text);
});

Deno.test("redact() hides the given values, and of several lines each", () => {
  const lines = [`first line of ${base64Line}`, `second line of ${base64Line}`, "}"];
  const hide = createRedactor({
    values: ["short", "hunter2", "hunter2-and-more", lines.join("\n")],
  });
  assertEquals(hide("hunter2-and-more hunter2 short"), "[redacted] [redacted] short");
  assertEquals(hide(`x ${lines.join("\n")} y`), "x [redacted] y");
  assertEquals(hide(`x ${lines[1]} y }`), "x [redacted] y }");
});

Deno.test("redact() changes nothing in what it has redacted", () => {
  const once = redact(`password=hunter2 https://u:p@h ${key("ghp_", 36)} ${pem("PRIVATE KEY")}`);
  assertEquals(redact(once), once);
});

const ADVERSARIAL_CHARS = 1024 * 1024;
/** On a busy machine; in quadratic time it would be hours. */
const ADVERSARIAL_MS = 10_000;

Deno.test("redact() takes linear time, whatever the text", () => {
  const seeds = [
    ...["a", " ", "\n", "-", "=", "\\n", "eyJ", "eyJ.", "eyJaaaaaaaa.", "sk-", "ghp_", "AKIA"],
    ...["://", "://a:", "://a:b", "token=", "token=x(", "token \t", "bearer ", "authorization:"],
    ...["-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----A: b"],
    ...["-----BEGIN PRIVATE KEY-----\n\n\n\n", "PRIVATE KEY-----\\n\\n\\n\\n", "password=a.b.c."],
  ];
  for (const seed of seeds) {
    const text = seed.repeat(Math.ceil(ADVERSARIAL_CHARS / seed.length));
    const startedAt = performance.now();
    redact(text);
    const stream = createRedactingStream(redact);
    for (let at = 0; at < text.length; at += 4096) stream.push(text.slice(at, at + 4096));
    stream.flush();
    const tookMs = performance.now() - startedAt;
    assertLess(tookMs, ADVERSARIAL_MS, `${JSON.stringify(seed)} took ${tookMs} ms`);
  }
});

/** Every way to cut `text` in two, and into single characters. */
function* cuts(text: string): Generator<string[]> {
  for (let at = 0; at <= text.length; at++) yield [text.slice(0, at), text.slice(at)];
  yield [...text];
}

Deno.test("push() sees secrets that straddle pieces", () => {
  const text = `one ${key("ghp_", 36)}\ntwo https://u:hunter2@h\npassword: "abcdef12"\nü🦕 end`;
  for (const pieces of cuts(text)) {
    const stream = createRedactingStream(redact);
    const shown = pieces.map((piece) => stream.push(piece)).join("") + stream.flush();
    assertEquals(shown, redact(text));
  }
});

Deno.test("push() sees a private key that comes line by line", () => {
  const text = `before\n${pem("OPENSSH PRIVATE KEY")}\nafter\n`;
  for (const size of [1, 7, 64, 500]) {
    const stream = createRedactingStream(redact);
    let shown = "";
    for (let at = 0; at < text.length; at += size) shown += stream.push(text.slice(at, at + size));
    assertEquals(shown + stream.flush(), "before\n[redacted]\nafter\n");
  }
});

Deno.test("push() shows finished lines at once, and holds back only so much of an endless one", () => {
  const stream = createRedactingStream(redact);
  assertEquals(stream.push("done\nunfinished"), "done\n");
  assertEquals(stream.flush(), "unfinished");
  let shown = "";
  for (let piece = 0; piece < 100; piece++) {
    shown += stream.push("x".repeat(1000));
    assertLess(stream.held, 20_000);
  }
  shown += stream.push(` ${key("ghp_", 36)} `) + stream.push("y".repeat(50_000)) + stream.flush();
  assert(shown.startsWith("x".repeat(100_000) + " [redacted] yyy") && shown.endsWith("yyy"));
});
