// Brings a trace's skeleton from the server: an Arrow IPC stream, batch by batch, or JSON columns.

import { RecordBatchReader, type RecordBatch } from 'apache-arrow';

import { ask, unreadable } from '../api/client';
import { decimal, list, number, record, ShapeError, text } from '../api/shape';
import { traceHead, type TraceHead } from '../api/types';
import { Skeleton, SkeletonError, type Columns } from './skeleton';

const ARROW = 'application/vnd.apache.arrow.stream';

/** Key of the schema's metadata that holds the head. */
const HEAD_KEY = 'clew';

/** Loads the skeleton of `traceId`; `onRows` is told after each batch, first with the head alone. */
export async function loadSkeleton(
  traceId: string,
  signal: AbortSignal,
  onRows: (skeleton: Skeleton) => void,
): Promise<Skeleton> {
  const path = `traces/${encodeURIComponent(traceId)}`;
  const response = await ask(path, { accept: `${ARROW}, application/json;q=0.5`, signal });
  try {
    const isArrow = response.headers.get('content-type')?.startsWith(ARROW);
    const skeleton = isArrow
      ? await readArrow(response, onRows)
      : skeletonFromJson(await response.json());
    if (!isArrow) onRows(skeleton);
    skeleton.finish();
    return skeleton;
  } catch (cause) {
    signal.throwIfAborted();
    throw unreadable(cause instanceof Error ? cause.message : String(cause));
  }
}

/**
 * The trace as it is now, or undefined when it is as `known` says: then nothing but its head is read.
 */
export async function loadGrown(
  traceId: string,
  known: TraceHead,
  signal: AbortSignal,
): Promise<Skeleton | undefined> {
  const own = new AbortController();
  const stop = (): void => own.abort(UNCHANGED);
  const onAbort = (): void => own.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await loadSkeleton(traceId, own.signal, ({ head }) => {
      if (isSame(head, known)) stop();
      own.signal.throwIfAborted();
    });
  } catch (cause) {
    if (own.signal.reason === UNCHANGED) return undefined;
    throw cause;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const UNCHANGED = 'unchanged';

const isSame = (a: TraceHead, b: TraceHead): boolean =>
  a.span_count === b.span_count &&
  a.orphan_count === b.orphan_count &&
  a.error_count === b.error_count &&
  a.start_time_unix_nano === b.start_time_unix_nano &&
  a.duration_ns === b.duration_ns;

/** Reads an Arrow IPC stream. */
export async function readArrow(
  response: Response,
  onRows: (skeleton: Skeleton) => void,
): Promise<Skeleton> {
  const reader = await RecordBatchReader.from(Promise.resolve(response));
  await reader.open();
  const skeleton = new Skeleton(headFrom(reader.schema.metadata.get(HEAD_KEY)));
  onRows(skeleton);
  for await (const batch of reader as AsyncIterable<RecordBatch>) {
    skeleton.append(columnsFrom(batch));
    onRows(skeleton);
  }
  return skeleton;
}

function headFrom(json: string | undefined): TraceHead {
  if (json === undefined) throw new SkeletonError(`the schema has no “${HEAD_KEY}” metadata`);
  return traceHead(JSON.parse(json), 'head');
}

type Values = ArrayLike<number | bigint> | undefined;

/** The values of a column of `batch`; nulls are not allowed, as −1 and 0 stand for nothing. */
function valuesOf(batch: RecordBatch, name: string): Values {
  const data = batch.getChild(name)?.data[0];
  if (!data) throw new SkeletonError(`column ${name} is missing`);
  if (data.nullCount > 0) throw new SkeletonError(`column ${name} has nulls`);
  return data.values as Values;
}

function typed<T extends Int32Array | Uint8Array>(
  batch: RecordBatch,
  name: string,
  type: { new (length: number): T; prototype: T },
): T {
  const values = valuesOf(batch, name);
  if (values === undefined && batch.numRows === 0) return new type(0);
  if (values instanceof type) return values;
  throw new SkeletonError(`column ${name} is no ${type.name}`);
}

/** 64-bit nanoseconds as doubles: exact up to 104 days, within a microsecond for 200 years. */
function nanos(batch: RecordBatch, name: string): Float64Array {
  const values = valuesOf(batch, name);
  if (!(values instanceof BigInt64Array)) {
    if (batch.numRows === 0) return new Float64Array(0);
    throw new SkeletonError(`column ${name} is no Int64`);
  }
  return Float64Array.from(values, Number);
}

function columnsFrom(batch: RecordBatch): Columns {
  const rows = batch.numRows;
  const ints = (name: string): Int32Array => typed(batch, name, Int32Array).subarray(0, rows);
  const bytes = (name: string, width = 1): Uint8Array =>
    typed(batch, name, Uint8Array).subarray(0, rows * width);
  return {
    spanId: bytes('span_id', 8),
    parentRow: ints('parent_row'),
    depth: ints('depth'),
    subtreeSize: ints('subtree_size'),
    start: nanos(batch, 'start_offset_ns').subarray(0, rows),
    duration: nanos(batch, 'duration_ns').subarray(0, rows),
    service: ints('service'),
    name: ints('name'),
    kind: bytes('kind'),
    status: bytes('status'),
    flags: bytes('flags'),
    eventCount: ints('event_count'),
    linkCount: ints('link_count'),
  };
}

/** A 64-bit number in JSON: decimal text by the contract; a plain number is as good while it is small. */
const wide = (value: unknown, at: string): number =>
  typeof value === 'number' ? value : Number(decimal(value, at));

const jsonAnswer = record({
  head: traceHead,
  columns: record({
    span_id: list(text),
    parent_row: list(number),
    depth: list(number),
    subtree_size: list(number),
    start_offset_ns: list(wide),
    duration_ns: list(wide),
    service: list(number),
    name: list(number),
    kind: list(number),
    status: list(number),
    flags: list(number),
    event_count: list(number),
    link_count: list(number),
  }),
});

/** Reads the JSON form of the answer. */
export function skeletonFromJson(body: unknown): Skeleton {
  const { head, columns } = jsonAnswer(body, '');
  const skeleton = new Skeleton(head);
  skeleton.append({
    spanId: Uint8Array.from(columns.span_id.flatMap(bytesOfId)),
    parentRow: Int32Array.from(columns.parent_row),
    depth: Int32Array.from(columns.depth),
    subtreeSize: Int32Array.from(columns.subtree_size),
    start: Float64Array.from(columns.start_offset_ns),
    duration: Float64Array.from(columns.duration_ns),
    service: Int32Array.from(columns.service),
    name: Int32Array.from(columns.name),
    kind: Uint8Array.from(columns.kind),
    status: Uint8Array.from(columns.status),
    flags: Uint8Array.from(columns.flags),
    eventCount: Int32Array.from(columns.event_count),
    linkCount: Int32Array.from(columns.link_count),
  });
  return skeleton;
}

function bytesOfId(hex: string): number[] {
  if (!/^[0-9a-f]{16}$/i.test(hex)) throw new ShapeError(`columns.span_id: “${hex}” is no span id`);
  return Array.from({ length: 8 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
