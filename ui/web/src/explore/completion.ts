// What completion offers at the cursor: fields, keys and values, with what they do to the text.

import type { KeysAnswer, ValuesAnswer } from '../api/types';
import type { Context } from '../language/context';
import { keyAndLevel } from '../language/edit';
import { printKey, printText } from '../language/print';
import { FIELDS, fieldOf, mayMiss, sortOf, type FieldName } from '../language/tree';

/** One thing to choose. */
export interface Item {
  /** Heading that it stands under. */
  group: string;
  label: string;
  /** What it is, in a few words. */
  note?: string;
  count?: number;
  /** What takes the place of the text from `from` to `to`. */
  insert: string;
  from: number;
  to: number;
}

/** What is asked of the server for a context. */
export interface Wanted {
  /** Part of a key. */
  keys?: string;
  /** A key, its level, and a part of the value. */
  values?: { key: string; level: string; text: string };
}

const TEXT_OPS = [
  ['=', 'is; * stands for any text'],
  ['!=', 'is there and is not'],
  ['~', 'matches a regular expression'],
  ['!~', 'is there and does not match'],
] as const;
const NUMBER_OPS = [
  ['>', 'above'],
  ['>=', 'at least'],
  ['<', 'below'],
  ['<=', 'at most'],
] as const;

/** Values of fields that are few. */
const WORDS: Partial<Record<FieldName, readonly string[]>> = {
  kind: ['server', 'client', 'internal', 'producer', 'consumer', 'unspecified'],
  status: ['error', 'ok', 'unset'],
  duration: ['10ms', '100ms', '250ms', '1s', '10s'],
  'trace.duration': ['100ms', '1s', '10s', '1m'],
  'trace.spans': ['10', '100', '1000'],
  'trace.errors': ['0', '10'],
  'trace.orphans': ['0'],
};

/** Fields whose values the server knows, by the name that it knows them under. */
const LISTED: Partial<Record<FieldName, string>> = {
  service: 'service',
  name: 'name',
  kind: 'kind',
  status: 'status',
  'status.message': 'status.message',
  'scope.name': 'scope.name',
  'scope.version': 'scope.version',
  'event.name': 'event.name',
  'trace.services': 'service',
  'trace.root.service': 'service',
  'trace.root.name': 'name',
};

const bare = (text: string): string => text.replace(/^["']/, '');

/** What has to be known to complete `context`. */
export function wantedFor(context: Context): Wanted {
  if (context.is === 'key') {
    const { key, level } = keyAndLevel(bare(context.text));
    return { keys: level === 'any' ? key : bare(context.text).slice(level.length + 1) };
  }
  if (context.is === 'op') return {};
  const field = fieldOf(context.key);
  if (field) {
    const key = LISTED[field];
    return key ? { values: { key, level: 'field', text: context.text } } : {};
  }
  return { values: { ...keyAndLevel(context.key), text: context.text } };
}

/** The comparison that most often follows a key. */
function usualOp(field: FieldName | undefined): string {
  const sort = field && sortOf(field);
  return sort === 'flag' ? ' ' : sort === 'duration' || sort === 'count' ? '>' : '=';
}

/** What is offered for `context`, given what the server knows. */
export function itemsFor(
  context: Context,
  known: { keys?: KeysAnswer | undefined; values?: ValuesAnswer | undefined },
): Item[] {
  if (context.is === 'key') return keyItems(context, known.keys);
  if (context.is === 'op') return opItems(context);
  return valueItems(context, known.values);
}

function keyItems(context: Context & { is: 'key' }, keys: KeysAnswer | undefined): Item[] {
  const { from, to, isHas } = context;
  const text = bare(context.text).toLowerCase();
  const items: Item[] = [];
  for (const name of Object.keys(FIELDS) as FieldName[]) {
    // Without a letter typed, those that are used most.
    const isFitting =
      text === '' ? !name.includes('.') && !name.endsWith('_id') : name.includes(text);
    if (!isFitting || (isHas && !mayMiss(name))) continue;
    const insert = name + (isHas ? ' ' : usualOp(name));
    items.push({ group: 'Fields', label: name, note: FIELDS[name][1], insert, from, to });
  }
  items.sort((a, b) => Number(b.label.startsWith(text)) - Number(a.label.startsWith(text)));
  const typedLevel = keyAndLevel(bare(context.text)).level;
  const group = text === '' ? 'Attributes, by frequency' : `Attributes with ${text}`;
  const seen = new Set<string>();
  // What was asked for a letter ago stays until the next answer is there, as far as it still fits.
  const part = (typedLevel === 'any' ? text : text.slice(typedLevel.length + 1)).replace(/^"/, '');
  const fitting = (keys?.keys ?? []).filter(({ key }) => key.toLowerCase().includes(part));
  for (const { key, level, type, span_count: count, value_count: values } of fitting) {
    // Events and links are told apart by their level, or a key of theirs would look like one of the span's.
    const isOfSpan = level === 'span' || level === 'resource';
    const written = printKey(typedLevel !== 'any' || !isOfSpan ? level : 'any', key);
    if (seen.has(written) || (typedLevel !== 'any' && typedLevel !== level)) continue;
    seen.add(written);
    const many = `${values.exact ? '' : 'over '}${values.value} ${values.value === 1 ? 'value' : 'values'}`;
    items.push({
      group,
      label: written,
      note: `${level === 'span' ? '' : `${level}, `}${type}, ${many}`,
      count,
      insert: written + (isHas ? ' ' : '='),
      from,
      to,
    });
  }
  const exact = keys?.keys.find(({ key }) => key === bare(context.text));
  if (exact && !isHas) {
    const written = printKey('any', exact.key);
    for (const [insert, note] of [
      [`has:${written} `, 'it is there'],
      [`-has:${written} `, 'it is not there'],
    ] as const)
      items.push({ group: 'Or', label: insert.trim(), note, insert, from, to });
  }
  if (text !== '' && !isHas && !context.text.startsWith('has')) {
    const insert = `${JSON.stringify(bare(context.text))} `;
    items.push({
      group: 'Or',
      label: insert.trim(),
      note: 'part of a service’s or span’s name',
      insert,
      from,
      to,
    });
  }
  return items;
}

function opItems({ from, to, key }: Context & { is: 'op' }): Item[] {
  const field = fieldOf(key);
  const sort = field && sortOf(field);
  const isNumber = sort === 'duration' || sort === 'count';
  const ops = isNumber
    ? NUMBER_OPS
    : sort === 'id'
      ? TEXT_OPS.slice(0, 2)
      : sort
        ? TEXT_OPS
        : [...TEXT_OPS, ...NUMBER_OPS];
  return ops.map(([op, note]) => ({
    group: `Compare ${key}`,
    label: op,
    note,
    insert: op,
    from,
    to,
  }));
}

function valueItems(context: Context & { is: 'value' }, values: ValuesAnswer | undefined): Item[] {
  const { from, to, key, text, op } = context;
  const field = fieldOf(key);
  const group = `Values of ${key}`;
  if (op.startsWith('<') || op.startsWith('>') || (field && !LISTED[field])) {
    const words = (field && WORDS[field]) ?? [];
    const fitting = words.filter((word) => word.startsWith(text));
    return fitting.map((word) => ({ group, label: word, insert: `${word} `, from, to }));
  }
  const wanted = text.toLowerCase();
  const found = (values?.values ?? []).filter(({ value }) => value.toLowerCase().includes(wanted));
  const items: Item[] = found.map(({ value, count }) => ({
    group,
    label: value,
    count,
    insert: `${printText(value)} `,
    from,
    to,
  }));
  const known = new Set(items.map(({ label }) => label));
  for (const word of (field && WORDS[field]) ?? [])
    if (!known.has(word) && word.startsWith(text.toLowerCase()))
      items.push({ group, label: word, insert: `${word} `, from, to });
  return items;
}

/** `q` with `item` put in, and where the cursor then stands. */
export function applied(q: string, { insert, from, to }: Item): { q: string; caret: number } {
  const after = q.slice(to);
  // One blank is enough.
  const text = insert.endsWith(' ') && after.startsWith(' ') ? insert.trimEnd() : insert;
  // `has:` stands before the key that is replaced.
  return { q: q.slice(0, from) + text + after, caret: from + insert.length };
}
