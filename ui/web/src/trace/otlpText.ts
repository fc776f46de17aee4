// The trace as the server sends it, OTLP JSON: its text in lines, and the events in it.

import type { Skeleton } from './skeleton';

/** Indented text in one string, and where its lines start. */
export interface Lines {
  text: string;
  starts: Uint32Array;
  count: number;
}

/** Indents JSON without reading its values: numbers and escapes stay as they were sent. */
export function indentJson(json: string): Lines {
  const parts: string[] = [];
  const starts: number[] = [0];
  let length = 0;
  let depth = 0;
  const put = (text: string): void => {
    parts.push(text);
    length += text.length;
  };
  const line = (): void => {
    put('\n' + '  '.repeat(Math.min(depth, 40)));
    starts.push(length - Math.min(depth, 40) * 2);
  };
  // A string, an empty list or object, a bracket, a comma, a colon, or what stands between them.
  const tokens = /"(?:[^"\\]|\\[^])*"?|\{\s*\}|\[\s*\]|[{}[\],:]|[^\s{}[\],:"]+/g;
  for (const [token] of json.matchAll(tokens)) {
    if (token === '{' || token === '[') {
      put(token);
      depth++;
      line();
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      line();
      put(token);
    } else if (token === ',') {
      put(token);
      line();
    } else if (token === ':') {
      put(': ');
    } else {
      put(/^[{[]/.test(token) ? token.replace(/\s+/g, '') : token);
    }
  }
  return { text: parts.join(''), starts: Uint32Array.from(starts), count: starts.length };
}

/** Line `index`, without its end. */
export function lineAt({ text, starts, count }: Lines, index: number): string {
  const end = index + 1 < count ? (starts[index + 1] as number) - 1 : text.length;
  return text.slice(starts[index], end);
}

type Json = Record<string, unknown>;

const list = (value: unknown): Json[] =>
  Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null)
    : [];

/** Events of all spans, the earliest first. */
export interface EventLog {
  count: number;
  /** Ns from the start of the trace. */
  time: Float64Array;
  /** Row of the span. */
  row: Int32Array;
  name: string[];
  /** `key=value` of each attribute. */
  attributes: string[];
}

/** Characters kept of the attributes of one event: a line shows no more, the panel shows all. */
const ATTRIBUTES_MAX = 400;

/** Reads the events out of OTLP JSON. Events of spans that `skeleton` does not have are passed over. */
export function eventsOf(skeleton: Skeleton, json: string): EventLog {
  const rows = rowsWithEvents(skeleton);
  const origin = skeleton.head.start_time_unix_nano;
  const found: { time: number; row: number; name: string; attributes: string }[] = [];
  const document = JSON.parse(json) as Json;
  for (const resource of list(document['resourceSpans'])) {
    for (const scope of list(resource['scopeSpans'])) {
      for (const span of list(scope['spans'])) {
        const events = list(span['events']);
        if (events.length === 0) continue;
        const row = rowOf(skeleton, rows, span, events.length);
        if (row === -1) continue;
        for (const event of events) {
          found.push({
            time: Number(nanos(event['timeUnixNano']) - origin),
            row,
            name: String(event['name'] ?? ''),
            attributes: attributesText(event),
          });
        }
      }
    }
  }
  found.sort((a, b) => a.time - b.time || a.row - b.row);
  return {
    count: found.length,
    time: Float64Array.from(found, ({ time }) => time),
    row: Int32Array.from(found, ({ row }) => row),
    name: found.map(({ name }) => name),
    attributes: found.map(({ attributes }) => attributes),
  };
}

function nanos(value: unknown): bigint {
  return /^\d{1,20}$/.test(String(value)) ? BigInt(String(value)) : 0n;
}

function rowsWithEvents(skeleton: Skeleton): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (let row = 0; row < skeleton.count; row++) {
    if (skeleton.columns.eventCount[row] === 0) continue;
    const id = skeleton.spanIdHex(row);
    if (!rows.get(id)?.push(row)) rows.set(id, [row]);
  }
  return rows;
}

/** The row of a span; where two share an id, the one of the same start and name, of which each is taken once. */
function rowOf(
  skeleton: Skeleton,
  rows: Map<string, number[]>,
  span: Json,
  events: number,
): number {
  const candidates = rows.get(String(span['spanId']).toLowerCase()) ?? [];
  const { start, eventCount } = skeleton.columns;
  const from = Number(nanos(span['startTimeUnixNano']) - skeleton.head.start_time_unix_nano);
  const at = candidates.findIndex(
    (row) =>
      eventCount[row] === events &&
      start[row] === from &&
      skeleton.spanName(row) === String(span['name'] ?? ''),
  );
  const row = candidates[Math.max(0, at)];
  if (row === undefined) return -1;
  if (candidates.length > 1) candidates.splice(Math.max(0, at), 1);
  return row;
}

function attributesText(event: Json): string {
  let text = '';
  for (const attribute of list(event['attributes'])) {
    if (text.length >= ATTRIBUTES_MAX) return text;
    text += `${text ? '  ' : ''}${String(attribute['key'])}=${valueText(attribute['value'])}`;
  }
  return text;
}

function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const [content] = Object.values(value);
  const text = typeof content === 'object' ? JSON.stringify(content) : String(content);
  return text.slice(0, ATTRIBUTES_MAX);
}
