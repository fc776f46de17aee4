import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { heatmapAnswer, keysAnswer, searchAnswer, valuesAnswer } from '../src/api/types';
import { applied, itemsFor, wantedFor } from '../src/explore/completion';
import { toCsv, toJson } from '../src/explore/download';
import { facetKeys, facetsText } from '../src/explore/facetKeys';
import { Heat, rampStep, timeline } from '../src/explore/heat';
import { togglePicked, picked } from '../src/explore/pick';
import { contextAt } from '../src/language/context';

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../../testdata/api/${name}.json`), 'utf8'));

/** What is offered at `^`. */
function offered(text: string, known: Parameters<typeof itemsFor>[1] = {}) {
  const caret = text.indexOf('^');
  const q = text.replace('^', '');
  const items = itemsFor(contextAt(q, caret), known);
  const after = (label: string): string => {
    const item = items.find((each) => each.label === label);
    if (!item) throw new Error(`${label} is not among ${items.map((each) => each.label).join()}`);
    const { q: next, caret: at } = applied(q, item);
    return `${next.slice(0, at)}^${next.slice(at)}`;
  };
  return { labels: items.map(({ label }) => label), after };
}

describe('completion', () => {
  const keys = keysAnswer(golden('keys'), '');
  const values = valuesAnswer(golden('values'), '');

  test('offers fields first, then keys of the data, and what leads on', () => {
    const fields = offered('du^');
    expect(fields.labels[0]).toBe('duration');
    expect(fields.after('duration')).toBe('duration>^');
    expect(fields.after('trace.duration')).toBe('trace.duration>^');
    expect(offered('error ser^').after('service')).toBe('error service=^');
    expect(offered('err^').after('error')).toBe('error ^');
    const attributes = offered('http^ root', { keys });
    expect(attributes.labels).toContain('http.status_code');
    expect(attributes.after('http.status_code')).toBe('http.status_code=^ root');
    expect(offered('has:http^', { keys }).after('http.route')).toBe('has:http.route ^');
    const exact = offered('http.route^', { keys });
    expect(exact.after('-has:http.route')).toBe('-has:http.route ^');
    expect(offered('slow^').after('"slow"')).toBe('"slow" ^');
  });

  test('offers the comparisons that suit a key', () => {
    expect(offered('duration ^').labels).toEqual(['>', '>=', '<', '<=']);
    expect(offered('service ^').labels).toEqual(['=', '!=', '~', '!~']);
    expect(offered('k ^').labels).toHaveLength(8);
    expect(offered('k ^').after('>=')).toBe('k >=^');
  });

  test('offers values with their quotes', () => {
    expect(offered('http.status_code=5^', { values }).after('504')).toBe('http.status_code=504 ^');
    const odd = valuesAnswer(
      { ...(golden('values') as object), values: [{ value: 'a b*', count: 1 }] },
      '',
    );
    expect(offered('name="a^', { values: odd }).after('a b*')).toBe('name="a b*" ^');
    expect(offered('kind=se^').after('server')).toBe('kind=server ^');
    expect(offered('duration>^').labels).toContain('1s');
    expect(offered('service=a|^ error', { values: odd }).after('a b*')).toBe(
      'service=a|"a b*" ^error',
    );
  });

  test('asks for the part of the key that the server knows', () => {
    const wanted = (text: string) => wantedFor(contextAt(text, text.length));
    expect(wanted('resource.host')).toEqual({ keys: 'host' });
    expect(wanted('k8s')).toEqual({ keys: 'k8s' });
    expect(wanted('trace.services=pay')).toEqual({
      values: { key: 'service', level: 'field', text: 'pay' },
    });
    expect(wanted('event.exception.type=J')).toEqual({
      values: { key: 'exception.type', level: 'event', text: 'J' },
    });
    expect(wanted('duration>1')).toEqual({});
  });
});

describe('the heatmap', () => {
  const heat = new Heat(heatmapAnswer(golden('heatmap'), ''));

  test('knows its cells, and what they sum up to', () => {
    const all = { left: 0, right: heat.columns - 1, low: 0, high: heat.rows - 1 };
    expect(heat.sum(all)).toEqual({ count: 4, errors: 2 });
    expect([...heat.all()]).toHaveLength(4);
    expect(heat.box(all)).toEqual({ min: 1_000_000n, max: 2_500_000_000n });
    expect(timeline(heat, 3).map(({ count }) => count)).toEqual([1, 2, 1]);
  });

  test('a box of cells is the box of the same cells when it is read back', () => {
    for (const cells of [
      { left: 1, right: 2, low: 3, high: 8 },
      { left: 0, right: 5, low: 0, high: 0 },
      { left: 4, right: 4, low: heat.rows - 1, high: heat.rows - 1 },
    ])
      expect(heat.cellsOf(heat.box(cells))).toEqual(cells);
    expect(heat.cellsOf({ from: 0n, to: 1n })).toBeUndefined();
  });

  test('durations lie between the edges of their row', () => {
    for (let row = 0; row < heat.rows; row++) {
      expect(heat.rowOf(heat.edges[row] as bigint)).toBe(row);
      const middle = ((heat.edges[row] as bigint) + (heat.edges[row + 1] as bigint)) / 2n;
      expect(Math.floor(heat.rowOf(middle))).toBe(row);
    }
    expect(heat.rowOf(1n)).toBe(0);
    expect(heat.rowOf(1n << 62n)).toBe(heat.rows);
  });

  test('one is seen beside thousands', () => {
    expect([1, 10, 100, 1000].map((count) => rampStep(count, 1000))).toEqual([1, 3, 5, 7]);
  });
});

describe('what the page keeps', () => {
  test('marks are two at most, and a third takes the place of the second', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [string, string, string];
    expect(picked(`${a},${b},${c},junk`)).toEqual([a, b]);
    expect(togglePicked([a, b], c)).toEqual([a, c]);
    expect(togglePicked([a, b], a)).toEqual([b]);
  });

  test('keys of facets keep their blanks', () => {
    expect(facetKeys(facetsText(['a b', 'c%d', 'a b']))).toEqual(['a b', 'c%d']);
    expect(facetKeys('%E0%A4%A ok')).toEqual(['ok']);
    expect(facetsText([])).toBeUndefined();
  });

  test('a download has every trace, and no formula', () => {
    const answer = searchAnswer(golden('search'), '');
    const [first] = answer.traces;
    if (!first) throw new Error('no trace');
    const csv = toCsv([{ ...first, root_name: '=1+"1"', root_service_name: 'a,b' }]);
    expect(csv.split('\r\n')[1]).toContain(`"a,b","'=1+""1"""`);
    const json = JSON.parse(toJson(answer)) as { traces: { duration_ns: string }[] };
    expect(json.traces.map(({ duration_ns: ns }) => ns)).toEqual(['2000000000', '1000000']);
  });
});
