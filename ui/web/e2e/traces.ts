// The traces that the browser tests look at, and how they are sent: by Zipkin and OTLP, to whatever server is tested.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { decompress } from 'fzstd';

/** Folder of recorded data. */
const TESTDATA = join(import.meta.dirname, '../../../testdata');

/** A production trace of 1,041 reports (SmartThings), Zipkin v2 JSON. */
export const SMARTTHINGS = '000000000000000014b60fd9ae504820';

/** A recorded trace of 200 spans in 18 services (Train-Ticket), OTLP JSON. */
export const TRAINTICKET = '81e893fa78f935a20ca3fb5c69510fd7';

/** A made-up trace of names and values that try to be more than text. */
export const HOSTILE = 'badbadbadbadbadbadbadbadbadbad01';

/** A made-up trace without its root: two orphans, one of them before the epoch of its child. */
export const BROKEN = 'badbadbadbadbadbadbadbadbadbad02';

/** Two made-up traces of the same request: the second asks its database twenty times as long, and tries once more. */
export const FAST = 'c0ffeec0ffeec0ffeec0ffeec0ffee01';
export const SLOW = 'c0ffeec0ffeec0ffeec0ffeec0ffee02';

/** A made-up trace of 100,000 spans; only the stand-in has it. */
export const HUGE = 'badbadbadbadbadbadbadbadbadbad03';

/**
 * A made-up trace of 100 ms with known figures: 12 alike queries of 3 ms (the sixth has an error), a rendering with a
 * child on a clock that is 5 ms behind, and a mail that is sent on its own time.
 */
export const REPEATS = 'badbadbadbadbadbadbadbadbadbad04';

/** A made-up trace of two spans that name each other as their parent; one links to the root of {@link REPEATS}. */
export const CIRCLE = 'badbadbadbadbadbadbadbadbadbad05';

function unpack(name: string): string {
  return Buffer.from(decompress(readFileSync(join(TESTDATA, name)))).toString();
}

const T0 = 1_700_000_000_000_000_000n;

function otlpBody(service: string, spans: object[]): string {
  const attributes = [{ key: 'service.name', value: { stringValue: service } }];
  return JSON.stringify({
    resourceSpans: [
      { resource: { attributes }, scopeSpans: [{ scope: { name: 'tests' }, spans }] },
    ],
  });
}

/** Text that breaks pages that trust it. */
export const HOSTILE_TEXTS = {
  service: '<b>shop</b>',
  name: '<img src=x onerror="window.__owned=1">',
  markup: '"><script>window.__owned=1</script>',
  bidi: 'abc\u202efdp.exe\u2066',
  nul: 'before\u0000after',
};

function hostile(): string {
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const { service, name, markup, bidi, nul } = HOSTILE_TEXTS;
  return otlpBody(service, [
    {
      traceId: HOSTILE,
      spanId: 'bad0000000000001',
      name,
      kind: 2,
      startTimeUnixNano: String(T0),
      endTimeUnixNano: String(T0 + 5_000_000n),
      status: { code: 2, message: markup },
      attributes: [
        text('markup', markup),
        text('bidi', bidi),
        text('nul', nul),
        text('javascript:alert(1)', 'javascript:alert(1)'),
        text('__proto__', 'polluted'),
        text('long', 'x'.repeat(1_000_000)),
      ],
      events: [
        { timeUnixNano: String(T0 + 1n), name: markup, attributes: [text('markup', markup)] },
      ],
      links: [
        { traceId: TRAINTICKET, spanId: 'bad0000000000009', attributes: [text('markup', markup)] },
      ],
    },
    {
      traceId: HOSTILE,
      spanId: 'bad0000000000002',
      parentSpanId: 'bad0000000000001',
      name: `${bidi} ${nul} ${'y'.repeat(1_000_000)}`,
      kind: 1,
      startTimeUnixNano: String(T0 + 1_000_000n),
      endTimeUnixNano: String(T0 + 2_000_000n),
    },
  ]);
}

function broken(): string {
  const span = (
    id: string,
    parentSpanId: string,
    name: string,
    from: bigint,
    to: bigint,
  ): object => ({
    traceId: BROKEN,
    spanId: id,
    parentSpanId,
    name,
    kind: 1,
    startTimeUnixNano: String(T0 + from),
    endTimeUnixNano: String(T0 + to),
  });
  return otlpBody('broken', [
    span('bad0000000000011', 'bad00000000000ff', 'orphan', 0n, 40_000_000n),
    span('bad0000000000012', 'bad0000000000011', 'ends before it starts', 30_000_000n, 20_000_000n),
    span('bad0000000000013', 'bad0000000000011', 'takes no time', 10_000_000n, 10_000_000n),
    span('bad0000000000014', 'bad00000000000fe', 'another orphan', 5_000_000n, 9_000_000n),
  ]);
}

function repeats(): string[] {
  const span = (
    id: number,
    parent: number,
    name: string,
    from: number,
    to: number,
    more: object = {},
  ): object => ({
    traceId: REPEATS,
    spanId: `bad00000000001${id.toString(16).padStart(2, '0')}`,
    parentSpanId: parent === 0 ? '' : `bad00000000001${parent.toString(16).padStart(2, '0')}`,
    name,
    kind: 1,
    startTimeUnixNano: String(T0 + BigInt(from) * 1_000_000n),
    endTimeUnixNano: String(T0 + BigInt(to) * 1_000_000n),
    ...more,
  });
  const event = (name: string, at: number, stringValue: string): object => ({
    timeUnixNano: String(T0 + BigInt(at) * 1_000_000n),
    name,
    attributes: [{ key: 'what', value: { stringValue } }],
  });
  const queries = Array.from({ length: 12 }, (_, i) =>
    span(0x10 + i, 1, 'SELECT orders', 10 + 5 * i, 13 + 5 * i, {
      ...(i === 5 && { status: { code: 2, message: 'deadlock' } }),
    }),
  );
  return [
    otlpBody('repeats-web', [
      span(1, 0, 'GET /orders', 0, 100, {
        kind: 2,
        events: [event('cache miss', 2, 'orders'), event('sent', 99, '<b>200</b>')],
      }),
      span(2, 1, 'render', 75, 95, { events: [event('template', 76, 'orders.html')] }),
    ]),
    otlpBody('repeats-db', queries),
    otlpBody('repeats-fonts', [span(3, 2, 'load', 70, 90)]),
    otlpBody('repeats-mail', [span(4, 1, 'send', 80, 300, { kind: 5 })]),
  ];
}

function compared(traceId: string, isSlow: boolean): string {
  let next = 0;
  const start = T0 + (isSlow ? 60_000_000_000n : 0n);
  const span = (parent: string, name: string, from: number, to: number, attributes = {}) => ({
    traceId,
    spanId: `c0ffee000000${isSlow ? '02' : '01'}${String(++next).padStart(2, '0')}`,
    parentSpanId: parent,
    name,
    kind: parent ? 3 : 2,
    startTimeUnixNano: String(start + BigInt(from) * 1_000_000n),
    endTimeUnixNano: String(start + BigInt(to) * 1_000_000n),
    attributes: Object.entries(attributes).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    })),
  });
  const root = span('', 'GET /compared', 0, isSlow ? 300 : 100);
  const spans = [
    root,
    span(root.spanId, 'authorize', 1, 9),
    span(root.spanId, 'load cart', 10, 14),
  ];
  const to = isSlow ? 215 : 25;
  spans.push(span(root.spanId, 'SELECT orders', 15, to, { 'db.plan': isSlow ? 'scan' : 'index' }));
  if (isSlow) spans.push(span(root.spanId, 'retry', 220, 260));
  return otlpBody('compared', spans);
}

function circle(): string {
  const span = (
    spanId: string,
    parentSpanId: string,
    from: bigint,
    links: object[] = [],
  ): object => ({
    traceId: CIRCLE,
    spanId,
    parentSpanId,
    name: 'round and round',
    kind: 1,
    startTimeUnixNano: String(T0 + from),
    endTimeUnixNano: String(T0 + from + 1_000_000n),
    links,
  });
  return otlpBody('circle', [
    span('bad0000000000021', 'bad0000000000022', 0n, [
      { traceId: REPEATS, spanId: 'bad0000000000101' },
    ]),
    span('bad0000000000022', 'bad0000000000021', 500_000n),
  ]);
}

async function post(url: string, body: string): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const token = process.env['CLEW_TOKEN'];
  if (token) headers['authorization'] = `Bearer ${token}`;
  const response = await fetch(url, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

/** Sends spans of one service to whatever server is tested, by OTLP. */
export async function sendSpans(service: string, spans: object[]): Promise<void> {
  const otlp = process.env['CLEW_OTLP_URL'] ?? process.env['CLEW_URL'];
  await post(`${otlp}/v1/traces`, otlpBody(service, spans));
}

/** Sends all traces. Sending them again changes nothing. */
export async function sendTraces(zipkin: string, otlp: string): Promise<void> {
  await post(
    `${zipkin}/api/v2/spans`,
    unpack('zipkin/lens-smartthings-mobile-web-install.json.zst'),
  );
  await post(`${otlp}/v1/traces`, unpack('ui/trainticket-200.otlp.json.zst'));
  await post(`${otlp}/v1/traces`, hostile());
  await post(`${otlp}/v1/traces`, broken());
  await post(`${otlp}/v1/traces`, circle());
  for (const body of repeats()) await post(`${otlp}/v1/traces`, body);
  await post(`${otlp}/v1/traces`, compared(FAST, false));
  await post(`${otlp}/v1/traces`, compared(SLOW, true));
}
