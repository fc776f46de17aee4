// The results of the page as a file.

import type { SearchAnswer, TraceSummary } from '../api/types';
import { saveAs } from '../ui/save';

const COLUMNS: readonly [
  name: string,
  read: (trace: TraceSummary) => string | number | bigint | boolean,
][] = [
  ['trace_id', (trace) => trace.trace_id],
  ['start_time_unix_nano', (trace) => trace.start_time_unix_nano],
  ['duration_ns', (trace) => trace.duration_ns],
  ['root_service_name', (trace) => trace.root_service_name],
  ['root_name', (trace) => trace.root_name],
  ['span_count', (trace) => trace.span_count],
  ['matched_count', (trace) => trace.matched_count],
  ['error_count', (trace) => trace.error_count],
  ['orphan_count', (trace) => trace.orphan_count],
  ['services', (trace) => trace.services.map(({ name }) => name).join(' ')],
  ['complete', (trace) => trace.complete],
];

/** A field of a CSV file. What a spreadsheet would take for a formula gets a quote in front. */
function field(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) && !/^-?\d+$/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The traces as CSV, with a header. */
export function toCsv(traces: readonly TraceSummary[]): string {
  const rows = traces.map((trace) =>
    COLUMNS.map(([, read]) => field(String(read(trace)))).join(','),
  );
  return [COLUMNS.map(([name]) => name).join(','), ...rows, ''].join('\r\n');
}

/** The traces as JSON; 64-bit numbers as text, as the server has them. */
export function toJson({ traces, total }: Pick<SearchAnswer, 'traces' | 'total'>): string {
  const plain = (_: string, value: unknown): unknown =>
    typeof value === 'bigint' ? value.toString() : value;
  return `${JSON.stringify({ traces, total }, plain, 2)}\n`;
}

/** Saves the traces of a page. */
export function download(answer: SearchAnswer, as: 'csv' | 'json'): void {
  const [text, type] =
    as === 'csv' ? [toCsv(answer.traces), 'text/csv'] : [toJson(answer), 'application/json'];
  saveAs(new Blob([text], { type }), `traces.${as}`);
}
