/** How lists of tasks and of other actors look to people. */
import type { Task } from "./answers.ts";
import { showDuration } from "./durations.ts";
import { type Column, visible } from "./output.ts";

/** Longest title in a list. */
const MAX_TITLE_CHARS = 60;

const PRIORITIES = ["none", "low", "medium", "high", "urgent"];

/** `now` is asked at each drawing, so that ages stay right while a list is watched. */
export function taskColumns(now: () => number): Column<Task>[] {
  return [
    { title: "ID", value: (task) => task.id },
    { title: "STATE", value: (task) => task.state },
    { title: "PRIORITY", value: (task) => priorityName(task.priority) },
    { title: "AGE", value: (task) => since(task.createdAt, now()), align: "right" },
    { title: "TOOK", value: (task) => took(task, now()), align: "right" },
    { title: "TITLE", value: (task) => shortened(task.title ?? "") },
  ];
}

export function actorColumns(now: () => number): Column<Task>[] {
  return [
    { title: "ID", value: (actor) => actor.id },
    { title: "STATE", value: (actor) => actor.state },
    { title: "STATUS", value: (actor) => actor.status },
    { title: "REVISION", value: (actor) => actor.revision, align: "right" },
    { title: "AGE", value: (actor) => since(actor.createdAt, now()), align: "right" },
  ];
}

/** One line of one that has changed. */
export function changeLine({ id, state, title }: Task): string {
  return visible([id, state, shortened(title ?? "")].join("  ").trimEnd());
}

/** The priority's name; null is none. */
export function priorityName(priority: number | undefined): string | null {
  return priority === undefined || priority === 0 ? null : PRIORITIES[priority] ?? `${priority}`;
}

function since(time: string, now: number): string {
  return showDuration(now - Date.parse(time));
}

function took({ startedAt, endedAt }: Task, now: number): string | null {
  if (!startedAt) return null;
  return showDuration((endedAt ? Date.parse(endedAt) : now) - Date.parse(startedAt));
}

function shortened(text: string): string {
  return text.length <= MAX_TITLE_CHARS ? text : `${text.slice(0, MAX_TITLE_CHARS - 1)}…`;
}
