/** How VMs look to people: in lists, on their way, and in full. */
import { showDuration } from "./durations.ts";
import { type Fact, factsText, joined, section } from "./facts.ts";
import { fromNow } from "./moments.ts";
import { type Column, layOut, visible } from "./output.ts";
import type { Condition, Vm } from "./vm_answers.ts";

/** Longest title in a list. */
const MAX_TITLE_CHARS = 40;

/** `now` is asked at each drawing. */
export function vmColumns(now: () => number): Column<Vm>[] {
  return [
    { title: "ID", value: (vm) => vm.id },
    { title: "STATE", value: stateText },
    { title: "PROVIDER", value: (vm) => vm.provider },
    { title: "AGE", value: (vm) => showDuration(now() - Date.parse(vm.createdAt)), align: "right" },
    { title: "TASKS", value: (vm) => Object.keys(vm.tasks).length, align: "right" },
    { title: "NEXT", value: (vm) => nextText(vm, now()) },
    { title: "TITLE", value: (vm) => shortened(titleOf(vm) ?? "") },
  ];
}

/** What is being done to it, for a line that is drawn again and again. */
export function progressOf({ state, conditions, error }: Vm): string {
  const last = conditions.at(-1);
  if (state !== "provisioning" || last === undefined) return `${state} …`;
  const { type, status, progress, message } = last;
  const done = status === "inProgress" ? ` ${progress}%` : "";
  const failed = error?.message ? ` (${error.message}; it is tried again)` : "";
  return `${state}: ${wordsOf(type)}${done}${message === "" ? "" : `: ${message}`}${failed} …`;
}

/** A VM in full: a line for each fact, its conditions and its tasks. */
export function vmText(vm: Vm, now: number): string {
  return joined(
    factsText(vm.id, factsOf(vm, now)),
    section("Conditions", vm.conditions.length === 0 ? [] : layOut(vm.conditions, CONDITIONS)),
    section("Tasks", Object.entries(vm.tasks).map(([task, hold]) => visible(`${task}  ${hold}`))),
  );
}

const CONDITIONS: Column<Condition>[] = [
  { title: "TYPE", value: ({ type }) => type },
  { title: "STATUS", value: ({ status }) => status },
  { title: "DONE", value: ({ progress }) => `${progress}%`, align: "right" },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "MESSAGE", value: ({ message }) => shortened(message) },
];

function factsOf(vm: Vm, now: number): Fact[] {
  const { resources = {}, idle = {}, labels = {}, envNames = [], error, method, cleanup } = vm;
  const at = (time: string | null | undefined) =>
    time ? `${time} (${fromNow(Date.parse(time), now)})` : null;
  const limits = Object.entries(resources).flatMap(([name, value]) =>
    value === null ? [] : [`${name} ${value}`]
  );
  const timers = Object.entries(idle).map(([name, ms]) =>
    `${wordsOf(name.replace(/Ms$/, ""))} ${ms === null ? "never" : showDuration(ms)}`
  );
  return [
    ["state", stateText(vm)],
    ["title", titleOf(vm)],
    ["provider", vm.provider],
    ["image", vm.image],
    ["repo", vm.repo && `${vm.repo}${vm.ref ? ` at ${vm.ref}` : ""}`],
    ["work dir", vm.workDir],
    ["network", vm.network],
    ["limits", limits.join(", ")],
    ["idle", timers.join(", ")],
    ["workspace", vm.workspace],
    ["owner", vm.owner],
    ["labels", Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ")],
    ["env", envNames.join(", ")],
    ["created", at(vm.createdAt)],
    ["last used", at(vm.lastActivityAt)],
    ["sleeps", at(vm.sleepAt)],
    ["notified", at(vm.notifyAt)],
    ["recycled", at(vm.recycleAt)],
    ["expires", at(vm.expireAt)],
    ["ended", at(vm.endedAt)],
    ["retried", at(vm.retryAt)],
    ["method", method],
    ["clean-up", cleanup],
    ["error", error ? `${error.code}: ${error.message}` : null],
  ];
}

/** The state, and whether its provider has not seen it for long. */
function stateText({ state, link }: Vm): string {
  return link === "offline" ? `${state}, offline` : state;
}

/** Without a title of its own it is called by its id. */
function titleOf({ id, title }: Vm): string | null {
  return title === undefined || title === id ? null : title;
}

/** What its timers do next. */
function nextText({ sleepAt, recycleAt, expireAt }: Vm, now: number): string | null {
  const due: [string, string | null | undefined][] = [
    ["sleeps", sleepAt],
    ["recycled", recycleAt],
    ["expires", expireAt],
  ];
  const [first] = due.flatMap(([what, at]) => at ? [{ what, at: Date.parse(at) }] : [])
    .toSorted((left, right) => left.at - right.at);
  return first === undefined ? null : `${first.what} ${fromNow(first.at, now)}`;
}

/** `projectCloned` as words. */
function wordsOf(type: string): string {
  return type.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shortened(text: string): string {
  return text.length <= MAX_TITLE_CHARS ? text : `${text.slice(0, MAX_TITLE_CHARS - 1)}…`;
}
