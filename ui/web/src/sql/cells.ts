// Values of an Arrow result as text a person reads, exact: 64-bit integers keep all their digits, times all nine digits of
// a second, ids and other bytes are hex, nested values are JSON.
//
// The Arrow library hands out times as milliseconds, so times are read from the raw column instead.

import { DataType, Type, Vector, type Data, type Field, type Table } from 'apache-arrow';

import { formatInstant, type Zone } from '../lib/zone';

/** What a column holds, as far as the page treats it differently. */
export type ColumnKind =
  | 'id'
  | 'bytes'
  | 'time'
  | 'number'
  | 'duration'
  | 'flag'
  | 'text'
  | 'nested';

/** One column of a result. */
export interface Column {
  name: string;
  kind: ColumnKind;
  /** Type as the server's SQL names it. */
  type: string;
  data: readonly Data[];
}

/** A result. */
export interface ResultSet {
  columns: Column[];
  rowCount: number;
  /** First row of each batch, and the row after the last. */
  starts: number[];
}

/** The columns of `table`. */
export function resultOf(table: Table): ResultSet {
  const starts = [0];
  for (const batch of table.batches) starts.push((starts.at(-1) as number) + batch.numRows);
  const columns = table.schema.fields.map((field, i) => ({
    name: field.name,
    kind: kindOf(field),
    type: typeName(field.type),
    data: table.batches.map((batch) => batch.data.children[i] as Data),
  }));
  return { columns, rowCount: starts.at(-1) as number, starts };
}

/** Ids are 8 or 16 bytes long. */
function isId(type: DataType): boolean {
  return DataType.isFixedSizeBinary(type) && (type.byteWidth === 16 || type.byteWidth === 8);
}

function kindOf({ name, type: given }: Field): ColumnKind {
  const type = DataType.isDictionary(given) ? (given.dictionary as DataType) : given;
  if (isId(type)) return 'id';
  switch (type.typeId) {
    case Type.FixedSizeBinary:
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
      return 'bytes';
    case Type.Timestamp:
    case Type.Date:
      return 'time';
    case Type.Bool:
      return 'flag';
    case Type.Int:
    case Type.Float:
    case Type.Decimal:
      return /(?:duration|_ns|latency)/i.test(name) ? 'duration' : 'number';
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList:
    case Type.Map:
    case Type.Struct:
    case Type.Union:
      return 'nested';
    default:
      return 'text';
  }
}

/** A type in the words of SQL. */
export function typeName(type: DataType): string {
  if (DataType.isDictionary(type)) return typeName(type.dictionary as DataType);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || type.typeId === Type.Utf8View)
    return 'text';
  if (DataType.isFixedSizeBinary(type)) return `binary(${type.byteWidth})`;
  if (DataType.isTimestamp(type)) return `timestamp(${type.unit * 3})`;
  if (DataType.isInt(type)) return `${type.isSigned ? '' : 'u'}int${type.bitWidth}`;
  if (DataType.isFloat(type)) return `float${16 << type.precision}`;
  if (DataType.isList(type)) return `list<${typeName(type.valueType as DataType)}>`;
  if (DataType.isMap(type)) return 'map';
  if (DataType.isStruct(type)) return 'struct';
  return String(type).toLowerCase();
}

/** Batch and place in it of `row`. */
function locate({ starts }: ResultSet, row: number): [batch: number, at: number] {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= row) low = middle;
    else high = middle - 1;
  }
  return [low, row - (starts[low] as number)];
}

/** A value, exact: text, a number, a bigint, bytes, a time in ns, or a nested list or object of them. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Instant
  | Value[]
  | { [key: string]: Value };

/** A time. */
export class Instant {
  constructor(readonly ns: bigint) {}
}

const vectors = new WeakMap<Data, Vector>();

function vectorOf(data: Data): Vector {
  let vector = vectors.get(data);
  if (!vector) vectors.set(data, (vector = new Vector([data])));
  return vector;
}

/** Nanoseconds in the units of Arrow times: s, ms, µs, ns. */
const UNIT_NS = [1_000_000_000n, 1_000_000n, 1_000n, 1n];

function isValid(data: Data, at: number): boolean {
  const { nullBitmap, nullCount, offset } = data;
  if (nullCount === 0 || nullBitmap.length === 0) return true;
  const bit = offset + at;
  return ((nullBitmap[bit >> 3] as number) & (1 << (bit & 7))) !== 0;
}

/** Value `at` of `data`. */
export function read(data: Data, at: number): Value {
  const { type } = data;
  if (type.typeId === Type.Null || !isValid(data, at)) return null;
  if (DataType.isTimestamp(type)) {
    const raw = (data.values as unknown as BigInt64Array)[at] as bigint;
    return new Instant(raw * (UNIT_NS[type.unit] as bigint));
  }
  if (DataType.isDate(type)) {
    const ms = Number(vectorOf(data).get(at));
    return new Instant(BigInt(ms) * 1_000_000n);
  }
  if (DataType.isList(type) || DataType.isMap(type)) {
    const offsets = data.valueOffsets as Int32Array;
    const items = data.children[0] as Data;
    const values: Value[] = [];
    for (let i = offsets[at] as number; i < (offsets[at + 1] as number); i++)
      values.push(read(items, i));
    return DataType.isMap(type) ? mapOf(values) : values;
  }
  if (DataType.isStruct(type)) {
    const entries = type.children.map((field, i): [string, Value] => [
      field.name,
      read(data.children[i] as Data, at),
    ]);
    return plain(entries);
  }
  const value: unknown = vectorOf(data).get(at);
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  if (['boolean', 'number', 'bigint', 'string'].includes(typeof value)) return value as Value;
  return String(value);
}

/** An object without a prototype: keys come from outside. */
function plain(entries: [string, Value][]): Value {
  const object = Object.create(null) as { [key: string]: Value };
  for (const [key, value] of entries) object[key] = value;
  return object;
}

/** Entries of a map as an object; a key that stands twice keeps its last value. */
function mapOf(entries: Value[]): Value {
  return plain(
    entries.map((entry) => {
      const [key, value] = Object.values(entry as { [key: string]: Value });
      return [String(key), value ?? null];
    }),
  );
}

/** The value of a cell. */
export function valueAt(result: ResultSet, column: Column, row: number): Value {
  const [batch, at] = locate(result, row);
  return read(column.data[batch] as Data, at);
}

/** Bytes as hex. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function number(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e15 ? String(Number(value.toPrecision(12))) : String(value);
}

/** A value as text; times in `zone`. */
export function formatValue(value: Value, zone: Zone): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return number(value);
  if (value instanceof Instant) return formatInstant(value.ns, zone, 9);
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === 'object') return json(value, zone);
  return String(value);
}

/** A nested value as JSON; big integers as plain digits, as other tools write them. */
function json(value: Value, zone: Zone): string {
  if (Array.isArray(value)) return `[${value.map((item) => json(item, zone)).join(',')}]`;
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof Instant || value instanceof Uint8Array || typeof value === 'string')
    return JSON.stringify(formatValue(value, zone));
  const entries = Object.entries(value);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${json(item, zone)}`).join(',')}}`;
}

/** A value as a number for a chart, or undefined. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Instant) return Number(value.ns / 1_000_000n);
  return undefined;
}
