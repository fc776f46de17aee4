// Made-up traces of any size, the same for the same seed: services that call each other, repeated siblings, errors,
// gaps, spans that outlive their parent, orphans, skewed clocks.

import { mockSpan, type MockSpan } from './model';

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SERVICES = [
  'gateway',
  'auth',
  'cart',
  'checkout',
  'currency',
  'email',
  'inventory',
  'payment',
  'pricing',
  'product',
  'quote',
  'recommend',
  'search',
  'shipping',
  'session',
  'user',
  'postgres',
  'redis',
  'kafka',
  'ads',
];
const VERBS = [
  'GET',
  'POST',
  'PUT',
  'SELECT',
  'INSERT',
  'publish',
  'consume',
  'validate',
  'render',
  'load',
];

/** How a generated trace looks. */
export interface Shape {
  seed: number;
  spans: number;
  traceId?: string;
  /** When it starts, ns since the epoch. */
  start?: bigint;
  maxDepth?: number;
  services?: number;
}

const hex = (random: () => number, digits: number): string =>
  Array.from({ length: digits / 4 }, () =>
    Math.floor(random() * 65_536)
      .toString(16)
      .padStart(4, '0'),
  ).join('');

/** A trace of `spans` spans. */
export function generate({
  seed,
  spans: count,
  traceId,
  start,
  maxDepth = 14,
  services = SERVICES.length,
}: Shape): MockSpan[] {
  const random = randomOf(seed);
  const id = traceId ?? hex(random, 32);
  const origin = start ?? 1_675_000_000_000_000_000n + BigInt(seed) * 1_000_000_000n;
  const length = 1e9 * (0.2 + random() * 4);
  const spans: MockSpan[] = [];
  const add = (parent: MockSpan | undefined, from: number, to: number): MockSpan => {
    const service = SERVICES[Math.floor(random() * Math.min(services, SERVICES.length))] as string;
    const name = `${VERBS[Math.floor(random() * VERBS.length)]} /${service}/resource/${Math.floor(random() * 90)}`;
    const isError = random() < 0.004;
    const span = mockSpan({
      traceId: id,
      spanId: (spans.length + 1).toString(16).padStart(4, '0') + hex(random, 12),
      parentId: parent?.spanId ?? null,
      name,
      service,
      kind: 1 + Math.floor(random() * 5),
      start: origin + BigInt(Math.round(from)),
      end: origin + BigInt(Math.round(to)),
      status: isError ? 2 : 0,
      message: isError ? 'deadline exceeded' : '',
      attributes: [
        { key: 'http.status_code', type: 'int', value: isError ? '504' : '200' },
        { key: 'peer.address', type: 'string', value: `10.1.${spans.length % 250}.7:8080` },
      ],
    });
    spans.push(span);
    return span;
  };
  const open = [{ span: add(undefined, 0, length), from: 0, to: length, depth: 0 }];
  while (spans.length < count) {
    // Mostly the newest open span grows, sometimes any: deep and wide at once.
    const at = random() < 0.7 ? open.length - 1 : Math.floor(random() * open.length);
    const { span, from, to, depth } = open[at] as (typeof open)[number];
    const siblings = Math.min(
      count - spans.length,
      random() < 0.1 ? 30 : 1 + Math.floor(random() * 4),
    );
    for (let i = 0; i < siblings; i++) {
      const begin = from + ((to - from) * (i + random() * 0.3)) / siblings;
      const size = ((to - from) / siblings) * (0.2 + random() * (random() < 0.03 ? 2 : 0.6));
      const child = add(span, begin, begin + size);
      if (depth + 1 < maxDepth && random() < 0.5)
        open.push({ span: child, from: begin, to: begin + size, depth: depth + 1 });
    }
    if (open.length > 40 || depth > 8) open.splice(at, 1);
    if (open.length === 0) open.push({ span: spans[0] as MockSpan, from: 0, to: length, depth: 0 });
  }
  return spans;
}
