// Runs the search that stands in the URL: request, cancelling, asking again.

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';

import { isRetryable } from '../api/errors';
import { searchQuery, type RangeParams } from '../api/queries';
import type { Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import type { ExploreSearch } from '../shell/search';
import { prepare } from './request';

/** How often a server that cannot answer for now is asked again, ms. */
const RETRY_MS = 5000;

/** The question that `search` asks, as options for a query; it is not asked while a field is wrong. */
export function searchOptions(search: ExploreSearch, zone: Zone) {
  const prepared = prepare(search, nowNanos(), zone);
  // Worked out again for each request: `now-1h` moves.
  const range: RangeParams = () => {
    const now = prepare(search, nowNanos(), zone);
    const { start, end } = now.ok ? now.value.range : {};
    return {
      ...(start === undefined ? {} : { start: start.toString() }),
      ...(end === undefined ? {} : { end: end.toString() }),
    };
  };
  const rangeKey = `${search.from ?? ''}|${search.to ?? ''}|${zone}`;
  const options = searchQuery(prepared.ok ? prepared.value.request : {}, range, rangeKey);
  return {
    options: { ...options, enabled: prepared.ok },
    errors: prepared.ok ? {} : prepared.errors,
  };
}

/** See the module. */
export function useSearchResult(search: ExploreSearch, zone: Zone) {
  const queries = useQueryClient();
  const { options, errors } = useMemo(() => searchOptions(search, zone), [search, zone]);
  const result = useQuery({
    ...options,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (isRetryable(state.error) ? RETRY_MS : false),
  });
  const { queryKey } = options;
  return {
    errors,
    result,
    rerun: () => void result.refetch(),
    cancel: () => void queries.cancelQueries({ queryKey }),
  };
}
