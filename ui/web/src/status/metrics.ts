// The server's `/metrics`, in the text form of Prometheus, as far as the status page counts with it.

/** One number: labels and value. */
export interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** Samples by name. */
export type Metrics = ReadonlyMap<string, readonly Sample[]>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

function number(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(LABEL))
    labels[name as string] = (value as string).replace(/\\(.)/g, (_, sign: string) =>
      sign === 'n' ? '\n' : sign,
    );
  return labels;
}

/** Reads the text; lines that are none of the form are left out. */
export function parseMetrics(text: string): Metrics {
  const metrics = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : LINE.exec(line.trim());
    if (!match) continue;
    const [, name = '', labels = '', value = ''] = match;
    const samples = metrics.get(name) ?? [];
    metrics.set(name, samples);
    samples.push({ labels: labelsOf(labels), value: number(value) });
  }
  return metrics;
}

/** Sum of the samples of `name` that carry all of `labels`; undefined when there is none. */
export function sumOf(
  metrics: Metrics,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  const fits = (metrics.get(name) ?? []).filter((sample) =>
    wanted.every(([key, value]) => sample.labels[key] === value),
  );
  return fits.length === 0 ? undefined : fits.reduce((sum, { value }) => sum + value, 0);
}

/** Values of the label `key` among the samples of `names`, sorted. */
export function labelValues(metrics: Metrics, names: readonly string[], key: string): string[] {
  const values = new Set<string>();
  for (const name of names)
    for (const { labels } of metrics.get(name) ?? [])
      if (labels[key] !== undefined) values.add(labels[key]);
  return [...values].sort();
}
