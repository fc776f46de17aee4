// Statements: how one is sent, and the answer as JSON for pages that ask their own.

import { ask, readJson } from './client';
import { flag, list, nullable, number, optional, record, text, type Of, type Shape } from './shape';

/** Forms of a result that the server writes. */
export const SQL_FORMS = {
  arrow: 'application/vnd.apache.arrow.stream',
  csv: 'text/csv',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
} as const;

/** A form of a result. */
export type SqlForm = keyof typeof SQL_FORMS;

/** Runs `query` and returns the answer in the form asked for. Throws as `ask` does. */
export function askSql(query: string, form: SqlForm, signal?: AbortSignal): Promise<Response> {
  return ask('sql', {
    api: 'api',
    accept: SQL_FORMS[form],
    body: { query },
    ...(signal ? { signal } : {}),
  });
}

const anything: Shape<unknown> = (value) => value;

const sqlAnswer = record({
  columns: list(record({ name: text, type: text })),
  rows: list(list(anything)),
  stats: record({
    rows: number,
    truncated: flag,
    truncated_by: optional(nullable(text), null),
    segments_total: optional(number, 0),
    segments_read: optional(number, 0),
    elapsed_ms: optional(number, 0),
  }),
});

/** A result as JSON. */
export type SqlAnswer = Of<typeof sqlAnswer>;

/** Runs `query` for a page: the rows as JSON. */
export async function sqlRows(query: string, signal?: AbortSignal): Promise<SqlAnswer> {
  return readJson(await askSql(query, 'json', signal), sqlAnswer, signal);
}

/** `text` as a literal of SQL. */
export function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** An instant as a literal of SQL. */
export function sqlInstant(ns: bigint): string {
  return `to_timestamp_nanos(${ns})`;
}

/** A number of a row: big ones come as text, absent ones as null. */
export function sqlNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value !== '' && Number.isFinite(Number(value)))
    return Number(value);
  return undefined;
}

/** A text of a row. */
export function sqlString(value: unknown): string {
  return typeof value === 'string' ? value : value === null ? '' : String(value);
}

const RFC3339 = /^(-?\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|\+00:00)?$/;

/** A time of a row, ns since the epoch. */
export function sqlTime(value: unknown): bigint | undefined {
  const match = typeof value === 'string' ? RFC3339.exec(value) : null;
  if (!match) return undefined;
  const ms = Date.parse(`${match[1]}Z`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
