// Where the server says that a statement is wrong: a byte offset in its UTF-8 text, made into a range of the editor.

/** The UTF-16 offset of byte `bytes` of `text`. */
export function offsetOfByte(text: string, bytes: number): number {
  let seen = 0;
  let at = 0;
  for (const char of text) {
    if (seen >= bytes) break;
    const code = char.codePointAt(0) as number;
    seen += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    at += char.length;
  }
  return at;
}

/** A range of the editor. */
export interface Mark {
  from: number;
  to: number;
}

/** The word at `at`, else the one character there; at the end of the text the last character that is no space. */
export function markAt(text: string, at: number): Mark | undefined {
  const end = text.trimEnd().length;
  if (end === 0) return undefined;
  if (at >= end) return { from: end - 1, to: end };
  const word = /^(?:[\p{L}\p{N}_$]+|'[^']*'?|"[^"]*"?|\s+|.)/su.exec(text.slice(at));
  return { from: at, to: at + (word?.[0].length ?? 1) };
}

/** Line and column of an offset, both from 1. */
export function lineColumn(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return { line, column: at - (before.lastIndexOf('\n') + 1) + 1 };
}
