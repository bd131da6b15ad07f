/**
 * What each run of a schedule or goal is, as callers give it: a new task without the fields that
 * each run gets anew. What a run makes of it is in `machines/run_template.ts`.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "@hono/zod-openapi";
import type { JsonObject } from "../actors/runtime/json.ts";
import { MAX_EVENT_BYTES } from "../actors/runtime/limits.ts";
import { variablesIn } from "../machines/lib/text_template.ts";
import type { RunTemplate, RunVm } from "../machines/run_template.ts";
import type { Api } from "./endpoint.ts";
import { type InputFault, invalidInput, ProblemError } from "./errors.ts";
import { MAX_FILLED_TEXT_BYTES, MAX_KEPT_TEXT_BYTES } from "./limits.ts";
import { defined } from "./paging.ts";
import { NewTask } from "./task_body.ts";
import { checkTakesTasks } from "./task_vm.ts";
import { NewVm, VmId } from "./vm_body.ts";
import { vmInputOf } from "./vm_spec.ts";

/** A VM that is there, or one that each run makes for itself. */
const RunVmField = z.union([VmId, NewVm.omit({ id: true, expireAt: true })]).openapi({
  description: "A VM in which all runs work: its id; or a new one for each run, that is its own",
});

export const RunTemplateBody = NewTask
  .omit({
    id: true,
    coalesceKey: true,
    createdBy: true,
    dependsOn: true,
    parent: true,
    session: true,
    startAt: true,
    trigger: true,
  })
  .extend({
    executor: NewTask.shape.executor.unwrap().optional(),
    vm: RunVmField.optional(),
  })
  .check(({ value, issues }) => {
    for (const path of longTexts(value)) {
      const message = `at most ${MAX_KEPT_TEXT_BYTES} bytes`;
      issues.push({ code: "custom", input: value, path, message });
    }
  })
  .openapi("RunTemplate", {
    description: "The task that each run is; its texts may have variables, as `{{now}}`",
  });

export type RunTemplateBody = z.infer<typeof RunTemplateBody>;

/**
 * What the machine gets. Throws the problem that says what is wrong; `within` is the pointer of the
 * object that `body` came in. A VM that is as it was `before` stays so: it is not checked again.
 */
export async function runTemplateOf(
  api: Api,
  { vm, ...body }: RunTemplateBody,
  { within, before }: { within: string; before?: RunTemplate },
): Promise<RunTemplate> {
  if (vm !== undefined && body.workspace !== undefined && "repo" in body.workspace) {
    const detail = "a task in a VM works in the VM's repository: give it there";
    throw invalidInput([{ pointer: `${within}/workspace/repo`, detail }]);
  }
  const isSame = before?.vm !== undefined && isDeepStrictEqual(vm, givenVm(before.vm));
  const resolved = vm === undefined
    ? {}
    : { vm: isSame ? before.vm : await runVmOf(api, vm, `${within}/vm`) };
  const template = { ...defined(body), ...resolved } as RunTemplate;
  checkFits(template, within);
  return template;
}

/** The template as a caller could have given it, to apply a patch to. It has what is hidden. */
export function runTemplateBodyOf({ vm, ...same }: RunTemplate): JsonObject {
  const given = vm === undefined ? {} : { vm: givenVm(vm) };
  return { ...same, ...given } as unknown as JsonObject;
}

/**
 * Throws the problem that names a variable which no run could fill in. A command may have
 * `{{prompt}}` besides those that are known.
 */
export function checkVariables(
  { prompt = "", command }: RunTemplateBody,
  known: readonly string[],
  { within }: { within: string },
): void {
  const faults = [
    ...unknownVariables(prompt, known, `${within}/prompt`),
    ...command.flatMap((part, i) =>
      unknownVariables(part, [...known, "prompt"], `${within}/command/${i}`)
    ),
  ];
  if (faults.length > 0) throw invalidInput(faults);
}

/** A fault for each variable of a text that is not known. */
export function unknownVariables(
  text: string,
  known: readonly string[],
  pointer: string,
): InputFault[] {
  return variablesIn(text).filter((name) => !known.includes(name)).map((name) => {
    return { pointer, detail: `there is no variable {{${name}}}; there are ${known.join(", ")}` };
  });
}

/**
 * Throws where a run's task might be larger than an event may be once its texts are filled in: it
 * could then never be made. Texts that become long are stored apart.
 */
function checkFits(template: RunTemplate, within: string): void {
  const { command = [] } = template;
  const count = command.filter((part) => variablesIn(part).length > 0).length;
  const own = new TextEncoder().encode(JSON.stringify(template)).length;
  // Of the texts that are filled in the prompt is one.
  const bytes = own + (count + 1) * MAX_FILLED_TEXT_BYTES;
  if (bytes <= MAX_EVENT_BYTES) return;
  throw new ProblemError(
    "too-large",
    `Cannot keep ${within}: it has ${own} bytes, and ${count} parts of its command have ` +
      `variables; filled in, that may be ${bytes} bytes, and the limit is ${MAX_EVENT_BYTES}`,
  );
}

function givenVm(vm: RunVm) {
  return "id" in vm ? vm.id : vm.make;
}

async function runVmOf(
  api: Api,
  vm: z.infer<typeof RunVmField>,
  within: string,
): Promise<RunVm> {
  if (typeof vm === "string") {
    await checkTakesTasks(api, vm, within);
    return { id: vm };
  }
  const given = { id: "", createdAt: api.config.clock.now(), within };
  const { id: _id, createdAt: _at, ...make } = await vmInputOf(api, vm, given);
  return { make };
}

/** Where in the value a text is too long, each as a path. */
function longTexts(value: unknown): (string | number)[][] {
  if (typeof value === "string") {
    return new TextEncoder().encode(value).length > MAX_KEPT_TEXT_BYTES ? [[]] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([name, inner]) =>
    longTexts(inner).map((path) => [isList ? Number(name) : name, ...path])
  );
}
