/** Reads a response as lines, and lines as server-sent events. What they say is not its matter. */

/** One event; `id` is that of the last one that had any. */
export type ServerEvent = { id: string | undefined; event: string; data: string };

/** The events of a response, as they come. `alive` is called at each sign of life. */
export async function* readEvents(
  response: Response,
  alive: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  let id: string | undefined;
  let event = "message";
  let data: string[] = [];
  for await (const line of readLines(response, alive)) {
    if (line === "") {
      if (data.length > 0) yield { id, event, data: data.join("\n") };
      event = "message";
      data = [];
      continue;
    }
    const [, field, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "id") id = value;
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
}

/** The lines of a response, as they come; the last one only where a line break ends it. */
export async function* readLines(
  response: Response,
  alive: () => void = () => {},
): AsyncGenerator<string> {
  if (response.body === null) return;
  let held = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    alive();
    const parts = (held + chunk).split(/\r?\n/);
    held = parts.pop() ?? "";
    yield* parts;
  }
}
