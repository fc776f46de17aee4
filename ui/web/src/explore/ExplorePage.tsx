// Explore: find traces. Query above; facets beside; latency, then the results; what the answer covers at the bottom.

import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { CornerDownLeft, Info, ListFilter } from 'lucide-react';
import { useCallback, useEffect, useMemo, useState } from 'react';

import { servicesQuery } from '../api/queries';
import type { Total } from '../api/types';
import { clauses } from '../language/edit';
import { pinned } from '../lib/range';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import { nowNanos } from '../shell/now';
import { Page } from '../shell/pages';
import {
  changed,
  stringifySearch,
  type ExploreSearch,
  type RawSearch,
  type TraceSearch,
} from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { CoverageBanner, StatusLine } from '../shell/StatusLine';
import { useZone } from '../shell/useZone';
import { Button, classes, Icon } from '../ui/controls';
import { copyText } from '../ui/copy';
import { useWidth } from '../chart/useWidth';
import { boxOf, selOf, zoomedTo } from './box';
import styles from './explore.module.css';
import { facetsText } from './facetKeys';
import { Facets } from './Facets';
import { HeatmapPanel } from './HeatmapPanel';
import { HEIGHT } from './heatPaint';
import { rememberExplore } from './lastExplore';
import { findOf } from './matched';
import { NoData } from './NoData';
import { NoMatch } from './NoMatch';
import { Pager } from './Pager';
import { picked as pickedOf, togglePicked } from './pick';
import { problemOfServer, QUERY_FIELD, QueryBar } from './QueryBar';
import { RANGE_BUTTON, RangePicker } from './RangePicker';
import { ResultsBar } from './ResultsBar';
import { ResultsTable, SkeletonTable } from './ResultsTable';
import { useExplore } from './useExplore';
import { isZoomed, limitsOf, settled, unzoomed, withAxis, type Span } from './zoom';

/** Widths, in px, at which the heatmap has another number of columns: it is not asked for anew with every pixel. */
const WIDTH_STEP = 120;
const COLUMN_PX = 6;
const COLUMNS_MAX = 300;

/** Id of the button that shows the facets on narrow screens. */
const FACETS_BUTTON = 'facets';

/** Columns of the heatmap for a panel of this width. */
export function columnsFor(width: number): number {
  if (width <= 0) return 0;
  return Math.min(
    COLUMNS_MAX,
    (Math.max(1, Math.round(width / WIDTH_STEP)) * WIDTH_STEP) / COLUMN_PX,
  );
}

/** See the module. */
export function ExplorePage() {
  const search = useSearch({ from: '/explore' });
  const navigate = useNavigate({ from: '/explore' });
  const [zone, setZone] = useZone();
  const [center, width] = useWidth<HTMLDivElement>();
  const [showsFacets, setShowsFacets] = useState(false);
  const explore = useExplore(search, zone, columnsFor(width));
  const { page, heat, facets, problems, selection, rerun } = explore;
  const q = search.q ?? '';
  const run = (next: ExploreSearch) => {
    const { tz } = search;
    const target = settled(search, changed(next, { tz, cursor: undefined }));
    if (!search.cursor && JSON.stringify(target) === JSON.stringify(search)) rerun();
    else void navigate({ search: target, state: {} });
  };
  const runQuery = (text: string) => run(changed(search, { q: text || undefined, sel: undefined }));
  /** Changes what is only about the page, in place. */
  const adjust = (changes: Parameters<typeof changed<ExploreSearch>>[1]) =>
    void navigate({ search: (old) => changed(old, changes), replace: true });
  const picked = useMemo(() => pickedOf(search.pick), [search.pick]);
  const hidden = useMemo(
    () => new Set((search.hide ?? '').split(',').filter(Boolean)),
    [search.hide],
  );
  const opensWith = useMemo(() => findOf(search), [search]);
  const togglePick = useCallback(
    (id: string) =>
      void navigate({
        search: (old) =>
          changed(old, { pick: togglePicked(pickedOf(old.pick), id).join(',') || undefined }),
        replace: true,
      }),
    [navigate],
  );
  useShortcuts({
    x: () => {
      const id = (document.activeElement as HTMLElement | null)?.dataset['trace'];
      if (id) togglePick(id);
    },
    c: () => {
      const [a, b] = picked;
      if (a && b) void navigate({ to: '/compare', search: { a, b } });
    },
    '/': () => document.getElementById(QUERY_FIELD)?.focus(),
    b: () => document.querySelector<HTMLElement>('[aria-roledescription=heatmap]')?.focus(),
    t: () => document.getElementById(RANGE_BUTTON)?.click(),
    y: () => void copyText(pinnedLink(search, zone)),
    j: () => step(1),
    k: () => step(-1),
    Escape: () => {
      if (!showsFacets) return false;
      setShowsFacets(false);
      document.getElementById(FACETS_BUTTON)?.focus();
      return undefined;
    },
  });
  useEffect(() => rememberExplore(search), [search]);
  const { data, isFetching, isPlaceholderData } = page;
  const box = useMemo(() => boxOf(search.sel), [search.sel]);
  const isInvalid = problems.q !== undefined || problems.range !== undefined;
  const total = totalOf(
    data?.total,
    box ? undefined : heat.data?.trace_total,
    heat.isPlaceholderData,
  );
  const wrong = problems.q ?? serverProblem(q, explore.refused);
  const isEmptyStore = clauses(q).length === 0 && !search.from && !search.to && !box;
  const isWaiting =
    data?.traces.length === 0 && data.total.value === 0 && isEmptyStore && !search.cursor;
  // Where nothing matches, the way out of it stands first; of a zoom that is the heatmap itself.
  const isNothing = data?.total.value === 0 && !box && !isPlaceholderData && !isZoomed(search);
  const axis = axisOf(explore);
  const limits = limitsOf(search, axis, explore.now);
  return (
    <Page title={q ? `${q.slice(0, 60)}: Explore` : 'Explore'} className={styles.page}>
      <search className={styles.query} aria-label="Query">
        <QueryBar q={q} range={timesOf(selection)} problem={wrong} onRun={runQuery} />
        <Button
          id={FACETS_BUTTON}
          className={styles.facetsButton}
          size="tall"
          aria-expanded={showsFacets}
          onClick={() => setShowsFacets(!showsFacets)}
        >
          <Icon of={ListFilter} />
          Facets
        </Button>
        <RangePicker
          from={search.from}
          to={search.to}
          zone={zone}
          error={problems.range}
          onZone={setZone}
          onChange={({ from, to }) =>
            run(changed(search, { from: from || undefined, to: to || undefined, sel: undefined }))
          }
        />
        <Button look="primary" size="tall" onClick={() => runTyped(q, runQuery)}>
          Run <Icon of={CornerDownLeft} />
        </Button>
      </search>
      <div>
        <CoverageBanner coverage={data?.coverage} />
        {data && page.isError && !wrong && (
          <StaleBanner at={page.dataUpdatedAt} zone={zone} onRetry={rerun} />
        )}
      </div>
      <div className={styles.main} data-facets={showsFacets}>
        <aside className={styles.facets} aria-label="Facets">
          {facets.isError && !facets.data ? (
            <Small
              what="Facets could not be counted"
              error={facets.error}
              onRetry={() => void facets.refetch()}
            />
          ) : (
            <Facets
              answer={facets.data}
              q={q}
              keys={explore.keys}
              range={timesOf(selection)}
              isStale={facets.isPlaceholderData || (isInvalid && facets.data !== undefined)}
              isIdle={isInvalid}
              onRun={runQuery}
              onKeys={(keys) => adjust({ facets: facetsText(keys) })}
            />
          )}
        </aside>
        <div className={styles.center} ref={center}>
          {!isWaiting && !isNothing && (
            <div className={styles.heat}>
              {heat.data ? (
                <HeatmapPanel
                  answer={heat.data}
                  zone={zone}
                  ofSpans={search.unit === 'spans'}
                  asTable={search.view === 'table'}
                  box={box}
                  isStale={heat.isPlaceholderData}
                  opensWith={opensWith}
                  onBox={(next) =>
                    void navigate({
                      search: (old) =>
                        changed(old, { sel: next && selOf(next), cursor: undefined }),
                      state: {},
                    })
                  }
                  range={axis}
                  limits={limits}
                  onFilter={(next) => run(zoomedTo(search, next, axis))}
                  // Steps of one zoom are one entry of the history.
                  onRange={(next) =>
                    void navigate({
                      search: (old) => withAxis(old, next, axis, limits),
                      replace: isZoomed(search),
                      state: {},
                    })
                  }
                  onReset={
                    isZoomed(search)
                      ? () => void navigate({ search: unzoomed, state: {} })
                      : undefined
                  }
                  onUnit={(spans) =>
                    adjust({ unit: spans ? 'spans' : undefined, sel: undefined, cursor: undefined })
                  }
                  onTable={(isTable) => adjust({ view: isTable ? 'table' : undefined })}
                />
              ) : heat.isError && !page.isError ? (
                <Small
                  what="Latency could not be counted"
                  error={heat.error}
                  onRetry={() => void heat.refetch()}
                />
              ) : (
                <div style={{ height: HEIGHT + 34 }} aria-hidden="true" />
              )}
            </div>
          )}
          <section className={styles.results} aria-busy={isFetching} aria-label="Results">
            {isFetching && <div className={styles.progress} />}
            <ResultsBar
              data={data}
              total={isInvalid ? undefined : total}
              inBox={box !== undefined}
              busy={isFetching && (!data || isPlaceholderData)}
              picked={picked}
              hidden={hidden}
              onCancel={explore.cancel}
              onUnpick={() => adjust({ pick: undefined })}
              onHidden={(next) => adjust({ hide: [...next].join(',') || undefined })}
              onUnbox={() => run(changed(search, { sel: undefined }))}
            />
            <div
              className={classes(
                styles.scroll,
                data && (isPlaceholderData || isInvalid) && styles.dimmed,
              )}
            >
              <Results
                search={search}
                zone={zone}
                explore={explore}
                isWaiting={isWaiting}
                picked={picked}
                hidden={hidden}
                opensWith={opensWith}
                onRun={run}
                onPick={togglePick}
              />
            </div>
          </section>
        </div>
      </div>
      <StatusLine
        coverage={data?.coverage}
        failed={page.isError}
        idle={isInvalid ? 'Not asked' : page.isPending && !isFetching ? 'Cancelled' : undefined}
      >
        {data && total && <Pager data={data} total={total} search={search} />}
      </StatusLine>
    </Page>
  );
}

/** Ends of the range alone. */
const timesOf = ({ start, end }: { start?: string; end?: string }) => ({
  ...(start && { start }),
  ...(end && { end }),
});

/** The exact total where one is known: the page may have only a lower bound, the heatmap counts all. */
function totalOf(
  ofPage: Total | undefined,
  ofAll: Total | undefined,
  isEarlier: boolean,
): Total | undefined {
  if (!ofPage || ofPage.exact || !ofAll || isEarlier) return ofPage;
  return ofAll.value >= ofPage.value ? ofAll : ofPage;
}

/** The stretch of time that the heatmap is about: what the range says, else where the data lies. */
function axisOf({ axis, heat: { data } }: ReturnType<typeof useExplore>): Span {
  const first = data?.start_time_unix_nano ?? 0n;
  const last = first + (data?.column_ns ?? 0n) * BigInt(data?.column_count ?? 0);
  return { start: BigInt(axis.axis_start ?? first), end: BigInt(axis.axis_end ?? last) };
}

function serverProblem(q: string, refused: ReturnType<typeof useExplore>['refused']) {
  return refused && problemOfServer(q, refused.position, refused.message, refused.hint);
}

/** The button runs what stands in the field, as Enter does there. */
function runTyped(q: string, onRun: (q: string) => void): void {
  const field = document.getElementById(QUERY_FIELD);
  if (field instanceof HTMLInputElement && field.value.trim() !== q) {
    field.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, bubbles: true }),
    );
  } else onRun(q);
}

/** A link that shows the same later: a range that moves is fixed. */
function pinnedLink(search: ExploreSearch, zone: string): string {
  const { from, to } = pinned({ from: search.from, to: search.to }, nowNanos(), zone);
  const target: RawSearch = { ...changed(search, { from, to }), tz: zone };
  return `${location.origin}${location.pathname}${stringifySearch(target)}`;
}

/** Moves the focus to the trace below or above. */
function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('a[data-trace]')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at === -1 ? 0 : at + by];
  next?.focus();
}

interface ResultsProps {
  search: ExploreSearch;
  zone: string;
  explore: ReturnType<typeof useExplore>;
  isWaiting: boolean;
  picked: readonly string[];
  hidden: ReadonlySet<string>;
  opensWith: TraceSearch;
  onRun: (next: ExploreSearch) => void;
  onPick: (traceId: string) => void;
}

function Results(props: ResultsProps) {
  const { search, zone, explore, isWaiting, picked, hidden, opensWith, onRun, onPick } = props;
  const services = useQuery(servicesQuery());
  const { page, problems, rerun } = explore;
  const { error, isFetching, isPlaceholderData } = page;
  const isWrong = problems.q !== undefined || problems.range !== undefined;
  // What an earlier query found stays, dimmed, while this one is on its way or wrong; not when it was cancelled.
  const data = isPlaceholderData && !isFetching && !isWrong && !error ? undefined : page.data;
  if (!data) {
    if (isWrong)
      return <p className={styles.noMatchHead}>The query has an error; it is marked above.</p>;
    if (error && !isFetching) {
      return (
        <ErrorPanel what="The search could not be answered" error={error} onRetry={rerun}>
          {!search.from && (
            <Button onClick={() => onRun({ ...search, from: 'now-1h' })}>Last hour only</Button>
          )}
        </ErrorPanel>
      );
    }
    return isFetching ? <SkeletonTable /> : <Cancelled onRetry={rerun} />;
  }
  if (data.traces.length > 0) {
    const names = services.data?.services.map(({ name }) => name) ?? [];
    return (
      <ResultsTable
        traces={data.traces}
        services={names}
        zone={zone}
        picked={picked}
        onPick={onPick}
        sort={search.sort ?? 'newest'}
        onSort={(sort) => onRun(changed(search, { sort: sort === 'newest' ? undefined : sort }))}
        hidden={hidden}
        opensWith={opensWith}
      />
    );
  }
  if (isWaiting) return <NoData />;
  return <NoMatch search={search} selection={explore.selection} zone={zone} onRun={onRun} />;
}

function Cancelled({ onRetry }: { onRetry: () => void }) {
  return (
    <div className={styles.noMatchHead}>
      <h2>Cancelled</h2>
      <p className={shell.actions}>
        <Button onClick={onRetry}>Run again</Button>
      </p>
    </div>
  );
}

/** A part of the page that has no answer; the others go on. */
function Small({ what, error, onRetry }: { what: string; error: unknown; onRetry: () => void }) {
  return (
    <div className={styles.small} role="alert">
      <b>{what}</b>
      <span className="t2">{error instanceof Error ? error.message : String(error)}</span>
      <Button size="small" onClick={onRetry}>
        Retry
      </Button>
    </div>
  );
}

function StaleBanner(props: { at: number; zone: Zone; onRetry: () => void }) {
  const { at, zone, onRetry } = props;
  const instant = BigInt(at) * 1_000_000n;
  return (
    <div className={shell.banner} role="status">
      <Icon of={Info} />
      <span className="grow">
        <b>No answer.</b> Showing the one of {formatInstant(instant, zone, 0)}{' '}
        {zoneName(zone, instant)}.
      </span>
      <Button size="small" onClick={onRetry}>
        Try now
      </Button>
    </div>
  );
}
