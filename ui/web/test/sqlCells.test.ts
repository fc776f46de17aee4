// Values of an Arrow result: nothing of them may be lost.

import {
  Field,
  FixedSizeBinary,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  TimestampMicrosecond,
  TimestampNanosecond,
  Uint64,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';

import { sqlArrow } from '../mock/sql';
import { formatValue, numberOf, resultOf, valueAt, type ResultSet } from '../src/sql/cells';
import { linkOf } from '../src/sql/grid';

function tableOf(columns: Record<string, [DataType, Data]>, rows: number): ResultSet {
  const fields = Object.entries(columns).map(([name, [type]]) => new Field(name, type, true));
  const children = Object.values(columns).map(([, data]) => data);
  const data = makeData({ type: new Struct(fields), length: rows, children });
  return resultOf(new Table([new RecordBatch(new Schema(fields), data)]));
}

function textAt(result: ResultSet, row: number, column: number): string {
  const own = result.columns[column];
  if (!own) throw new Error('no such column');
  return formatValue(valueAt(result, own, row), 'utc');
}

describe('cells of a result', () => {
  it('keep all digits of 64-bit integers', () => {
    const values = BigInt64Array.from([9_223_372_036_854_775_807n, -9_007_199_254_740_993n]);
    const result = tableOf(
      {
        signed: [new Int64(), makeData({ type: new Int64(), length: 2, data: values })],
        unsigned: [
          new Uint64(),
          makeData({
            type: new Uint64(),
            length: 2,
            data: BigUint64Array.from([18_446_744_073_709_551_615n, 0n]),
          }),
        ],
      },
      2,
    );
    expect(textAt(result, 0, 0)).toBe('9223372036854775807');
    expect(textAt(result, 1, 0)).toBe('-9007199254740993');
    expect(textAt(result, 0, 1)).toBe('18446744073709551615');
    expect(result.columns.map(({ type }) => type)).toEqual(['int64', 'uint64']);
  });

  it('keep all nanoseconds of a time, before 1970 too, and know coarser units', () => {
    const nanos = new TimestampNanosecond('UTC');
    const micros = new TimestampMicrosecond('UTC');
    const result = tableOf(
      {
        a: [
          nanos,
          makeData({
            type: nanos,
            length: 2,
            data: BigInt64Array.from([1_700_000_000_123_456_789n, -1n]),
          }),
        ],
        b: [
          micros,
          makeData({ type: micros, length: 2, data: BigInt64Array.from([1_500_000n, 0n]) }),
        ],
      },
      2,
    );
    expect(textAt(result, 0, 0)).toBe('2023-11-14 22:13:20.123456789');
    expect(textAt(result, 1, 0)).toBe('1969-12-31 23:59:59.999999999');
    expect(textAt(result, 0, 1)).toBe('1970-01-01 00:00:01.500000000');
  });

  it('show ids as hex and link them: a trace by itself, a span beside its trace', () => {
    const traceType = new FixedSizeBinary(16);
    const spanType = new FixedSizeBinary(8);
    const traceId = '00112233445566778899aabbccddeeff';
    const columns: Record<string, [DataType, Data]> = {
      span_id: [
        spanType,
        makeData({ type: spanType, length: 1, data: Buffer.from('0123456789abcdef', 'hex') }),
      ],
    };
    const alone = tableOf(columns, 1);
    expect(textAt(alone, 0, 0)).toBe('0123456789abcdef');
    expect(linkOf(alone, { row: 0, column: 0 })).toBeUndefined();
    const both = tableOf(
      {
        ...columns,
        trace_id: [
          traceType,
          makeData({ type: traceType, length: 1, data: Buffer.from(traceId, 'hex') }),
        ],
      },
      1,
    );
    expect(linkOf(both, { row: 0, column: 1 })).toEqual({ traceId });
    expect(linkOf(both, { row: 0, column: 0 })).toEqual({ traceId, spanId: '0123456789abcdef' });
  });

  it('link text in a column of trace ids, and no other text', () => {
    const id = '00112233445566778899aabbccddeeff';
    const named = (name: string): ResultSet => {
      const vector = vectorFromArray([id]);
      return tableOf({ [name]: [vector.type, vector.data[0] as Data] }, 1);
    };
    expect(linkOf(named('trace_id'), { row: 0, column: 0 })).toEqual({ traceId: id });
    expect(linkOf(named('digest'), { row: 0, column: 0 })).toBeUndefined();
  });

  it('show null, and nested values as JSON with keys that are no names of this program', () => {
    const words = vectorFromArray(['a', null]);
    const lists = vectorFromArray([[1, 2], []], new List(new Field('item', new Int32(), true)));
    const structs = vectorFromArray([{ ['__proto__x']: 'p', n: 1 }]);
    const result = tableOf(
      {
        words: [words.type, words.data[0] as Data],
        lists: [lists.type, lists.data[0] as Data],
      },
      2,
    );
    expect(textAt(result, 1, 0)).toBe('null');
    expect(textAt(result, 0, 1)).toBe('[1,2]');
    expect(textAt(result, 1, 1)).toBe('[]');
    const nested = tableOf({ s: [structs.type, structs.data[0] as Data] }, 1);
    expect(textAt(nested, 0, 0)).toBe('{"__proto__x":"p","n":1}');
  });

  it('are found across batches', () => {
    const rows = Array.from({ length: 10 }, (_, i) => [BigInt(i) * 10n]);
    const bytes = sqlArrow({ columns: [{ name: 'n', type: 'int64' }], rows }, 3);
    const result = resultOf(tableFromIPC(bytes));
    expect(result.rowCount).toBe(10);
    expect(result.starts).toEqual([0, 3, 6, 9, 10]);
    for (const row of [0, 2, 3, 5, 8, 9]) expect(textAt(result, row, 0)).toBe(String(row * 10));
  });

  it('become numbers for charts only when they are numbers or times', () => {
    expect(numberOf(12n)).toBe(12);
    expect(numberOf('12')).toBeUndefined();
    expect(numberOf(Number.NaN)).toBeUndefined();
    expect(numberOf(null)).toBeUndefined();
  });
});
