/** The `docker` provider on a real daemon: podman, which speaks the same API as dockerd. */
import { createDockerProvider } from "../../actors/adapters/vm/docker.ts";
import {
  podmanAvailable,
  type PodmanService,
  startPodmanService,
} from "../testing/podman_service.ts";
import { vmProviderSuite } from "../suites/vm_provider_suite.ts";

const skip = await podmanAvailable() ?? null;

/** One for all tests, since it takes longer to start than most of them. */
let service: PodmanService | undefined;
let image = "";

if (skip === null) {
  Deno.test.beforeAll(async () => {
    service = await startPodmanService();
    image = await withNohup(service);
  });
  Deno.test.afterAll(async () => await service?.[Symbol.asyncDispose]());
}

function podman(): PodmanService {
  if (service === undefined) throw new Error("Cannot use podman: it was not started");
  return service;
}

vmProviderSuite("docker", async () => {
  const home = await Deno.makeTempDir();
  const elsewhere = await Deno.makeTempDir();
  const { socket } = podman();
  const serve = "mkdir -p /tmp/www; echo hello >/tmp/www/index.html; exec httpd -f -h /tmp/www -p";
  return {
    home,
    spec: { image },
    provider: () => createDockerProvider({ socket, home, instance: instanceOf(home) }),
    stranger: () =>
      createDockerProvider({ socket, home: elsewhere, instance: instanceOf(elsewhere) }),
    httpServer: (port) => ["sh", "-c", `${serve} ${port}`],
    async [Symbol.asyncDispose]() {
      for (const path of [home, elsewhere]) await Deno.remove(path, { recursive: true });
    },
  };
}, { skip });

/** An image that has what the suite's commands need and this busybox has not. */
async function withNohup({ socket, image }: PodmanService): Promise<string> {
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
  const post = async (path: string, body: unknown = {}) => {
    const response = await fetch(`http://192.0.2.1/v1.41${path}`, {
      client,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot POST ${path}: ${text}`);
    return text;
  };
  const script = `printf '#!/bin/sh\\ntrap "" HUP\\nexec "$@"\\n' >/bin/nohup; chmod +x /bin/nohup`;
  await post("/containers/create?name=maker", { Image: image, Cmd: ["sh", "-c", script] });
  await post("/containers/maker/start");
  await post("/containers/maker/wait");
  await post("/commit?container=maker&repo=localhost/holdfast-suite&tag=1");
  client.close();
  return "localhost/holdfast-suite:1";
}

function instanceOf(home: string): string {
  return home.replaceAll(/[^A-Za-z0-9]/g, "");
}
