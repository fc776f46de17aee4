// Asks the server for what completion needs, and keeps what was offered while the next answer is on its way.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { keysQuery, valuesQuery, type Selection } from '../api/queries';
import { contextAt } from '../language/context';
import { itemsFor, wantedFor, type Item } from './completion';

/** Counts of a segment that is being read for the first time are asked for again after so long, ms. */
const AGAIN_MS = 700;

/** What is offered at `caret` in `q`; nothing is asked while it is not `open`. */
export function useCompletion(
  q: string,
  caret: number,
  range: Pick<Selection, 'start' | 'end'>,
  open: boolean,
): Item[] {
  const context = useMemo(() => contextAt(q, Math.min(caret, q.length)), [q, caret]);
  const wanted = useMemo(() => wantedFor(context), [context]);
  // Asked for as soon as the page is there, so that the server has read the segments when the first letter is typed.
  const keys = useQuery({
    ...keysQuery(wanted.keys ?? '', range),
    enabled: !open || wanted.keys !== undefined,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      open && state.data?.coverage.complete === false ? AGAIN_MS : false,
  });
  const values = useQuery({
    ...valuesQuery(wanted.values?.key, wanted.values?.level, wanted.values?.text ?? '', range),
    enabled: open && wanted.values !== undefined,
    placeholderData: (previous, query) =>
      query?.queryKey[1] === wanted.values?.key ? previous : undefined,
  });
  return useMemo(() => {
    if (!open) return [];
    const fitting = wanted.values && values.data;
    return itemsFor(context, { keys: keys.data, values: fitting });
  }, [open, context, wanted, keys.data, values.data]);
}
