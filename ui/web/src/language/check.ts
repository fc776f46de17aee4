// What is wrong with a tree before it is asked: values that do not suit their key, terms of trace and span mixed.

import { parseDuration } from '../lib/duration';
import { parse } from './parse';
import {
  isOfTrace,
  QueryError,
  sortOf,
  type FieldName,
  type Node,
  type Op,
  type Term,
} from './tree';

/** Reads a query and checks it. Throws {@link QueryError}. */
export function read(text: string): Node {
  const node = parse(text);
  for (const clause of clausesOf(node)) {
    const ofTrace = firstTerm(clause, true);
    if (ofTrace && firstTerm(clause, false))
      throw new QueryError(
        ofTrace.at,
        `“${text.slice(...ofTrace.key)}” is of the trace and stands in one “or” or “not” with terms of a span`,
        'join terms of the trace and of a span by “and”',
      );
    check(clause);
  }
  return node;
}

/** The query, or what is wrong with it. */
export function tryRead(text: string): { node: Node } | { error: QueryError } {
  try {
    return { node: read(text) };
  } catch (error) {
    if (error instanceof QueryError) return { error };
    throw error;
  }
}

/** The conditions that all have to hold, one by one. */
export function clausesOf(node: Node): Node[] {
  return node.is === 'all' ? node.parts.flatMap(clausesOf) : [node];
}

/** True for a condition on whole traces; one that can be read is about those or about spans. */
export const isAboutTrace = (clause: Node): boolean => firstTerm(clause, true) !== undefined;

function firstTerm(node: Node, ofTrace: boolean): Term | undefined {
  if (node.is === 'not') return firstTerm(node.part, ofTrace);
  if (node.is === 'term') {
    const is = node.subject.is === 'field' && isOfTrace(node.subject.name);
    return is === ofTrace ? node : undefined;
  }
  for (const part of node.parts) {
    const found = firstTerm(part, ofTrace);
    if (found) return found;
  }
  return undefined;
}

function check(node: Node): void {
  if (node.is === 'not') check(node.part);
  else if (node.is === 'term') checkTerm(node);
  else node.parts.forEach(check);
}

const isOrder = (op: Op): boolean => op.startsWith('<') || op.startsWith('>');

function checkTerm({ subject, test }: Term): void {
  if (test.is !== 'compares') return;
  const { op, values } = test;
  for (const { at, text } of values) {
    const fail = (message: string, hint: string): never => {
      throw new QueryError(at, message, hint);
    };
    if (subject.is === 'field') checkField(subject.name, op, text, fail);
    else if (subject.is === 'attribute' && isOrder(op) && !isNumber(text))
      fail(`“${text}” is no number`, 'a number is like 500, -1.5, 1e6 or 10MB');
    if (op.endsWith('~')) checkPattern(text, fail);
  }
}

function checkField(
  name: FieldName,
  op: Op,
  text: string,
  fail: (message: string, hint: string) => never,
): void {
  const sort = sortOf(name);
  const isPattern = op.endsWith('~');
  if (sort === 'flag') fail(`“${name}” is true or false`, `write ${name} or not ${name}`);
  if (sort === 'id') {
    if (isPattern || isOrder(op)) fail(`“${name}” compares as a whole`, `write ${name}=…`);
    const digits = name === 'trace_id' ? 32 : 16;
    if (text.length > digits || !/^[0-9a-f]*$/i.test(text))
      fail(`“${text}” is no ${name}`, `an id has at most ${digits} hexadecimal digits`);
  }
  if ((sort === 'duration' || sort === 'count') && isPattern)
    fail(`“${name}” is no text and does not compare by ~`, `write ${name}>…`);
  if (sort === 'duration' && durationNs(text) === undefined)
    fail(`“${text}” is no duration`, `a duration has a unit, like ${name}>250ms or ${name}<1m30s`);
  if (sort === 'count' && !isNumber(text))
    fail(`“${text}” is no number`, 'a number is like 500, -1.5, 1e6 or 10MB');
  if ((sort === 'text' || sort === 'word') && isOrder(op))
    fail(`“${name}” is text and does not compare by ${op}`, `write ${name}=… or ${name}~…`);
}

/** Rust's regular expressions are not quite those of the browser: only what is wrong in both is found here, the server tells the rest. */
function checkPattern(text: string, fail: (message: string, hint: string) => never): void {
  if (/\(\?[a-zA-Z-]+[:)]|\[\[:|\\[pPzA]|\(\?P/.test(text)) return;
  if (!compiles(text, 'u') && !compiles(text, ''))
    fail(
      `“${text}” is no regular expression`,
      'put a \\ before a sign that stands for itself, or compare by = with * for any text',
    );
}

function compiles(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags).flags === flags;
  } catch {
    return false;
  }
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*(kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB|B)?$/i;

/** True for a number, with or without a size. */
export const isNumber = (text: string): boolean => NUMBER.test(text);

/** The ns of a duration that is written without blanks. */
export function durationNs(text: string): bigint | undefined {
  if (/\s/.test(text) || text === '') return undefined;
  const parsed = parseDuration(text);
  return parsed.ok ? parsed.ns : undefined;
}
