// Answers of the stand-in, by the contract.

import {
  Field,
  FixedSizeBinary,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Uint8,
  type Data,
} from 'apache-arrow';

import * as answers from '../src/file/answers';
import type { MockTrace } from './model';

/** What every answer covers: all. */
export const COVERAGE = {
  complete: true,
  segments_total: 3,
  segments_read: 3,
  reasons: [] as string[],
  elapsed_ms: 1.7,
};

/** See the answers about an opened file. */
export const skeletonOf = (trace: MockTrace) => answers.skeletonOf(trace, COVERAGE);
export const { spanAnswer, summaryOf } = answers;

/** Rows of one batch of the Arrow stream. */
const BATCH_ROWS = 65_536;

type SkeletonJson = ReturnType<typeof skeletonOf>;

const TYPES = {
  span_id: new FixedSizeBinary(8),
  parent_row: new Int32(),
  depth: new Int32(),
  subtree_size: new Int32(),
  start_offset_ns: new Int64(),
  duration_ns: new Int64(),
  service: new Int32(),
  name: new Int32(),
  kind: new Uint8(),
  status: new Uint8(),
  flags: new Uint8(),
  event_count: new Int32(),
  link_count: new Int32(),
};

function columnData(name: keyof typeof TYPES, values: readonly (string | number)[]): Data {
  const type = TYPES[name];
  const length = values.length;
  if (type instanceof FixedSizeBinary)
    return makeData({ type, length, data: Buffer.from(values.join(''), 'hex') });
  if (type instanceof Int64)
    return makeData({ type, length, data: BigInt64Array.from(values as string[], BigInt) });
  if (type instanceof Int32)
    return makeData({ type, length, data: Int32Array.from(values as number[]) });
  return makeData({ type, length, data: Uint8Array.from(values as number[]) });
}

/** The skeleton as an Arrow IPC stream. */
export async function skeletonArrow(
  { head, columns }: SkeletonJson,
  batchRows = BATCH_ROWS,
): Promise<Uint8Array> {
  const names = Object.keys(TYPES) as (keyof typeof TYPES)[];
  const fields = names.map((name) => new Field(name, TYPES[name], false));
  const schema = new Schema(fields, new Map([['clew', JSON.stringify(head)]]));
  const batches: RecordBatch[] = [];
  for (let from = 0; from < head.span_count; from += batchRows) {
    const children = names.map((name) =>
      columnData(name, columns[name].slice(from, from + batchRows)),
    );
    const length = children[0]?.length ?? 0;
    batches.push(new RecordBatch(schema, makeData({ type: new Struct(fields), length, children })));
  }
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array();
}
