import { describe, expect, test } from 'vitest';

import { randomOf } from '../mock/generate';
import { findRows, firstFrom } from '../src/trace/find';
import { laneOf, rasterRows } from '../src/trace/raster';
import { SelfTimes, selfStretches, totalOf } from '../src/trace/selfTime';
import { generated, node, skeletonFrom, wild } from './trees';

describe('self time', () => {
  const of = (...spans: Parameters<typeof node>[]): number[] => {
    const skeleton = skeletonFrom(spans.map((span) => node(...span)));
    return Array.from(selfStretches(skeleton, 0));
  };

  test.each<[string, number[], Parameters<typeof node>[]]>([
    ['no children', [0, 100], [[1, null, 1000, 1100]]],
    [
      'one child',
      [0, 10, 40, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1010, 1040],
      ],
    ],
    [
      'overlapping children',
      [0, 10, 60, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1010, 1040],
        [3, 1, 1030, 1060],
      ],
    ],
    [
      'a child within a child’s time',
      [0, 10, 60, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1010, 1060],
        [3, 1, 1020, 1030],
      ],
    ],
    [
      'a child that outlives its parent',
      [0, 50],
      [
        [1, null, 1000, 1100],
        [2, 1, 1050, 1900],
      ],
    ],
    [
      'children that fill it',
      [],
      [
        [1, null, 1000, 1100],
        [2, 1, 1000, 1050],
        [3, 1, 1050, 1100],
      ],
    ],
    [
      'a child beside it',
      [0, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1200, 1300],
      ],
    ],
    [
      'a child that ends before it starts',
      [0, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1050, 1020],
      ],
    ],
    [
      'a grandchild counts for its parent alone',
      [0, 10, 90, 100],
      [
        [1, null, 1000, 1100],
        [2, 1, 1010, 1090],
        [3, 2, 1020, 1030],
      ],
    ],
  ])('%s', (_, stretches, spans) => expect(of(...spans)).toEqual(stretches));

  test('a child that starts before its parent counts from its parent’s start', () => {
    const skeleton = skeletonFrom([node(2, 1, 900, 1030), node(1, null, 1000, 1100)]);
    const row = [0, 1].find((each) => skeleton.spanName(each) === 'n1') as number;
    expect(totalOf(selfStretches(skeleton, row))).toBe(70);
  });

  test('is the time in which no child runs, counted one by one', () => {
    for (let seed = 1; seed < 40; seed++) {
      const skeleton = skeletonFrom(wild(seed, 30));
      const { start, duration, parentRow } = skeleton.columns;
      const times = new SelfTimes(skeleton);
      for (let row = 0; row < skeleton.count; row++) {
        let counted = 0;
        for (
          let t = start[row] as number;
          t < (start[row] as number) + (duration[row] as number);
          t++
        ) {
          const isCovered = Array.from(parentRow).some(
            (parent, child) =>
              parent === row &&
              t >= (start[child] as number) &&
              t < (start[child] as number) + (duration[child] as number),
          );
          if (!isCovered) counted++;
        }
        expect(totalOf(times.of(row))).toBe(counted);
      }
    }
  });
});

describe('find', () => {
  test('every word has to be in service or name, in any case', () => {
    const skeleton = skeletonFrom([
      node(1, null, 1, 9, { service: 'Cart', name: 'GET /items' }),
      node(2, 1, 2, 8, { service: 'redis', name: 'get' }),
      node(3, 1, 3, 8, { service: 'cart', name: 'render' }),
    ]);
    const found = (text: string): number[] => Array.from(findRows(skeleton, text));
    expect(found('get')).toEqual([0, 1]);
    expect(found('cart GET')).toEqual([0]);
    expect(found('CART')).toEqual([0, 2]);
    expect(found('nothing')).toEqual([]);
    expect(found('  ')).toEqual([]);
  });

  test('the first match from a row on', () => {
    const rows = Uint32Array.of(3, 7, 20);
    expect([0, 3, 4, 20, 21].map((row) => firstFrom(rows, row))).toEqual([0, 0, 1, 2, 3]);
  });
});

test('the minimap shows what painting in order would show', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const skeleton = generated(seed, 400);
    const random = randomOf(seed);
    const width = 40 + Math.floor(random() * 200);
    const lanes = 1 + Math.floor(random() * 20);
    const span = Number(skeleton.head.duration_ns);
    const columnOf = (t: number): number => Math.floor((t / span) * width * 1.3 - width * 0.1);
    const painted = new Uint32Array(width * lanes);
    const { start, duration, depth } = skeleton.columns;
    for (let row = 0; row < skeleton.count; row++) {
      const lane = laneOf(depth[row] as number, skeleton.maxDepth, lanes);
      const from = columnOf(start[row] as number);
      const to = columnOf((start[row] as number) + (duration[row] as number));
      for (let x = Math.max(0, from); x <= to && x < width; x++)
        painted[lane * width + x] = row + 1;
    }
    expect(Array.from(rasterRows({ skeleton, width, lanes, columnOf }))).toEqual(
      Array.from(painted),
    );
  }
});
