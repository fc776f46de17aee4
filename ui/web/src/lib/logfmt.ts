// Tags as people type them: `http.status_code=500 error message="not found"`. A key alone means `true`.

/** One tag. */
export type Tag = readonly [key: string, value: string];

/** The tags of a text, or what is wrong with it and where (a character offset). */
export type ParsedTags =
  | { ok: true; tags: Tag[] }
  | { ok: false; message: string; position: number };

const fail = (message: string, position: number): ParsedTags => ({ ok: false, message, position });

const isSpace = (char: string | undefined): boolean => char !== undefined && /\s/.test(char);

/** Reads logfmt. A key may stand only once, because all tags have to hold on one span. */
export function parseTags(text: string): ParsedTags {
  const tags = new Map<string, string>();
  let at = 0;
  for (;;) {
    while (isSpace(text[at])) at++;
    if (at >= text.length) return { ok: true, tags: [...tags] };
    const start = at;
    const key = readWord(text, at, true);
    if (key === undefined) return fail('The quote is never closed', start);
    at = key.end;
    if (key.value === '') return fail('Expected a key before “=”', start);
    let value = 'true';
    if (text[at] === '=') {
      const word = readWord(text, at + 1, false);
      if (word === undefined) return fail('The quote is never closed', at + 1);
      value = word.value;
      at = word.end;
    }
    if (at < text.length && !isSpace(text[at])) return fail('Expected a space here', at);
    if (tags.has(key.value)) return fail(`“${key.value}” stands twice`, start);
    tags.set(key.value, value);
  }
}

/** A bare or quoted word from `at`; undefined when its quote never closes. */
function readWord(
  text: string,
  at: number,
  isKey: boolean,
): { value: string; end: number } | undefined {
  if (text[at] === '"') return readQuoted(text, at + 1);
  const stop = isKey ? /[\s=]/ : /\s/;
  let end = at;
  while (end < text.length && !stop.test(text[end] as string)) end++;
  return { value: text.slice(at, end), end };
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

function readQuoted(text: string, at: number): { value: string; end: number } | undefined {
  let value = '';
  for (let i = at; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '"') return { value, end: i + 1 };
    if (char === '\\' && i + 1 < text.length) {
      i++;
      const escaped = text[i] as string;
      value += ESCAPES[escaped] ?? escaped;
    } else {
      value += char;
    }
  }
  return undefined;
}

function quote(word: string): string {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `"${escaped}"`;
}

/** Writes one tag so that {@link parseTags} reads it back. */
export function formatTag([key, value]: Tag): string {
  const plainKey = key !== '' && !/[\s"=]/.test(key);
  const plainValue = value !== '' && !/[\s"]/.test(value);
  return `${plainKey ? key : quote(key)}=${plainValue ? value : quote(value)}`;
}

/** Writes tags so that {@link parseTags} reads them back. */
export function formatTags(tags: readonly Tag[]): string {
  return tags.map(formatTag).join(' ');
}
