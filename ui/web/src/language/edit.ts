// Changes to a query that keep the rest of its text as it was typed: taking a condition out, putting one in.

import type { Facet } from '../api/types';
import { clausesOf, tryRead } from './check';
import { compares, printKey } from './print';
import { levelOf, type Node } from './tree';

/** One of the conditions that a query joins by `and`. */
export interface Clause {
  /** Its text as typed. */
  text: string;
  node: Node;
}

/** The conditions of a query; none when it cannot be read. */
export function clauses(q: string): Clause[] {
  const result = tryRead(q);
  if ('error' in result) return [];
  return clausesOf(result.node).map((node) => ({ text: q.slice(node.from, node.to), node }));
}

const joined = (texts: readonly string[]): string => texts.join(' ');

/** Texts of conditions that can stand side by side: an `or` is in parentheses. */
export function grouped(all: readonly Clause[]): string[] {
  return all.map(({ text, node }) => (node.is === 'any' && !isGroup(text) ? `(${text})` : text));
}

/** True for a text in one pair of parentheses: `(a) or (b)` is in two. */
function isGroup(text: string): boolean {
  return text.startsWith('(') && text.endsWith(')') && 'node' in tryRead(text.slice(1, -1));
}

const pieces = (q: string): string[] => grouped(clauses(q));

/** The query without its condition number `place`. */
export function without(q: string, place: number): string {
  return joined(pieces(q).filter((_, i) => i !== place));
}

/** The query with one more condition; one that is there already stays once. What cannot be read is given up. */
export function withClause(q: string, clause: string): string {
  const known = pieces(q);
  return joined(known.includes(clause) ? known : [...known, clause]);
}

/** How a facet's value stands in a query. */
export type Stand = 'included' | 'excluded' | undefined;

/** How a facet's key is written in a query. */
export function keyOfFacet({
  key,
  is_attribute: isAttribute,
}: Pick<Facet, 'key' | 'is_attribute'>): string {
  return isAttribute ? printKey('any', key) : key;
}

/** The values that a condition of the form `key=a|b`, or its negation, is about. */
function valuesOf(node: Node, key: string): { values: string[]; negated: boolean } | undefined {
  if (node.is === 'not') {
    const inner = valuesOf(node.part, key);
    return inner && { ...inner, negated: !inner.negated };
  }
  if (node.is !== 'term') return undefined;
  const { subject, test } = node;
  if (subject.is === 'field' && subject.name === 'error' && key === 'status')
    return { values: ['error'], negated: false };
  const isKey =
    subject.is === 'field'
      ? subject.name === key
      : subject.is === 'attribute' &&
        (printKey('any', subject.key) === key || printKey(subject.level, subject.key) === key);
  if (!isKey || test.is !== 'compares' || (test.op !== '=' && test.op !== '!=')) return undefined;
  if (test.values.some(({ text, quoted }) => text.includes('*') && !quoted)) return undefined;
  return { values: test.values.map(({ text }) => text), negated: test.op === '!=' };
}

/** How `value` of `key` stands in the query. */
export function standOf(q: string, key: string, value: string): Stand {
  for (const { node } of clauses(q)) {
    const about = valuesOf(node, key);
    if (about?.values.includes(value)) return about.negated ? 'excluded' : 'included';
  }
  return undefined;
}

/**
 * The query with `value` of `key` included or excluded; what stands so already is taken out again. Values that are included are
 * alternatives, as one span has one value; each that is excluded is a condition of its own.
 */
export function toggled(
  q: string,
  key: string,
  value: string,
  as: 'included' | 'excluded',
): string {
  const before = standOf(q, key, value);
  const kept: string[] = [];
  let included: string[] = [];
  for (const { text, node } of clauses(q)) {
    const about = valuesOf(node, key);
    if (!about) kept.push(text);
    else if (!about.negated) included.push(...about.values.filter((other) => other !== value));
    else if (about.values.includes(value)) {
      for (const other of about.values.filter((each) => each !== value))
        kept.push(`-${compares(key, '=', other)}`);
    } else kept.push(text);
  }
  if (before !== as) {
    if (as === 'excluded') kept.push(`-${compares(key, '=', value)}`);
    else included = [...included, value];
  }
  if (included.length > 0) {
    const [first = '', ...others] = included;
    const values = others.map((other) => compares('', '=', other).slice(1));
    kept.push([compares(key, '=', first), ...values].join('|'));
  }
  const [only] = kept;
  const isOr = kept.length > 1 && clauses(q).length === 1 && clauses(q)[0]?.node.is === 'any';
  if (isOr && only) kept[0] = pieces(q)[0] ?? only;
  return joined(kept);
}

/** Key and level of an attribute as `/values` asks for it, for a key as it stands in a query; a field has the level `field`. */
export function keyAndLevel(subject: string): { key: string; level: string } {
  const unquoted = subject.replace(/^(?:\w+\.)?"(.*)"$/, '$1');
  if (unquoted !== subject) {
    const level = /^(\w+)\."/.exec(subject)?.[1];
    return { key: unquoted, level: level ?? 'any' };
  }
  const [level, key] = levelOf(subject);
  return { key, level };
}
