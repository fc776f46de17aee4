// Files that are opened in the browser.

import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { FileError } from '../src/file/values';
import { read, unpack } from '../src/file/read';
import { Shelf } from '../src/file/shelf';
import type { FileSpan } from '../src/file/spans';

const bytes = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const TRACE = '0102030405060708090a0b0c0d0e0f10';
const SPAN = '1112131415161718';

const otlpSpan = {
  traceId: TRACE,
  spanId: SPAN,
  parentSpanId: '',
  name: 'GET /',
  kind: 'SPAN_KIND_SERVER',
  startTimeUnixNano: '1700000000123456789',
  endTimeUnixNano: '1700000000123456999',
  status: { code: 2, message: 'no' },
  attributes: [
    { key: 'n', value: { intValue: '9007199254740993' } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { boolValue: true }] } } },
  ],
  events: [{ timeUnixNano: '1700000000123456800', name: 'e' }],
};
const otlp = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'web' } }] },
      scopeSpans: [{ scope: { name: 'lib', version: '2' }, spans: [otlpSpan] }],
    },
  ],
};

const only = (content: { spans: FileSpan[] }): FileSpan => {
  expect(content.spans).toHaveLength(1);
  return content.spans[0] as FileSpan;
};

describe('OTLP JSON', () => {
  it('keeps times, ids and big integers exact', () => {
    const content = read(bytes(otlp));
    expect(content.form).toBe('OTLP JSON');
    expect(only(content)).toMatchObject({
      traceId: TRACE,
      spanId: SPAN,
      parentId: null,
      service: 'web',
      kind: 2,
      status: 2,
      message: 'no',
      start: 1_700_000_000_123_456_789n,
      end: 1_700_000_000_123_456_999n,
      scope: { name: 'lib', version: '2' },
      attributes: [
        { key: 'n', type: 'int', value: '9007199254740993' },
        { key: 'list', type: 'array', value: '["a",true]' },
      ],
    });
  });

  it('is read line by line too, with old names, and with ids in base64', () => {
    const old = {
      resourceSpans: [
        { instrumentationLibrarySpans: [{ spans: [{ ...otlpSpan, spanId: btoa('12345678') }] }] },
      ],
    };
    const content = read(bytes(`${JSON.stringify(otlp)}\n${JSON.stringify(old)}\n`));
    expect(content.spans.map(({ spanId, service }) => [spanId, service])).toEqual([
      [SPAN, 'web'],
      ['3132333435363738', 'unknown_service'],
    ]);
  });

  it('counts spans without valid ids and leaves them out', () => {
    const spans = [otlpSpan, { ...otlpSpan, traceId: '0'.repeat(32) }, { ...otlpSpan, spanId: 7 }];
    const body = { resourceSpans: [{ scopeSpans: [{ spans }] }] };
    expect(read(bytes(body))).toMatchObject({ skipped: 2 });
    expect(() =>
      read(bytes({ resourceSpans: [{ scopeSpans: [{ spans: spans.slice(1) }] }] })),
    ).toThrow('no span in the file has valid ids');
  });
});

/** Protobuf written by hand: a field with a length. */
function field(number: number, content: Uint8Array | number[]): number[] {
  const body = [...content];
  const length = [];
  for (let rest = body.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return [(number << 3) | 2, ...length, ...body];
}

const fixed = (number: number, value: bigint): number[] => {
  const buffer = new DataView(new ArrayBuffer(8));
  buffer.setBigUint64(0, value, true);
  return [(number << 3) | 1, ...new Uint8Array(buffer.buffer)];
};

const chars = (text: string): number[] => [...new TextEncoder().encode(text)];
const hex = (text: string): number[] => [...Buffer.from(text, 'hex')];

describe('OTLP protobuf', () => {
  const attribute = (key: string, value: number[]): number[] => [
    ...field(1, chars(key)),
    ...field(2, value),
  ];
  const span = [
    ...field(1, hex(TRACE)),
    ...field(2, hex(SPAN)),
    ...field(5, chars('GET /')),
    (6 << 3) | 0,
    3,
    ...fixed(7, 1_700_000_000_123_456_789n),
    ...fixed(8, 1_700_000_000_123_456_999n),
    // int -1 is ten bytes long.
    ...field(9, attribute('n', [(3 << 3) | 0, ...Array.from({ length: 9 }, () => 0xff), 1])),
    // A field of a later version.
    ...field(99 & 15, []),
    ...field(15, [...field(2, chars('no')), (3 << 3) | 0, 2]),
  ];
  const resource = field(1, attribute('service.name', field(1, chars('web'))));
  const message = Uint8Array.from(field(1, [...field(1, resource), ...field(2, field(2, span))]));

  it('is read as the JSON of the same request is', () => {
    const content = read(message);
    expect(content.form).toBe('OTLP protobuf');
    expect(only(content)).toMatchObject({
      traceId: TRACE,
      spanId: SPAN,
      service: 'web',
      name: 'GET /',
      kind: 3,
      start: 1_700_000_000_123_456_789n,
      end: 1_700_000_000_123_456_999n,
      status: 2,
      message: 'no',
      attributes: [{ key: 'n', type: 'int', value: '-1' }],
    });
  });

  it('is refused, not guessed, wherever it is torn or broken', () => {
    for (let length = 0; length < message.length; length++)
      expect(() => read(message.slice(0, length)), String(length)).toThrow(FileError);
    expect(() => read(Uint8Array.from({ length: 64 }, () => 0xff))).toThrow(FileError);
  });

  it('is refused when it is nested too deeply', () => {
    let value: number[] = field(1, chars('x'));
    for (let i = 0; i < 60; i++) value = field(5, field(1, value));
    const deep = [
      ...field(1, hex(TRACE)),
      ...field(2, hex(SPAN)),
      ...field(9, attribute('k', value)),
    ];
    const body = Uint8Array.from(field(1, field(2, field(2, deep))));
    expect(() => read(body)).toThrow('nested too deeply');
  });
});

describe('Jaeger JSON', () => {
  it('has processes, references, tags and logs, in microseconds', () => {
    const content = read(
      bytes({
        data: [
          {
            traceID: 'abc',
            processes: {
              p1: { serviceName: 'web', tags: [{ key: 'host', type: 'string', value: 'h' }] },
            },
            spans: [
              {
                traceID: 'abc',
                spanID: '1',
                operationName: 'GET',
                processID: 'p1',
                startTime: 1_700_000_000_123_456,
                duration: 1500,
                references: [
                  { refType: 'CHILD_OF', traceID: 'abc', spanID: '2' },
                  { refType: 'FOLLOWS_FROM', traceID: 'def', spanID: '3' },
                ],
                tags: [
                  { key: 'span.kind', type: 'string', value: 'client' },
                  { key: 'error', type: 'bool', value: true },
                  { key: 'n', type: 'int64', value: 5 },
                ],
                logs: [
                  {
                    timestamp: 1_700_000_000_123_457,
                    fields: [{ key: 'event', type: 'string', value: 'x' }],
                  },
                ],
              },
            ],
          },
        ],
      }),
    );
    expect(content.form).toBe('Jaeger JSON');
    expect(only(content)).toMatchObject({
      traceId: '0'.repeat(29) + 'abc',
      spanId: '0000000000000001',
      parentId: '0000000000000002',
      service: 'web',
      kind: 3,
      status: 2,
      start: 1_700_000_000_123_456_000n,
      end: 1_700_000_000_124_956_000n,
      links: [{ traceId: '0'.repeat(29) + 'def', spanId: '0000000000000003' }],
      events: [{ time: 1_700_000_000_123_457_000n, name: 'x' }],
    });
  });
});

describe('Zipkin JSON', () => {
  it('is an array of spans, or of arrays of them', () => {
    const span = {
      traceId: '5af7183fb1d4cf5f',
      id: '352bff9a74ca9ad2',
      parentId: '6b221d5bc9e6496c',
      kind: 'CLIENT',
      name: 'get',
      timestamp: 1_556_604_172_355_737,
      duration: 1431,
      localEndpoint: { serviceName: 'backend' },
      tags: { error: 'late', 'http.path': '/api' },
    };
    for (const body of [[span], [[span]]]) {
      const content = read(bytes(body));
      expect(content.form).toBe('Zipkin JSON');
      expect(only(content)).toMatchObject({
        traceId: '00000000000000005af7183fb1d4cf5f',
        parentId: '6b221d5bc9e6496c',
        service: 'backend',
        kind: 3,
        status: 2,
        message: 'late',
        start: 1_556_604_172_355_737_000n,
      });
    }
  });
});

describe('other files', () => {
  it('are refused with a reason', () => {
    for (const [content, reason] of [
      ['', 'empty'],
      ['{"a":1}', 'neither OTLP, Jaeger nor Zipkin'],
      ['{"a":', 'no JSON'],
      ['{"resourceSpans":[]}', 'no spans'],
      ['[]', 'no spans'],
      ['{"resourceSpans":[]}\nnonsense', 'line 2 is no JSON'],
      ['hello', 'no OTLP protobuf'],
    ])
      expect(() => read(bytes(content)), content).toThrow(reason);
    for (const body of [null, 1, 'x', [null], { data: null }, { resourceSpans: [null, 7] }])
      expect(() => read(bytes(body)), JSON.stringify(body)).toThrow(FileError);
  });

  it('are unpacked from gzip, and damage is told', async () => {
    const packed = new Uint8Array(gzipSync(JSON.stringify(otlp)));
    expect(only(read(await unpack(packed))).name).toBe('GET /');
    await expect(unpack(packed.slice(0, 30))).rejects.toThrow(FileError);
    await expect(unpack(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd]))).rejects.toThrow('zstd');
  });
});

describe('the shelf', () => {
  it('answers for a trace as the server does, and puts its parts together once', () => {
    const shelf = new Shelf();
    const child = { ...otlpSpan, spanId: '2122232425262728', parentSpanId: SPAN, name: 'child' };
    shelf.add(read(bytes({ resourceSpans: [{ scopeSpans: [{ spans: [child] }] }] })));
    shelf.add(read(bytes(otlp)));
    shelf.add(read(bytes(otlp)));
    expect(shelf.summaries()).toMatchObject([
      { trace_id: TRACE, root_name: 'GET /', span_count: 2, error_count: 2, complete: true },
    ]);
    const skeleton = shelf.answer(TRACE);
    expect(skeleton.ok && JSON.parse(skeleton.body)).toMatchObject({
      head: { trace_id: TRACE, span_count: 2 },
      columns: { span_id: [SPAN, '2122232425262728'], parent_row: [-1, 0] },
    });
    const span = shelf.answer(`${TRACE}/spans/1`);
    expect(span.ok && JSON.parse(span.body)).toMatchObject({ name: 'child', parent_span_id: SPAN });
    expect(shelf.answer(`${TRACE}/spans/2`).ok).toBe(false);
    expect(shelf.answer('nonsense').ok).toBe(false);
  });
});
