/** The page at `/`: tasks, live. It holds no data, so it needs no token; what it calls does. */
import type { Api } from "./endpoint.ts";
import { pageHeaders } from "./headers.ts";
import html from "../web/tasks/index.html" with { type: "text" };
import script from "../web/tasks/tasks.js" with { type: "text" };
import style from "../web/tasks/tasks.css" with { type: "text" };

const PARTS: { readonly [path: string]: readonly [text: string, type: string] } = {
  "/": [html, "text/html"],
  "/static/tasks.js": [script, "text/javascript"],
  "/static/tasks.css": [style, "text/css"],
};

export function mountPage({ app, routes }: Api): void {
  for (const [path, [text, type]] of Object.entries(PARTS)) {
    routes.set(path, ["GET"]);
    app.get(path, (c) => {
      c.set("route", path);
      return new Response(text, { headers: pageHeaders(type) });
    });
  }
}
