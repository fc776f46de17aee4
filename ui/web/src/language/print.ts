// A tree as text: the same condition, written one way. Values and keys get quotes only where they need them.

import {
  fieldOf,
  levelOf,
  type Level,
  type Node,
  type Op,
  type Subject,
  type Term,
  type Value,
} from './tree';

const WORD = /^[A-Za-z0-9._/:@%+*$#-]+$/;
const OF_THE_LANGUAGE = /^(?:and|or|not|in|exists)$|^has:/i;

const isWord = (text: string): boolean => WORD.test(text) && !text.startsWith('-');

/** The text that reads as `node`. */
export function print(node: Node): string {
  if (node.is === 'term') return printTerm(node);
  if (node.is === 'not') return `not ${inner(node.part, isJoined(node.part))}`;
  const between = node.is === 'all' ? ' and ' : ' or ';
  return node.parts.map((part) => inner(part, isJoined(part))).join(between);
}

const isJoined = (node: Node): boolean => node.is === 'all' || node.is === 'any';
const inner = (node: Node, nested: boolean): string => (nested ? `(${print(node)})` : print(node));

/** The text of a term. */
export function printTerm({ subject, test }: Pick<Term, 'subject' | 'test'>): string {
  if (test.is === 'holds') return printSubject(subject);
  if (test.is === 'exists') return `has:${printSubject(subject)}`;
  const isNames = subject.is === 'names';
  const values = test.values.map((value) => printValue(value, isNames)).join('|');
  return isNames ? values : `${printSubject(subject)}${test.op}${values}`;
}

/** The text of a key. */
export function printSubject(subject: Subject): string {
  if (subject.is === 'field') return subject.name;
  return subject.is === 'names' ? '' : printKey(subject.level, subject.key);
}

/** The text of an attribute's key. */
export function printKey(level: Level, key: string): string {
  const prefix = level === 'any' ? '' : `${level}.`;
  const written = `${prefix}${key}`;
  const [readLevel, readKey] = levelOf(written);
  const isBare =
    isWord(key) &&
    (level !== 'any' || !OF_THE_LANGUAGE.test(key)) &&
    fieldOf(written) === undefined &&
    !written.startsWith('trace.') &&
    readLevel === level &&
    readKey === key;
  return isBare ? written : `${prefix}${quote(key)}`;
}

function printValue(value: Value, alwaysQuoted: boolean): string {
  const hasStar = value.text.includes('*');
  const isBare = (hasStar && !value.quoted) || isWord(value.text);
  return alwaysQuoted || (hasStar && value.quoted) || !isBare ? quote(value.text) : value.text;
}

/** The text of a value that is meant as it is: a star is a star. */
export function printText(text: string): string {
  return isWord(text) && !text.includes('*') ? text : quote(text);
}

/** `text` in quotes. */
export function quote(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
  return `"${escaped}"`;
}

/** A term that compares a key as the query language names it with a value as it is. */
export function compares(key: string, op: Op, value: string): string {
  return `${key}${op}${printText(value)}`;
}
