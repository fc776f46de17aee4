// Find in a trace of an opened file: words, in any case, over everything that a span carries. Queries need the server.

import type { Attribute } from '../api/types';
import type { FileSpan } from './spans';

/** True when every one of `words`, in lower case, stands somewhere in the span. */
export function carries(span: FileSpan, words: readonly string[]): boolean {
  return words.every((word) => {
    const is = (text: string): boolean => text.toLowerCase().includes(word);
    const among = (attributes: readonly Attribute[]): boolean =>
      attributes.some(({ key, value }) => is(key) || is(value));
    return (
      is(span.name) ||
      is(span.service) ||
      is(span.message) ||
      is(span.spanId) ||
      among(span.attributes) ||
      among(span.resource) ||
      is(span.scope?.name ?? '') ||
      is(span.scope?.version ?? '') ||
      span.events.some(({ name, attributes }) => is(name) || among(attributes)) ||
      span.links.some(
        ({ traceId, spanId, attributes }) => is(traceId) || is(spanId) || among(attributes),
      )
    );
  });
}

/** The words of a text, in lower case. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** The rows that carry every word of `text`. */
export function rowsWith(rows: readonly FileSpan[], text: string): number[] {
  const words = wordsOf(text);
  if (words.length === 0) return [];
  return rows.flatMap((span, row) => (carries(span, words) ? [row] : []));
}
