/**
 * The page at `/`: tasks as they change, a form to start one, and what the chosen one writes.
 * Live data comes as NDJSON over `fetch`, since an EventSource cannot carry the token.
 */
const TOKEN = "holdfast.token";
const PAGE = 50;
const RECONNECT_MS = 2_000;
/** Output beyond this is cut from its beginning; all of it is at `/output`. */
const MAX_OUTPUT_CHARS = 500_000;

const $ = (id) => document.getElementById(id);

/** Tasks shown, by id, newest first. */
const tasks = new Map();
let chosen = null;
let following = null;
let nextCursor = null;
let lastSeq = null;
let asking = null;

/** Calls the API; asks for the token where it is wanted, and tries again. */
async function call(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...token && { authorization: `Bearer ${token}` } };
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    await askToken(token);
    return call(path, options);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  throw new Error(problem.detail ?? problem.title);
}

/** One dialog at a time, however many calls were refused. */
function askToken(refused) {
  if (sessionStorage.getItem(TOKEN) !== refused) return Promise.resolve();
  asking ??= new Promise((resolve) => {
    const dialog = $("token-dialog");
    dialog.addEventListener("close", () => {
      asking = null;
      sessionStorage.setItem(TOKEN, $("token").value);
      resolve();
    }, { once: true });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
  return asking;
}

function post(path, body = {}) {
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Opens a stream; when this resolves, nothing that happens from now on is missed. */
function open(path, signal) {
  return call(path, { headers: { accept: "application/x-ndjson" }, signal });
}

/** Each line of a stream as an object. */
async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const whole = (rest + part.value).split("\n");
    rest = whole.pop();
    for (const line of whole) if (line !== "") yield JSON.parse(line);
  }
}

/** Follows the feed for good. Without a position to go on from, the list is read again. */
async function followFeed() {
  for (;;) {
    let reason = "";
    try {
      const after = lastSeq === null ? "" : `&after=${lastSeq}`;
      const feed = await open(`/v1/feed?kinds=task${after}`);
      if (lastSeq === null) await loadTasks();
      showConnection("live", "good");
      for await (const item of lines(feed)) await take(item);
    } catch ({ message }) {
      reason = `: ${message}`;
    }
    showConnection(`reconnecting${reason}`, "bad");
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

async function take(entry) {
  if (entry.event === "reset") {
    tasks.clear();
    return await loadTasks();
  }
  lastSeq = entry.seq;
  const id = entry.address.slice("task:".length);
  const known = tasks.get(id);
  if (known === undefined) {
    const task = await (await call(`/v1/tasks/${encodeURIComponent(id)}`)).json();
    // An older one has its place further down, and comes with "Older tasks".
    if (isNewest(task)) putTask(task, { isNew: true });
  } else if (entry.revision > known.revision) {
    putTask({ ...known, state: entry.state, status: entry.status, revision: entry.revision });
  }
}

async function loadTasks(cursor) {
  const page = cursor ? `&cursor=${cursor}` : "";
  const { items, nextCursor: next } = await (await call(`/v1/tasks?limit=${PAGE}${page}`)).json();
  nextCursor = next;
  for (const task of items) putTask(task);
  $("more").hidden = nextCursor === null;
  $("empty").hidden = tasks.size > 0;
}

function isNewest({ createdAt }) {
  return [...tasks.values()].every((task) => task.createdAt <= createdAt);
}

function putTask(task, { isNew = false } = {}) {
  tasks.set(task.id, task);
  const item = document.getElementById(`item-${task.id}`);
  const fresh = itemOf(task);
  if (item !== null) item.replaceChildren(...fresh.childNodes);
  else if (isNew) $("tasks").prepend(fresh);
  else $("tasks").append(fresh);
  $("empty").hidden = true;
  if (task.id === chosen) showFacts(task);
}

function itemOf(task) {
  const hadFocus = document.activeElement?.dataset.id === task.id;
  const button = element("button", { type: "button" });
  button.dataset.id = task.id;
  button.setAttribute("aria-current", String(task.id === chosen));
  button.append(
    chipOf(task.state),
    element("span", { className: "title", textContent: task.title, title: task.id }),
    element("time", {
      dateTime: task.createdAt,
      textContent: new Date(task.createdAt).toLocaleTimeString(),
    }),
  );
  button.addEventListener("click", () => choose(task.id));
  const item = element("li", { id: `item-${task.id}` });
  item.append(button);
  if (hadFocus) queueMicrotask(() => button.focus());
  return item;
}

function chipOf(state) {
  const chip = element("span", { textContent: state.replace(/^running\./, ""), title: state });
  chip.dataset.state = moodOf(state);
  return chip;
}

function moodOf(state) {
  if (state === "succeeded") return "good";
  if (state === "failed" || state === "timedOut") return "bad";
  if (/waitingFor|paused/.test(state)) return "person";
  return /^(dispatched|running)/.test(state) ? "running" : "waiting";
}

/** Shows a task and follows it until it ends or another is chosen. */
async function choose(id) {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  chosen = id;
  for (const button of $("tasks").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.id === id));
  }
  $("detail").hidden = false;
  $("detail-heading").textContent = tasks.get(id).title;
  $("output").textContent = "";
  showFacts(tasks.get(id));
  $("detail-heading").focus();
  try {
    const stream = await open(`/v1/tasks/${encodeURIComponent(id)}/stream`, signal);
    for await (const { event, data } of lines(stream)) {
      if (event === "output") appendOutput(data.data);
      if (event === "end") showFacts(data);
    }
  } catch (error) {
    if (!signal.aborted) say(error.message);
  }
}

function appendOutput(text) {
  const output = $("output");
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 40;
  output.append(text);
  const { textContent } = output;
  if (textContent.length > 2 * MAX_OUTPUT_CHARS) {
    output.textContent = `…\n${textContent.slice(-MAX_OUTPUT_CHARS)}`;
  }
  if (atEnd) output.scrollTop = output.scrollHeight;
}

function showFacts(task) {
  const parts = [chipOf(task.state), ` · ${task.id}`];
  if (typeof task.result?.exitCode === "number") parts.push(` · exit ${task.result.exitCode}`);
  if (task.error && task.status !== "active") parts.push(` · ${task.error.message}`);
  // A link cannot carry the token.
  if (sessionStorage.getItem(TOKEN) === null) parts.push(" · ", outputLink(task));
  $("facts").replaceChildren(...parts);
  for (const button of $("actions").children) button.disabled = !isSensible(button.value, task);
}

function outputLink({ id }) {
  const href = `/v1/tasks/${encodeURIComponent(id)}/output`;
  return element("a", { href, textContent: "output as text" });
}

function isSensible(action, { state, status }) {
  if (action === "retry") return status !== "active" || state === "retrying";
  if (status !== "active") return false;
  if (action === "pause") return state === "running.working";
  return action === "resume" ? state === "running.paused" : true;
}

/** Splits a command line at white space, but not inside quotes; nothing is expanded. */
function argumentsOf(line) {
  const parts = line.match(/(?:[^\s"']+|"(?:\\.|[^"\\])*"|'[^']*')+/g) ?? [];
  return parts.map((part) =>
    part.replaceAll(
      /"((?:\\.|[^"\\])*)"|'([^']*)'/g,
      (_whole, double, single) => single ?? double.replaceAll(/\\(.)/g, "$1"),
    )
  );
}

function say(text) {
  $("message").textContent = text;
}

function showConnection(text, state) {
  $("connection").textContent = text;
  $("connection").dataset.state = state;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

$("new-task").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const { command, title, path, priority } = Object.fromEntries(new FormData(form));
  say("");
  try {
    const response = await post("/v1/tasks", {
      executor: "command",
      command: argumentsOf(command),
      priority,
      trigger: "manual",
      ...title && { title },
      ...path && { workspace: { path } },
    });
    const task = await response.json();
    if (!tasks.has(task.id)) putTask(task, { isNew: true });
    form.elements.command.value = "";
    await choose(task.id);
  } catch (error) {
    say(error.message);
  }
});

$("actions").addEventListener("click", async ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  say("");
  try {
    const response = await post(`/v1/tasks/${encodeURIComponent(chosen)}/${target.value}`);
    if (response.status === 201) await choose((await response.json()).id);
  } catch (error) {
    say(error.message);
  }
});

$("more").addEventListener(
  "click",
  () => loadTasks(nextCursor).catch(({ message }) => say(message)),
);

followFeed();
