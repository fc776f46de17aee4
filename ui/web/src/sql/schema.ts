// What can be asked for: tables with their columns, and functions, from the server's own catalogue.

import { queryOptions } from '@tanstack/react-query';

import { sqlRows, sqlString } from '../api/sql';

/** One column of a table. */
export interface SchemaColumn {
  name: string;
  type: string;
}

/** One table. */
export interface SchemaTable {
  name: string;
  columns: SchemaColumn[];
}

/** See the module. */
export interface Schema {
  tables: SchemaTable[];
  functions: string[];
}

const COLUMNS = `SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`;

const FUNCTIONS = 'SELECT DISTINCT routine_name FROM information_schema.routines ORDER BY 1';

/** Tables in the order that people need them; others follow by name. */
const ORDER = ['spans', 'traces', 'span_metrics', 'service_edges'];

/** A type of the catalogue in short: `Timestamp(ns, "UTC")` is a `timestamp`. */
export function shortType(type: string): string {
  const [word = ''] = /^\w+/.exec(type) ?? [];
  const short: Record<string, string> = {
    Utf8View: 'text',
    Utf8: 'text',
    LargeUtf8: 'text',
    Timestamp: 'timestamp',
    FixedSizeBinary: 'id',
    Map: 'map',
    List: 'list',
    Boolean: 'bool',
  };
  return short[word] ?? word.toLowerCase();
}

/** Groups rows of (table, column, type) by table. */
export function schemaTables(rows: readonly (readonly unknown[])[]): SchemaTable[] {
  const tables = new Map<string, SchemaTable>();
  for (const [table, column, type] of rows) {
    const name = sqlString(table);
    const entry = tables.get(name) ?? { name, columns: [] };
    tables.set(name, entry);
    entry.columns.push({ name: sqlString(column), type: shortType(sqlString(type)) });
  }
  const place = ({ name }: SchemaTable): number => ORDER.indexOf(name) + 1 || ORDER.length + 1;
  return [...tables.values()].sort((a, b) => place(a) - place(b) || (a.name < b.name ? -1 : 1));
}

/** The catalogue, asked for once. */
export const schemaQuery = () =>
  queryOptions({
    queryKey: ['sql schema'] as const,
    queryFn: async ({ signal }): Promise<Schema> => {
      const columns = await sqlRows(COLUMNS, signal);
      // Completion does without functions rather than without anything.
      const functions = await sqlRows(FUNCTIONS, signal).catch(() => undefined);
      return {
        tables: schemaTables(columns.rows),
        functions: functions?.rows.map(([name]) => sqlString(name)) ?? [],
      };
    },
    staleTime: Infinity,
  });
