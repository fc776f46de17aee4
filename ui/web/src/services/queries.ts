// A statement as a question for TanStack Query.

import { queryOptions } from '@tanstack/react-query';

import { sqlRows, type SqlAnswer } from '../api/sql';

/** First word of the keys of these questions. */
export const FIGURES = 'figures';

/** Runs `statement` and reads its rows; the answer holds while the statement stays the same. */
export function figures<T>(statement: string, read: (answer: SqlAnswer) => T, enabled = true) {
  return queryOptions({
    queryKey: [FIGURES, statement] as const,
    queryFn: async ({ signal }) => {
      const answer = await sqlRows(statement, signal);
      return { value: read(answer), stats: answer.stats };
    },
    staleTime: 30_000,
    structuralSharing: false,
    enabled,
  });
}
