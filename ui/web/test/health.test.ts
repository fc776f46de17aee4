import { expect, test } from 'vitest';

import { withTag } from '../src/trace/addToQuery';
import { backlinksStatement } from '../src/trace/backlinks';
import { isRootMissing, skewOf } from '../src/trace/health';
import { node, skeletonFrom } from './trees';

test('clocks that differ show in spans that start before their parents elsewhere', () => {
  const skeleton = skeletonFrom([
    node(1, null, 1000, 2000, { service: 'a' }),
    node(2, 1, 990, 1500, { service: 'b' }),
    node(3, 1, 960, 1500, { service: 'c' }),
    // In its own service a span may start early: one clock, another reason.
    node(4, 1, 900, 1500, { service: 'a' }),
  ]);
  expect(skewOf(skeleton)).toEqual({ spans: 2, most: 40, child: 'c', parent: 'a' });
  expect(skewOf(skeletonFrom([node(1, null, 1000, 2000), node(2, 1, 1000, 1001)]))).toBeUndefined();
});

test('the root is missing when all at the top are orphans', () => {
  expect(isRootMissing(skeletonFrom([node(2, 1, 5, 9), node(3, 1, 6, 9)]))).toBe(true);
  expect(isRootMissing(skeletonFrom([node(2, 1, 5, 9), node(3, null, 6, 9)]))).toBe(false);
  expect(isRootMissing(skeletonFrom([node(3, null, 6, 9)]))).toBe(false);
});

test('a tag joins those of the search, takes the place of its own, and leaves the page of results', () => {
  expect(withTag({ q: 'a=1 b="x y" -a=3', from: 'now-1h', cursor: 'c' }, 'a', '2 3')).toEqual({
    q: 'b="x y" -a=3 a="2 3"',
    from: 'now-1h',
  });
  expect(withTag({ q: 'error or root' }, 'a', 'b')).toEqual({ q: '(error or root) a=b' });
  expect(withTag({ q: '"never closed' }, 'a', 'b')).toEqual({ q: 'a=b' });
  expect(withTag({}, 'duration', 'b')).toEqual({ q: '"duration"=b' });
});

test('the statement for links back takes ids and nothing else', () => {
  const statement = backlinksStatement('ab'.repeat(16), '0123456789abcdef');
  expect(statement).toContain(`X'${'ab'.repeat(16)}' AND link['span_id'] = X'0123456789abcdef'`);
  expect(() => backlinksStatement("' OR 1=1 --", '0123456789abcdef')).toThrow(RangeError);
  expect(() => backlinksStatement('ab'.repeat(16), '')).toThrow(RangeError);
});
