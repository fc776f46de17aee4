// Find in a trace for the stand-in: a query, or words over everything that a span carries.

import { rowsWith } from '../src/file/find';
import { COVERAGE } from './answers';
import { predicatesOf, QueryError } from './match';
import type { MockTrace } from './model';

/** `GET /traces/{id}/find`. */
export function findAnswer(trace: MockTrace, text: string) {
  const { rows } = trace;
  try {
    const fits = predicatesOf(text);
    const found = rows.flatMap((span, row) => (fits.every((fit) => fit(span, trace)) ? [row] : []));
    return { read_as: 'query', syntax: null, rows: found, coverage: COVERAGE };
  } catch (cause) {
    if (!(cause instanceof QueryError)) throw cause;
    const syntax = { message: cause.message, position: cause.at };
    return { read_as: 'text', syntax, rows: rowsWith(rows, text), coverage: COVERAGE };
  }
}
