/**
 * `/openapi.json` and the reference page at `/docs`: Swagger UI out of its package, imported as
 * text, so that it works offline and the server needs no right to read files. It is loaded when
 * somebody first asks for it.
 */
import type { Context } from "hono";
import type { Api, Env } from "./endpoint.ts";
import { pageHeaders } from "./headers.ts";
import { openApiDocument } from "./openapi.ts";
import html from "../web/docs/index.html" with { type: "text" };
import start from "../web/docs/start.js" with { type: "text" };

/** To be mounted last: the document lists what was mounted before. */
export function mountDocs({ app, config, routes }: Api): void {
  let document: string | undefined;
  const get = (path: string, handle: (c: Context<Env>) => Response | Promise<Response>) => {
    routes.set(path, ["GET"]);
    app.get(path, (c) => {
      c.set("route", path);
      return handle(c);
    });
  };
  get("/openapi.json", () => {
    document ??= JSON.stringify(openApiDocument(app, config.version));
    return new Response(document, { headers: { "content-type": "application/json" } });
  });
  get("/docs", () => asset(html, "text/html"));
  get("/docs/start.js", () => asset(start, "text/javascript"));
  get("/docs/swagger-ui.js", async () => {
    const bundle = await import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } });
    return asset(bundle.default, "text/javascript");
  });
  get("/docs/swagger-ui.css", async () => {
    const sheet = await import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } });
    return asset(sheet.default, "text/css");
  });
}

function asset(text: string, type: string): Response {
  return new Response(text, { headers: pageHeaders(type) });
}
