import { expect, test } from 'vitest';

import { findOf } from '../src/explore/matched';
import { withClause } from '../src/language/edit';

test.each([
  ['no query', {}, undefined],
  ['conditions on spans, as typed', { q: 'service = cart  error' }, 'service = cart error'],
  ['words of the language between them', { q: 'error and k=1 && root' }, 'error k=1 root'],
  ['conditions on traces are left out', { q: 'trace.duration>2s error' }, 'error'],
  ['nothing but conditions on traces', { q: 'trace.duration>2s -trace.errors>3' }, undefined],
  ['an or stays together', { q: 'trace.spans>3 (error or root)' }, '(error or root)'],
  ['an or alone', { q: 'error or root' }, '(error or root)'],
  ['an or of traces', { q: '(trace.spans>3 or trace.errors>1) k=1' }, 'k=1'],
  ['what cannot be read', { q: 'duration>' }, undefined],
  [
    'a box on spans counts with its durations',
    { q: 'a=1 or b=2', unit: 'spans', sel: '1,2,1500000,3000000000' },
    '(a=1 or b=2) duration>=1.5ms duration<3s',
  ],
  ['a box on traces says nothing of spans', { q: 'a=1', sel: '1,2,3,4' }, 'a=1'],
] as const)('a trace is opened with what its spans met: %s', (_, search, find) => {
  expect(findOf(search)).toEqual(find === undefined ? {} : { find });
});

test('two groups are not one group', () => {
  expect(withClause('(a=1) or (b=2)', 'c=3')).toBe('((a=1) or (b=2)) c=3');
  expect(withClause('(a=1 or b=2)', 'c=3')).toBe('(a=1 or b=2) c=3');
});
