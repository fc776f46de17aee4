// Measures the trace page at several sizes against the stand-in server and prints a table. Nothing is asserted: a
// number is only worth something beside the others of its run.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { test, type CDPSession, type Page } from '@playwright/test';

import { generate } from '../mock/generate';
import { MockServer } from '../mock/server';
import { findToCount, frames, keyToFrame, watch, type Frames } from './inPage';

const DIST = join(import.meta.dirname, '../../dist');
const SIZES = (process.env['BENCH_SPANS'] ?? '1000,10000,100000,200000').split(',').map(Number);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const FRAMES = 150;

/** One run at one size. Times in ms, heap in MB. */
interface Run {
  firstRows: number;
  interactive: number;
  scroll: Frames;
  /** CPU time of a scrolled frame on the main thread. */
  work: number;
  jump: Frames;
  idle: Frames;
  collapse: number;
  find: number;
  critical: number;
  heap: number;
  buffers: number;
}

const idOf = (spans: number): string => spans.toString(16).padStart(32, 'b');

async function load(page: Page, url: string, spans: number) {
  await page.addInitScript(watch);
  await page.goto(`${url}/trace/${idOf(spans)}?fold=0`, { waitUntil: 'commit' });
  await page.waitForFunction(() => {
    const { benchMarks } = window as unknown as {
      benchMarks?: { firstRows: number; allRows: number };
    };
    return (benchMarks?.allRows ?? 0) > 0 && (benchMarks?.firstRows ?? 0) > 0;
  });
  return page.evaluate(
    () => (window as unknown as { benchMarks: { firstRows: number; allRows: number } }).benchMarks,
  );
}

/** CPU time of the page's main thread so far, ms: what other processes take does not count. */
async function cpu(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000;
}

async function run(page: Page, url: string, spans: number): Promise<Run> {
  const idle = await page.evaluate(frames, { selector: '', step: 0, count: FRAMES });
  const { firstRows, allRows } = await load(page, url, spans);
  // Interactive: all rows are in, and a key has moved the cursor in a frame that was drawn.
  const answer = await page.evaluate(keyToFrame, 'j');
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  await session.send('HeapProfiler.collectGarbage');
  const heap = (await session.send('Runtime.getHeapUsage')) as {
    usedSize: number;
    backingStorageSize?: number;
  };
  const grid = '[role=treegrid]';
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await cpu(session);
  const scroll = await page.evaluate(frames, { selector: grid, step: 96, count: FRAMES });
  const work = ((await cpu(session)) - before) / (FRAMES + 11);
  // A thousand rows a frame: nothing of the frame before can be used again.
  const jump = await page.evaluate(frames, { selector: grid, step: 24_000, count: 30 });
  const find = await page.evaluate(findToCount, 'cart');
  const collapse = await page.evaluate(keyToFrame, '{');
  await page.evaluate(keyToFrame, '}');
  const critical = await page.evaluate(keyToFrame, 'c');
  return {
    firstRows,
    interactive: Math.max(firstRows, allRows) + answer,
    scroll,
    work,
    jump,
    idle,
    collapse,
    find,
    critical,
    heap: heap.usedSize / 1e6,
    buffers: (heap.backingStorageSize ?? 0) / 1e6,
  };
}

/** The middle one of an odd number of runs, each figure by itself. */
function median(runs: readonly Run[], read: (run: Run) => number): number {
  return runs.map(read).sort((a, b) => a - b)[Math.floor(runs.length / 2)] as number;
}

const FIGURES: readonly [head: string, target: string, read: (run: Run) => number][] = [
  ['first rows, ms', '1000 at 100k', ({ firstRows }) => firstRows],
  ['interactive, ms', '1500 at 100k, 2500 at 200k', ({ interactive }) => interactive],
  ['scroll p50, ms', '', ({ scroll }) => scroll.p50],
  ['scroll p95, ms', '20', ({ scroll }) => scroll.p95],
  ['scroll max, ms', '50', ({ scroll }) => scroll.max],
  ['scroll, CPU ms a frame', '', ({ work }) => work],
  ['jump p95, ms', '', ({ jump }) => jump.p95],
  ['idle p95, ms', 'of an empty page', ({ idle }) => idle.p95],
  ['idle max, ms', 'of an empty page', ({ idle }) => idle.max],
  ['collapse all, ms', '50', ({ collapse }) => collapse],
  ['find, ms', '150', ({ find }) => find],
  ['critical path off, ms', '', ({ critical }) => critical],
  ['heap, MB', '60 at 100k', ({ heap }) => heap],
  ['buffers, MB', '', ({ buffers }) => buffers],
];

test('the trace page', async ({ browser }) => {
  if (!existsSync(join(DIST, 'index.html'))) throw new Error('build the pages first');
  const server = new MockServer(DIST);
  const url = process.env['CLEW_URL'] ?? (await server.start());
  const results = new Map<number, Run[]>();
  for (const spans of SIZES) {
    server.addTrace(generate({ seed: 7, spans, traceId: idOf(spans) }), false);
    // The stand-in makes its answer once, before anything is measured.
    await fetch(`${url}/api/clew/v1/traces/${idOf(spans)}`, {
      headers: { accept: 'application/vnd.apache.arrow.stream' },
    }).then((response) => response.arrayBuffer());
    const runs: Run[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
      await page.goto(`${url}/nowhere`);
      runs.push(await run(page, url, spans));
      await page.close();
    }
    results.set(spans, runs);
  }
  server.stop();
  print(results);
});

function print(results: ReadonlyMap<number, Run[]>): void {
  const sizes = [...results.keys()];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    line(['', 'target', ...sizes.map((spans) => `${spans.toLocaleString('en-US')} spans`)]),
    line(['---', '---', ...sizes.map(() => '---:')]),
    ...FIGURES.map(([head, target, read]) =>
      line([
        head,
        target,
        ...sizes.map((spans) => median(results.get(spans) ?? [], read).toFixed(1)),
      ]),
    ),
  ];
  console.log(`\nMedian of ${ROUNDS} runs\n\n${lines.join('\n')}\n`);
}
