// Text from outside, made safe to read: control and direction characters become visible, long text is cut.

// C0 and C1 controls, zero-width and direction marks, line separators, tags, byte order mark.
const HIDDEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
// The same without tab and line feed, for text that is shown in a block of its own.
const HIDDEN_IN_BLOCK =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** `\u{202e}` for a character that would not be seen. */
function escape(char: string): string {
  if (char === '\n') return '⏎';
  if (char === '\t') return '⇥';
  return `\\u{${(char.codePointAt(0) as number).toString(16)}}`;
}

/** `text` on one line, with every hidden character made visible, cut after `max` characters. */
export function oneLine(text: string, max = 300): string {
  const short = text.length > max ? `${cut(text, max)}…` : text;
  return short.replace(HIDDEN, escape);
}

/** `text` as a block: line breaks and tabs stay. */
export function block(text: string): string {
  return text.replace(HIDDEN_IN_BLOCK, escape);
}

/** The first `max` UTF-16 units, without splitting a surrogate pair. */
export function cut(text: string, max: number): string {
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/** `1 span`, `2 spans`, `1,041 spans`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A count with thousands separators. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** A size in bytes: `512 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
