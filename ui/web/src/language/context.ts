// What stands at the cursor of a half-typed query: a key, a comparison or a value, and which text completion would replace.

import { fieldOf } from './tree';

/** See the module. `from` to `to` is what is replaced; `text` is what is typed of it before the cursor, without quotes. */
export type Context =
  | { is: 'key'; from: number; to: number; text: string; isHas: boolean }
  | { is: 'op'; from: number; to: number; key: string }
  | { is: 'value'; from: number; to: number; text: string; key: string; op: string };

const ENDS_KEY = /[\s()|,=!<>~"']/u;
const OP = /^(?:!=|!~|<=|>=|<|>|=|~)/;
const NOTHING = /^(?:\s|\(|\)|,|\||&|-|!(?![=~]))+/;

interface Word {
  end: number;
  text: string;
  /** The quote is not closed yet. */
  isOpen: boolean;
}

/** The word at `at`, up to what ends it; quotes are passed over. */
function wordAt(q: string, at: number, ends: RegExp): Word {
  const quote = q[at];
  if (quote === '"' || quote === "'") {
    let text = '';
    for (let i = at + 1; i < q.length; i++) {
      if (q[i] === quote) return { end: i + 1, text, isOpen: false };
      if (q[i] === '\\' && i + 1 < q.length) i++;
      text += q[i];
    }
    return { end: q.length, text, isOpen: true };
  }
  let end = at;
  while (end < q.length && !ends.test(q[end] as string)) end++;
  return { end, text: q.slice(at, end), isOpen: false };
}

/** What stands at `caret` in `q`. */
export function contextAt(q: string, caret: number): Context {
  const found = find(q, caret);
  // Inside of `in (` nothing can be completed.
  return found.from <= caret && caret <= found.to ? found : empty(caret);
}

function find(q: string, caret: number): Context {
  let at = 0;
  while (at < q.length) {
    const gap = NOTHING.exec(q.slice(at))?.[0].length ?? 0;
    if (gap > 0 && (caret < at + gap || at + gap === q.length)) return empty(caret);
    at += gap;
    if (at >= q.length) break;
    const isHas = q.startsWith('has:', at);
    const keyFrom = isHas ? at + 4 : at;
    let key = wordAt(q, keyFrom, ENDS_KEY);
    // `resource."my key"`
    if (q[key.end] === '"' && key.text.endsWith('.')) {
      const rest = wordAt(q, key.end, ENDS_KEY);
      key = { end: rest.end, text: key.text + q.slice(key.end, rest.end), isOpen: rest.isOpen };
    }
    if (caret <= key.end)
      return { is: 'key', from: keyFrom, to: key.end, text: q.slice(keyFrom, caret), isHas };
    if (key.end === keyFrom) {
      // A sign that is no key: pass it.
      at = keyFrom + 1;
      continue;
    }
    const name = q.slice(keyFrom, key.end);
    const blanks = /^\s*/.exec(q.slice(key.end))?.[0].length ?? 0;
    const opAt = key.end + blanks;
    const op = OP.exec(q.slice(opAt))?.[0];
    const list = /^in\s*\(/i.exec(q.slice(opAt))?.[0];
    if (!op && !(list && blanks > 0)) {
      const isWord = /^(?:and|or|not)$/i.test(name);
      const isFlag = ['error', 'root', 'trace.complete'].includes(fieldOf(name) ?? '');
      const isText = name.startsWith('"') || name.startsWith("'");
      if (caret <= opAt && blanks > 0 && !isWord && !isFlag && !isHas && !isText)
        return { is: 'op', from: caret, to: caret, key: name };
      at = key.end;
      continue;
    }
    if (op && caret > key.end && caret < opAt + op.length)
      return { is: 'op', from: opAt, to: opAt + op.length, key: name };
    at = opAt + (op ?? list ?? '').length;
    const ends = list && !op ? /[\s(),|]/u : /[\s()|]/u;
    for (;;) {
      const pad = /^\s*/.exec(q.slice(at))?.[0].length ?? 0;
      const valueAt = at + pad;
      const value = wordAt(q, valueAt, ends);
      if (caret <= value.end) {
        const inside = caret >= valueAt;
        const from = inside ? valueAt : caret;
        const typed = q.slice(from, caret).replace(/^["']/, '');
        return {
          is: 'value',
          from,
          to: inside ? value.end : caret,
          text: typed,
          key: name,
          op: op ?? '=',
        };
      }
      at = value.end;
      const after = /^\s*/.exec(q.slice(at))?.[0].length ?? 0;
      const next = q[list && !op ? at + after : at];
      if (next !== (list && !op ? ',' : '|')) break;
      at += (list && !op ? after : 0) + 1;
    }
  }
  return empty(caret);
}

const empty = (caret: number): Context => ({
  is: 'key',
  from: caret,
  to: caret,
  text: '',
  isHas: false,
});
