// SQL for the stand-in, as far as the pages ask: columns of `spans` with equality, order and limit, a count by service, and
// the catalogue. Anything else is refused as the server refuses what it cannot read, with the place.

import {
  Field,
  FixedSizeBinary,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampNanosecond,
  Utf8,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow';

import { figures } from './figures';
import type { MockSpan } from './model';

/** Types of columns, in the words of the server's JSON. */
export type ColumnType = 'binary(16)' | 'binary(8)' | 'text' | 'timestamp(9)' | 'int64';

/** A result: ids are hex, times and integers are bigint. */
export interface MockResult {
  columns: { name: string; type: ColumnType }[];
  rows: (string | bigint | null)[][];
}

/** A refused statement. */
export class MockSqlError extends Error {
  constructor(
    message: string,
    readonly position: number | null,
  ) {
    super(message);
  }
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

const SPANS: Record<string, [ColumnType, (span: MockSpan) => string | bigint | null]> = {
  trace_id: ['binary(16)', (span) => span.traceId],
  span_id: ['binary(8)', (span) => span.spanId],
  parent_span_id: ['binary(8)', (span) => span.parentId],
  service_name: ['text', (span) => span.service],
  name: ['text', (span) => span.name],
  kind: ['text', (span) => KINDS[span.kind] ?? String(span.kind)],
  status_code: ['text', (span) => STATUSES[span.status] ?? String(span.status)],
  start_time: ['timestamp(9)', (span) => span.start],
  duration_ns: ['int64', (span) => span.end - span.start],
};

const SELECT =
  /^select\s+(?<columns>[\w\s,]+?)\s+from\s+(?<table>\w+)(?:\s+where\s+(?<key>\w+)\s*=\s*'(?<value>(?:[^']|'')*)')?(?:\s+order\s+by\s+(?<order>\w+)(?<down>\s+desc)?)?(?:\s+limit\s+(?<limit>\d+))?\s*;?\s*$/i;

const COUNT =
  /^select\s+service_name\s*,\s*count\(\*\)\s+as\s+(?<name>\w+)\s+from\s+spans\s+group\s+by\s+service_name\s+order\s+by\s+\w+\s+desc\s*;?\s*$/i;

function compare(a: string | bigint | null, b: string | bigint | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Answers `text` from `spans`. */
export function runSql(text: string, spans: readonly MockSpan[]): MockResult {
  const named = /^-- clew: (.+)\n/.exec(text)?.[1];
  if (named) return figures(named, text, spans);
  if (/information_schema\.columns/i.test(text)) {
    const rows = Object.entries(SPANS).map(([name, [type]]) => ['spans', name, type]);
    return texts(['table_name', 'column_name', 'data_type'], rows);
  }
  if (/information_schema\.routines/i.test(text))
    return texts(['routine_name'], [['count'], ['date_bin']]);
  const count = COUNT.exec(text)?.groups;
  if (count) return countByService(count['name'] as string, spans);
  const match = SELECT.exec(text)?.groups;
  if (!match) {
    if (!/^\s*select\b/i.test(text))
      throw new MockSqlError(`Expected: an SQL statement, found: ${text.split(/\s/)[0]}`, 0);
    throw new MockSqlError('the stand-in does not know this statement', null);
  }
  return select(text, match, spans);
}

function texts(names: readonly string[], rows: MockResult['rows']): MockResult {
  return { columns: names.map((name) => ({ name, type: 'text' as const })), rows };
}

function countByService(name: string, spans: readonly MockSpan[]): MockResult {
  const counts = new Map<string, bigint>();
  for (const { service } of spans) counts.set(service, (counts.get(service) ?? 0n) + 1n);
  const rows = [...counts].sort((a, b) => compare(b[1], a[1]));
  return {
    columns: [
      { name: 'service_name', type: 'text' },
      { name, type: 'int64' },
    ],
    rows,
  };
}

type Groups = Record<string, string | undefined>;

function select(text: string, match: Groups, spans: readonly MockSpan[]): MockResult {
  const { table = '', key, value, order, down, limit } = match;
  if (table !== 'spans') throw new MockSqlError(`table '${table}' not found`, place(text, table));
  const column = (name: string) => {
    const known = SPANS[name];
    if (!known) throw new MockSqlError(`column '${name}' not found`, place(text, name));
    return known;
  };
  const names = (match['columns'] ?? '').split(',').map((name) => name.trim());
  const chosen = names.map(column);
  const wanted = value?.replaceAll("''", "'");
  const kept = spans.filter((span) => !key || column(key)[1](span) === wanted);
  if (order) {
    const [, read] = column(order);
    kept.sort((a, b) => compare(read(a), read(b)) * (down ? -1 : 1));
  }
  return {
    columns: chosen.map(([type], i) => ({ name: names[i] as string, type })),
    rows: kept
      .slice(0, Number(limit ?? 100_000))
      .map((span) => chosen.map(([, read]) => read(span))),
  };
}

/** Byte offset of `word`. */
function place(text: string, word: string): number {
  return Buffer.byteLength(text.slice(0, text.search(new RegExp(`\\b${word}\\b`))));
}

/** The form that the server gives the result in JSON. */
export function sqlJson({ columns, rows }: MockResult) {
  const cell = (value: string | bigint | null, type: ColumnType) => {
    if (typeof value !== 'bigint') return value;
    if (type === 'timestamp(9)') return rfc3339(value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  };
  return {
    columns,
    rows: rows.map((row) => row.map((value, i) => cell(value, columns[i]?.type as ColumnType))),
    stats: { rows: rows.length, truncated: false, truncated_by: null, elapsed_ms: 1.5 },
  };
}

function rfc3339(ns: bigint): string {
  const whole = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** The result as CSV. */
export function sqlCsv(result: MockResult): string {
  const { columns, rows } = sqlJson(result);
  const lines = [columns.map(({ name }) => name), ...rows];
  return lines.map((line) => line.map((value) => value ?? '').join(',')).join('\n');
}

const TYPES: Record<ColumnType, () => DataType> = {
  'binary(16)': () => new FixedSizeBinary(16),
  'binary(8)': () => new FixedSizeBinary(8),
  text: () => new Utf8(),
  'timestamp(9)': () => new TimestampNanosecond('UTC'),
  int64: () => new Int64(),
};

function dataOf(type: DataType, values: readonly (string | bigint | null)[]): Data {
  const length = values.length;
  if (type instanceof FixedSizeBinary) {
    const blank = '0'.repeat(type.byteWidth * 2);
    const data = Buffer.from(values.map((value) => value ?? blank).join(''), 'hex');
    const valid = vectorFromArray(values.map((value) => (value === null ? null : 1))).data[0];
    return makeData({
      type,
      length,
      data,
      nullBitmap: valid?.nullBitmap,
      nullCount: valid?.nullCount ?? 0,
    });
  }
  if (type instanceof Utf8) return vectorFromArray(values, type).data[0] as Data;
  return makeData({
    type: type as Int64,
    length,
    data: BigInt64Array.from(values as bigint[]),
  });
}

/** The result as an Arrow IPC stream, in batches. */
export function sqlArrow({ columns, rows }: MockResult, batchRows = 256): Uint8Array {
  const fields = columns.map(({ name, type }) => new Field(name, TYPES[type](), true));
  const schema = new Schema(fields);
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (let from = 0; from < rows.length || from === 0; from += batchRows) {
    const part = rows.slice(from, from + batchRows);
    const children = fields.map(({ type }, i) =>
      dataOf(
        type,
        part.map((row) => row[i] ?? null),
      ),
    );
    const data = makeData({ type: new Struct(fields), length: part.length, children });
    writer.write(new RecordBatch(schema, data));
  }
  writer.finish();
  return writer.toUint8Array(true);
}
