import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { FindAnswer } from '../src/api/types';
import { rowsWith } from '../src/file/find';
import { fileSpan } from '../src/file/spans';
import { looksLikeQuery } from '../src/trace/find';
import type { Finder } from '../src/trace/finding';
import { TraceStore } from '../src/trace/store';
import { applySearch, searchOf } from '../src/trace/storeUrl';
import { node, skeletonFrom } from './trees';

// Names n1 to n3.
const spans = () => [node(1, null, 0, 100), node(2, 1, 10, 50), node(3, 1, 60, 90)];

const answerOf = (rows: number[], more: Partial<FindAnswer> = {}): FindAnswer => ({
  read_as: 'text',
  syntax: null,
  rows: Uint32Array.from(rows),
  coverage: { complete: true, segments_total: 0, segments_read: 0, reasons: [], elapsed_ms: 1 },
  ...more,
});

describe('the find of a trace', () => {
  let asked: { text: string; signal: AbortSignal }[];
  let reply: (text: string) => Promise<FindAnswer>;
  const finder: Finder = (text, signal) => {
    asked.push({ text, signal });
    return reply(text);
  };
  let store: TraceStore;
  const found = () => [...store.find.matches];

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    store = new TraceStore(skeletonFrom(spans()), finder);
    store.rowsChanged(true);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('names are found at once, the server’s answer takes their place', async () => {
    reply = () => Promise.resolve(answerOf([0, 1]));
    store.setFind('n2');
    expect([found(), store.find.state, asked.length]).toEqual([[1], 'asking', 0]);
    store.moveToMatch(1);
    await vi.runAllTimersAsync();
    expect([found(), store.find.state]).toEqual([[0, 1], 'answered']);
    // The match under the cursor is still the present one.
    expect(store.find.at).toBe(1);
  });

  test('only the last text of many that are typed is asked for', async () => {
    reply = () => Promise.resolve(answerOf([2]));
    for (const text of ['n', 'n3', 'n3 ']) store.setFind(text);
    await vi.runAllTimersAsync();
    expect(asked.map(({ text }) => text)).toEqual(['n3 ']);
  });

  test('an answer that comes too late is no answer', async () => {
    let late: (answer: FindAnswer) => void = () => {};
    reply = (text) =>
      text === 'n1' ? new Promise((done) => (late = done)) : Promise.resolve(answerOf([2]));
    store.setFind('n1');
    await vi.advanceTimersByTimeAsync(1000);
    store.setFind('n3');
    expect(asked[0]?.signal.aborted).toBe(true);
    await vi.runAllTimersAsync();
    late(answerOf([0]));
    await vi.runAllTimersAsync();
    expect([store.find.text, found()]).toEqual(['n3', [2]]);
  });

  test('a query has no matches before the server has answered, and says how it was read', async () => {
    reply = () => Promise.resolve(answerOf([1], { read_as: 'query' }));
    store.setFind('name=n2');
    expect(found()).toEqual([]);
    await vi.runAllTimersAsync();
    expect([found(), store.find.readAs, store.find.note]).toEqual([[1], 'query', undefined]);
  });

  test('a query that is none is told, words are not', async () => {
    const syntax = { message: 'a duration has a unit', position: 9 };
    reply = () => Promise.resolve(answerOf([], { syntax }));
    store.setFind('duration>1');
    await vi.runAllTimersAsync();
    expect(store.find.note).toBe('a duration has a unit');
    store.setFind('n1');
    await vi.runAllTimersAsync();
    expect(store.find.note).toBeUndefined();
  });

  test('a failure keeps what was found in names, and can be tried again', async () => {
    reply = () => Promise.reject(new Error('no answer'));
    store.setFind('n1');
    await vi.runAllTimersAsync();
    expect([found(), store.find.state, store.find.note]).toEqual([[0], 'failed', 'no answer']);
    reply = () => Promise.resolve(answerOf([0, 2]));
    store.retryFind();
    await vi.runAllTimersAsync();
    expect([found(), store.find.state]).toEqual([[0, 2], 'answered']);
  });

  test('the server is asked when all rows are here, and rows beyond them do not count', async () => {
    reply = () => Promise.resolve(answerOf([1, 7]));
    store = new TraceStore(skeletonFrom(spans()), finder);
    store.setFind('n2');
    await vi.runAllTimersAsync();
    expect(asked).toEqual([]);
    store.rowsChanged(true);
    await vi.runAllTimersAsync();
    expect([found(), asked.length]).toEqual([[1], 1]);
  });

  test('only matches are shown, with what they are under, until another span is wanted', async () => {
    reply = () => Promise.resolve(answerOf([2]));
    store.setFind('n3');
    await vi.runAllTimersAsync();
    store.setOnlyMatches(true);
    const shown = () => [...store.visible.rows.subarray(0, store.visible.count)];
    expect([shown(), store.visible.leftOut]).toEqual([[0, 2], 1]);
    expect([store.visible.isContext(0), store.visible.isContext(2)]).toEqual([true, false]);
    expect(searchOf(store)).toEqual({ find: 'n3', only: '1' });
    // Other matches are taken up; where there are none, nothing is left out.
    reply = () => Promise.resolve(answerOf([1]));
    store.setFind('n2');
    await vi.runAllTimersAsync();
    expect(shown()).toEqual([0, 1]);
    reply = () => Promise.resolve(answerOf([]));
    store.setFind('nowhere');
    await vi.runAllTimersAsync();
    expect(shown()).toEqual([0, 1, 2]);
    reply = () => Promise.resolve(answerOf([1]));
    store.setFind('n2');
    await vi.runAllTimersAsync();
    store.setCursor(2);
    expect([shown(), store.onlyMatches]).toEqual([[0, 1, 2], false]);
    const other = new TraceStore(skeletonFrom(spans()));
    applySearch(other, { find: 'n3', only: '1' });
    expect([...other.visible.rows.subarray(0, other.visible.count)]).toEqual([0, 2]);
  });

  test('without a server names are all there is', () => {
    store = new TraceStore(skeletonFrom(spans()));
    store.rowsChanged(true);
    store.setFind('n3');
    expect([found(), store.find.state]).toEqual([[2], 'answered']);
  });
});

test.each([
  ['a=b', true],
  ['duration>1ms', true],
  ['name~"x"', true],
  ['error', true],
  ['-root', true],
  ['has:db.system', true],
  ['k in (1, 2)', true],
  ['GET /cart', false],
  ['mirror error', false],
  ['origin (x', false],
])('%s is written like a query: %s', (text, is) => {
  expect(looksLikeQuery(text)).toBe(is);
});

test('words are found wherever a span of a file carries them', () => {
  const text = (key: string, value: string) => ({ key, type: 'string' as const, value });
  const rows = [
    fileSpan({ traceId: 'aa', spanId: '01', name: 'GET /Cart', service: 'Shop' }),
    fileSpan({
      traceId: 'aa',
      spanId: '02',
      message: 'card refused',
      attributes: [text('order.id', '17')],
      resource: [text('host.name', 'h-1')],
      scope: { name: 'lib', version: '2.0' },
      events: [{ time: 0n, name: 'retry', attributes: [text('cause', 'Timeout')] }],
      links: [{ traceId: 'bb', spanId: 'cc', attributes: [text('why', 'batch')] }],
    }),
  ];
  for (const [words, found] of [
    ['cart SHOP', [0]],
    ['ORDER.ID', [1]],
    ['17 h-1', [1]],
    ['lib 2.0', [1]],
    ['retry timeout', [1]],
    ['refused bb batch', [1]],
    ['cart 17', []],
    ['0', [0, 1]],
    ['  ', []],
  ] as const)
    expect(rowsWith(rows, words), words).toEqual(found);
});
