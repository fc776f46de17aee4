import { expect, test } from 'vitest';

import { Strokes } from '../src/trace/strokes';

function drawn(from: number, to: number, strokes: readonly [number, number][]): [number, number][] {
  const found: [number, number][] = [];
  const surface = {
    fillRect: (x: number, _y: number, width: number) => void found.push([x, x + width]),
  };
  const made = new Strokes(surface, from, to, 0, 10);
  for (const [left, right] of strokes) made.add(left, right);
  return found;
}

test('each stroke is a pixel wide at least, and where it is', () => {
  expect(
    drawn(0, 100, [
      [10, 10.2],
      [20, 40],
    ]),
  ).toEqual([
    [10, 11],
    [20, 40],
  ]);
});

test('a thousand short strokes do not run away to the right', () => {
  const many = Array.from({ length: 1000 }, (_, i): [number, number] => {
    const left = 10 + i * 0.005;
    return [left, left + 0.002];
  });
  const found = drawn(0, 100, many);
  expect(found.at(-1)?.[1]).toBeLessThanOrEqual(16.5);
  expect(found[0]?.[0]).toBe(10);
  expect(found.every(([left], i) => i === 0 || left >= (found[i - 1] as [number, number])[1])).toBe(
    true,
  );
});

test('nothing is drawn beyond the ends', () => {
  expect(
    drawn(0, 50, [
      [-30, -20],
      [-5, 5],
      [45, 80],
      [90, 95],
    ]),
  ).toEqual([
    [0, 5],
    [45, 50],
  ]);
});
