/** Reads figures in Prometheus' text format, as `/metrics` gives them. */

export type Sample = { name: string; labels: { readonly [name: string]: string }; value: number };

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** All samples, in order. Lines that are no sample are passed over. */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined || value === undefined) return [];
    return [{ name, labels: parseLabels(labels), value: Number(value.replace("Inf", "Infinity")) }];
  });
}

function parseLabels(text: string): { [name: string]: string } {
  const pairs = [...text.matchAll(LABEL)].map(([, name = "", value = ""]) =>
    [name, value.replaceAll(/\\(.)/g, (_, c: string) => c === "n" ? "\n" : c)] as const
  );
  return Object.fromEntries(pairs);
}
