// Text to tree, by recursive descent; the grammar is that of docs/query-language.md. The server's parser meets the same cases.

import {
  FIELDS,
  fieldOf,
  levelOf,
  mayMiss,
  QueryError,
  sortOf,
  type Node,
  type Op,
  type Subject,
  type Test,
  type Value,
} from './tree';

/** Bounds of the language. */
export const TERMS_MAX = 64;
const DEPTH_MAX = 32;
const TEXT_BYTES_MAX = 16 << 10;

/** Comparisons, those first that begin like another. */
const OPS: readonly Op[] = ['!=', '!~', '<=', '>=', '<', '>', '=', '~'];
const ENDS_KEY = /[\s()|,=!<>~"']/u;
const BLANK = /\s/u;

/** Reads a query. Terms side by side, and all of an empty query, are `all`. Throws {@link QueryError}. */
export function parse(text: string): Node {
  if (new TextEncoder().encode(text).length > TEXT_BYTES_MAX)
    throw new QueryError(0, 'The query is longer than 16 KiB', 'ask for less at once');
  const parser = new Parser(text);
  parser.blanks();
  if (parser.at === text.length) return { is: 'all', parts: [], from: 0, to: text.length };
  const node = parser.or();
  parser.blanks();
  if (parser.at < text.length) {
    const sign = parser.peek();
    throw new QueryError(
      parser.at,
      `“${sign}” has no place here`,
      sign === ')' ? 'remove it, or open a parenthesis before' : 'put text with signs in quotes',
    );
  }
  return node;
}

class Parser {
  at = 0;
  private depth = 0;
  private terms = 0;

  constructor(private readonly text: string) {}

  peek(): string {
    return String.fromCodePoint(this.text.codePointAt(this.at) ?? 0);
  }

  blanks(): void {
    while (this.at < this.text.length && BLANK.test(this.text[this.at] as string)) this.at++;
  }

  private take(sign: string): boolean {
    const found = this.text.startsWith(sign, this.at);
    if (found) this.at += sign.length;
    return found;
  }

  private until(ends: RegExp): string {
    const start = this.at;
    while (this.at < this.text.length && !ends.test(this.text[this.at] as string)) this.at++;
    return this.text.slice(start, this.at);
  }

  private takeWord(word: string): boolean {
    const start = this.at;
    if (this.until(ENDS_KEY).toLowerCase() === word) return true;
    this.at = start;
    return false;
  }

  private quoted(): string | undefined {
    const quote = this.text[this.at];
    if (quote !== '"' && quote !== "'") return undefined;
    const start = this.at;
    let text = '';
    for (let i = start + 1; i < this.text.length; i++) {
      const sign = this.text[i] as string;
      if (sign === quote) {
        this.at = i + 1;
        return text;
      }
      if (sign === '\\' && i + 1 < this.text.length) {
        const next = this.text[++i] as string;
        text += { n: '\n', t: '\t', r: '\r' }[next] ?? next;
      } else text += sign;
    }
    throw new QueryError(
      start,
      `The text that begins with ${quote} does not end`,
      `close it with ${quote}; a ${quote} inside is written \\${quote}`,
    );
  }

  or(): Node {
    return this.joined('any', () => {
      this.blanks();
      return this.take('||') || this.takeWord('or');
    });
  }

  private and(): Node {
    return this.joined('all', () => {
      this.blanks();
      return this.take('&&') || this.takeWord('and') || !this.andEnds();
    });
  }

  private joined(is: 'any' | 'all', goesOn: () => boolean): Node {
    const part = (): Node => (is === 'any' ? this.and() : this.not());
    const first = part();
    const parts = [first];
    let end = this.at;
    while (goesOn()) {
      parts.push(part());
      end = this.at;
    }
    return parts.length === 1 ? first : { is, parts, from: first.from, to: end };
  }

  /** True when no further term follows side by side. */
  private andEnds(): boolean {
    const start = this.at;
    const or = this.takeWord('or');
    this.at = start;
    return or || this.at >= this.text.length || ')|'.includes(this.text[this.at] as string);
  }

  private not(): Node {
    this.blanks();
    const from = this.at;
    if (this.take('!') || this.take('-') || this.takeWord('not'))
      return this.deeper(() => {
        const part = this.not();
        return { is: 'not', part, from, to: part.to };
      });
    if (!this.take('(')) return this.term();
    return this.deeper(() => {
      const node = this.or();
      this.blanks();
      if (this.take(')')) return { ...node, from, to: this.at };
      throw new QueryError(
        this.at,
        'A parenthesis is not closed',
        'write ) after the last term that belongs into it',
      );
    });
  }

  private deeper(inner: () => Node): Node {
    if (++this.depth > DEPTH_MAX)
      throw new QueryError(
        this.at,
        `The query is nested deeper than ${DEPTH_MAX} levels`,
        'write it with fewer parentheses',
      );
    const node = inner();
    this.depth--;
    return node;
  }

  private count(): void {
    if (++this.terms > TERMS_MAX)
      throw new QueryError(
        this.at,
        `The query has more than ${TERMS_MAX} terms`,
        'ask for less at once',
      );
  }

  private term(): Node {
    const at = this.at;
    this.count();
    if (this.take('has:')) {
      const [subject, , key] = this.key();
      return this.exists(at, key, subject);
    }
    const [subject, quoted, key] = this.key();
    const end = this.at;
    this.blanks();
    const op = OPS.find((sign) => this.take(sign));
    if (op) return this.comparison(at, key, subject, op, this.values(op));
    if (this.takeWord('exists')) return this.exists(at, key, subject);
    const values = this.list();
    if (values) return this.comparison(at, key, subject, '=', values);
    this.at = end;
    return this.alone(at, key, subject, quoted);
  }

  private done(
    at: number,
    key: readonly [number, number],
    subject: Subject,
    test: Test,
    isNegated = false,
  ): Node {
    const term: Node = { is: 'term', at, key, subject, test, from: at, to: this.at };
    return isNegated ? { is: 'not', part: term, from: at, to: this.at } : term;
  }

  /** A key, the text of it when it is wholly in quotes, and where it stands. */
  private key(): [Subject, string | undefined, readonly [number, number]] {
    const at = this.at;
    const quoted = this.quoted();
    if (quoted !== undefined)
      return [{ is: 'attribute', level: 'any', key: quoted }, quoted, [at, this.at]];
    const word = this.until(ENDS_KEY);
    if (word === '') throw this.expectedTerm();
    const [level, rest] = levelOf(word);
    if (level !== 'any' && rest === '') {
      const name = this.quoted();
      if (name !== undefined)
        return [{ is: 'attribute', level, key: name }, undefined, [at, this.at]];
    }
    const field = fieldOf(word);
    if (field) return [{ is: 'field', name: field }, undefined, [at, this.at]];
    const advice = 'quote a key that has another meaning';
    if (word.startsWith('trace.'))
      throw new QueryError(
        at,
        `“${word}” is nothing that is known of a trace; there are ${Object.keys(FIELDS)
          .filter((name) => name.startsWith('trace.'))
          .join(', ')}`,
        advice,
      );
    if (rest === '')
      throw new QueryError(at, `The name of an attribute is missing after “${word}”`, advice);
    return [{ is: 'attribute', level, key: rest }, undefined, [at, this.at]];
  }

  private expectedTerm(): QueryError {
    const found =
      this.at >= this.text.length
        ? 'The query ends where a term is expected'
        : `“${this.peek()}” where a term is expected`;
    return new QueryError(
      this.at,
      found,
      'a term is like service=cart, duration>250ms, error or has:db.system',
    );
  }

  private values(op: Op): Value[] {
    const values = [this.value(false)];
    // `|` is of the language only where a choice makes sense; `||` is an or.
    if (op !== '=' && op !== '!=') return values;
    while (this.text[this.at] === '|' && this.text[this.at + 1] !== '|') {
      this.at++;
      this.count();
      values.push(this.value(false));
    }
    return values;
  }

  private list(): Value[] | undefined {
    const start = this.at;
    if (!this.takeWord('in')) return undefined;
    this.blanks();
    if (!this.take('(')) {
      this.at = start;
      return undefined;
    }
    const values = [this.value(true)];
    for (;;) {
      this.blanks();
      if (this.take(')')) return values;
      if (!this.take(','))
        throw new QueryError(
          this.at,
          'The list of “in” goes on with neither , nor )',
          'a list is like in (200, 204, "not found")',
        );
      this.count();
      values.push(this.value(true));
    }
  }

  private value(inList: boolean): Value {
    this.blanks();
    const at = this.at;
    const quoted = this.quoted();
    if (quoted !== undefined) return { at, text: quoted, quoted: true };
    const text = this.until(inList ? /[\s()|,]/u : /[\s()|]/u);
    if (this.text[this.at] === '(')
      throw new QueryError(
        this.at,
        'A parenthesis inside a value',
        'put a value with parentheses in quotes',
      );
    if (text === '')
      throw new QueryError(
        at,
        'A value is missing',
        'a value is a word, or text in quotes; "" is empty text',
      );
    return { at, text, quoted: false };
  }

  /** A comparison; that of a flag with `true` or `false` is the flag itself. */
  private comparison(
    at: number,
    key: readonly [number, number],
    subject: Subject,
    op: Op,
    values: Value[],
  ): Node {
    const isFlag = subject.is === 'field' && sortOf(subject.name) === 'flag';
    const [value] = values;
    const truth = isFlag && values.length === 1 ? value?.text.toLowerCase() : undefined;
    if ((truth === 'true' || truth === 'false') && (op === '=' || op === '!='))
      return this.done(at, key, subject, { is: 'holds' }, (truth === 'true') !== (op === '='));
    return this.done(at, key, subject, { is: 'compares', op, values });
  }

  private exists(at: number, key: readonly [number, number], subject: Subject): Node {
    if (subject.is === 'field' && !mayMiss(subject.name))
      throw new QueryError(
        at,
        `“${subject.name}” is always there`,
        `has:"${subject.name}" asks for an attribute of that key`,
      );
    return this.done(at, key, subject, { is: 'exists' });
  }

  /** A key without a comparison: a flag, or text in quotes. */
  private alone(
    at: number,
    key: readonly [number, number],
    subject: Subject,
    quoted: string | undefined,
  ): Node {
    if (quoted !== undefined) {
      const values = [{ at, text: quoted, quoted: true }];
      return this.done(at, key, { is: 'names' }, { is: 'compares', op: '=', values });
    }
    if (subject.is === 'field') {
      const sort = sortOf(subject.name);
      if (sort === 'flag') return this.done(at, key, subject, { is: 'holds' });
      const like = sort === 'duration' ? '>250ms' : sort === 'count' ? '>10' : '=…';
      throw new QueryError(
        at,
        `“${subject.name}” is compared with nothing`,
        `write ${subject.name}${like}`,
      );
    }
    const word = this.text.slice(...key);
    throw new QueryError(
      at,
      `“${word}” alone is no term`,
      `write ${word}=… to compare, has:${word} if it only has to be there, "${word}" for a name with that text`,
    );
  }
}
