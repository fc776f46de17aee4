import { describe, expect, test } from 'vitest';

import { parseTraceId } from '../src/lib/traceId';
import { narrowCommands, type Command } from '../src/shell/commands';
import { isLive, pinnedLink } from '../src/shell/links';
import { panelWidth } from '../src/trace/PanelSplitter';
import { percentileOf, rankStatement, windowOf } from '../src/trace/rank';

describe('links', () => {
  const now = 1_700_000_000_000_000_000n;

  test('with a range that moves are told from others', () => {
    expect(isLive('http://x/explore?from=now-1h')).toBe(true);
    expect(isLive('http://x/explore?from=1700000000000000000&to=now')).toBe(true);
    expect(isLive('http://x/explore?from=1700000000000000000')).toBe(false);
    expect(isLive('http://x/trace/ab')).toBe(false);
  });

  test('are fixed to what the range means now, and keep everything else', () => {
    expect(pinnedLink('http://x/p/explore?q=a%3Db&from=now-1h&tz=utc', 'utc', now)).toBe(
      'http://x/p/explore?q=a%3Db&from=1699996400000000000&tz=utc&to=1700000000000000000',
    );
    const fixed = 'http://x/map?from=1&to=2';
    expect(pinnedLink(fixed, 'utc', now)).toBe(fixed);
  });
});

test('commands are found by words of name and group, those that begin so first', () => {
  const command = (group: string, name: string): Command => ({ group, name, run: () => undefined });
  const all = [
    command('Theme', 'Dark theme'),
    command('Go to', 'Explore'),
    command('Trace', 'Next error'),
    command('Go to', 'Map of calls'),
  ];
  const names = (text: string) => narrowCommands(all, text).map(({ name }) => name);
  expect(names('')).toHaveLength(4);
  expect(names('go to')).toEqual(['Explore', 'Map of calls']);
  expect(names('ERR trace')).toEqual(['Next error']);
  expect(names('e')).toEqual(['Explore', 'Dark theme', 'Next error']);
  expect(names('nothing')).toEqual([]);
});

test('a link that cannot be decoded is no trace id', () => {
  expect(parseTraceId('http://x/trace/%zz').ok).toBe(false);
});

describe('the rank of a span', () => {
  const span = { service: "it's", name: 'a', kind: 'server', start: 7n, duration: 5n };

  test('is never above the 99th', () => {
    const of = (count: number, faster: number) =>
      percentileOf({ count, faster, errors: 0, median: 1, p95: 2 });
    expect([of(200, 199.9), of(3, 0), of(3, 2)]).toEqual(['p99', 'p0', 'p66']);
  });

  test('is asked for over the hour up to the span, with names as literals', () => {
    expect(windowOf(span)).toEqual({ from: 7n - 3_600_000_000_000n, to: 8n });
    expect(rankStatement(span)).toContain("service_name = 'it''s'");
  });
});

test('the panel leaves half of the window to the spans', () => {
  expect([100, 372, 2000].map((wanted) => panelWidth(wanted, 1600))).toEqual([280, 372, 800]);
});
