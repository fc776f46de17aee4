// Asks everything that stands on the page for the search in the URL: results, heatmap, facets. One moment counts for all of them, so that
// a range like the last hour is the same for each.

import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';

import { ApiError, isRetryable } from '../api/errors';
import { facetsQuery, heatmapQuery, searchQuery } from '../api/queries';
import type { Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import type { ExploreSearch } from '../shell/search';
import { facetKeys } from './facetKeys';
import { prepare } from './request';

/** How often a server that cannot answer for now is asked again, ms. */
const RETRY_MS = 5000;
/** Values of each facet; the list shows a few of them at first. */
const FACET_VALUES = '30';
/** Rows of the heatmap: about four pixels each. */
const ROWS = '52';

/** What the questions depend on: a moment, and the search without what only the page itself is about. */
function questionOf({ q, from, to, limit, cursor, sort, unit, sel }: ExploreSearch): string {
  return JSON.stringify([q, from, to, limit, cursor, sort, unit, sel]);
}

/** See the module. `columns` are those of the heatmap; it is not asked for while there are none. */
export function useExplore(search: ExploreSearch, zone: Zone, columns: number) {
  const queries = useQueryClient();
  const question = questionOf(search);
  const [moment, setMoment] = useState({ question, now: nowNanos() });
  let { now } = moment;
  if (moment.question !== question) {
    now = nowNanos();
    setMoment({ question, now });
  }
  const prepared = useMemo(
    () => prepare(search, now, zone),
    // What the page alone is about asks for nothing.
    // oxlint-disable-next-line react/exhaustive-deps
    [question, now, zone],
  );
  const keys = useMemo(() => facetKeys(search.facets), [search.facets]);
  const value = prepared.ok ? prepared.value : undefined;
  const common = {
    enabled: prepared.ok,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }: { state: { error: unknown } }) =>
      isRetryable(state.error) ? RETRY_MS : (false as const),
  };
  const page = useQuery({ ...searchQuery(value?.page ?? {}), ...common });
  const heat = useQuery({
    ...heatmapQuery({
      ...value?.selection,
      ...value?.axis,
      unit: search.unit === 'spans' ? 'spans' : 'traces',
      columns: String(columns),
      rows: ROWS,
    }),
    ...common,
    enabled: prepared.ok && columns > 0,
  });
  const facets = useQuery({
    ...facetsQuery({ ...value?.selection, key: keys, values: FACET_VALUES }),
    ...common,
  });
  const isWrongQuery =
    page.error instanceof ApiError && page.error.position !== null ? page.error : undefined;
  return {
    problems: prepared.ok ? {} : prepared.problems,
    selection: value?.selection ?? {},
    /** Ends of the time axis that the range says. */
    axis: value?.axis ?? {},
    /** The moment that counts as now. */
    now,
    page,
    heat,
    facets,
    keys,
    /** The server's complaint about a place of the query. */
    refused: isWrongQuery,
    rerun: () => {
      setMoment({ question, now: nowNanos() });
      void queries.invalidateQueries({ queryKey: ['search'] });
    },
    cancel: () => void queries.cancelQueries({ queryKey: ['search'] }),
  };
}
