// Explore: find traces. Query above, results below, what the answer covers at the bottom.

import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useRouterState, useSearch } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight, ChevronsLeft, Columns2, FileUp, Info, X } from 'lucide-react';
import { useCallback, useEffect, useMemo } from 'react';

import { servicesQuery } from '../api/queries';
import type { SearchAnswer } from '../api/types';
import { formatCount } from '../lib/text';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Page } from '../shell/pages';
import { changed, LIMIT_DEFAULT, type ExploreSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { CoverageBanner, StatusLine } from '../shell/StatusLine';
import { useElapsed } from '../shell/useElapsed';
import { useZone } from '../shell/useZone';
import { Button, classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import styles from './explore.module.css';
import { rememberExplore } from './lastExplore';
import { NoData } from './NoData';
import { NoMatch } from './NoMatch';
import { FIRST_FIELD, QueryForm } from './QueryForm';
import { clausesOf } from './request';
import { ResultsTable, SkeletonTable } from './ResultsTable';
import { useSearchResult } from './useSearchResult';

/** See the module. */
export function ExplorePage() {
  const search = useSearch({ from: '/explore' });
  const navigate = useNavigate({ from: '/explore' });
  const [zone, setZone] = useZone();
  const { errors, result, rerun, cancel } = useSearchResult(search, zone);
  const run = (next: ExploreSearch) => {
    const { tz, pick } = search;
    const target = changed(next, { tz, pick });
    if (!search.cursor && JSON.stringify(target) === JSON.stringify(search)) rerun();
    else void navigate({ search: target, state: {} });
  };
  const picked = useMemo(() => pickedOf(search), [search]);
  const setPicked = (ids: readonly string[]) => {
    const pick = ids.length > 0 ? ids.join(',') : undefined;
    void navigate({ search: (old) => changed(old, { pick }), replace: true });
  };
  const togglePick = useCallback(
    (id: string) =>
      void navigate({
        search: (old) =>
          changed(old, { pick: togglePicked(pickedOf(old), id).join(',') || undefined }),
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
    '/': () => document.getElementById(FIRST_FIELD)?.focus(),
    j: () => step(1),
    k: () => step(-1),
  });
  useEffect(() => rememberExplore(search), [search]);
  const invalid = Object.keys(errors).length > 0;
  const { data, isFetching, isPlaceholderData } = result;
  return (
    <Page title={search.service ? `${search.service}: Explore` : 'Explore'} className={styles.page}>
      <QueryForm search={search} zone={zone} onZone={setZone} onRun={run} />
      <div>
        <CoverageBanner coverage={data?.coverage} />
        {data && result.isError && <StaleBanner at={result.dataUpdatedAt} onRetry={rerun} />}
      </div>
      <section className={styles.results} aria-busy={isFetching} aria-label="Results">
        {isFetching && <div className={styles.progress} />}
        <Heading
          data={data}
          busy={isFetching && (!data || isPlaceholderData)}
          onCancel={cancel}
          picked={picked}
          onUnpick={() => setPicked([])}
        />
        <div className={classes(styles.scroll, isPlaceholderData && styles.dimmed)}>
          {invalid ? (
            <p className={styles.noMatchHead}>
              The query has an error; the marked field says which.
            </p>
          ) : (
            <Results
              search={search}
              zone={zone}
              result={result}
              onRun={run}
              onRetry={rerun}
              picked={picked}
              onPick={togglePick}
            />
          )}
        </div>
      </section>
      <StatusLine coverage={data?.coverage} failed={result.isError || invalid}>
        {data && <Pager data={data} search={search} />}
      </StatusLine>
    </Page>
  );
}

/** Ids of the traces that are marked for comparison, A first. */
function pickedOf({ pick }: ExploreSearch): string[] {
  return (pick ?? '')
    .split(',')
    .filter((id) => /^[0-9a-f]{32}$/.test(id))
    .slice(0, 2);
}

/** Marks `id`, or takes its mark away; a third trace takes the place of the second. */
function togglePicked(picked: readonly string[], id: string): string[] {
  if (picked.includes(id)) return picked.filter((other) => other !== id);
  return [...picked.slice(0, 1), id];
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
  result: ReturnType<typeof useSearchResult>['result'];
  onRun: (next: ExploreSearch) => void;
  onRetry: () => void;
  picked: readonly string[];
  onPick: (traceId: string) => void;
}

function Results({ search, zone, result, onRun, onRetry, picked, onPick }: ResultsProps) {
  const services = useQuery(servicesQuery());
  const { error, isFetching, isPlaceholderData } = result;
  // What an earlier query found stays, dimmed, while this one is on its way; not when it was cancelled.
  const data = isPlaceholderData && !isFetching ? undefined : result.data;
  if (!data) {
    if (error && !isFetching) {
      return (
        <ErrorPanel what="The search could not be answered" error={error} onRetry={onRetry}>
          {!search.from && (
            <Button onClick={() => onRun({ ...search, from: 'now-1h' })}>Last hour only</Button>
          )}
        </ErrorPanel>
      );
    }
    return isFetching ? <SkeletonTable /> : <Cancelled onRetry={onRetry} />;
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
      />
    );
  }
  const isBare = clausesOf(search).length === 0 && !search.cursor;
  if (isBare && data.total.value === 0) return <NoData />;
  return <NoMatch search={search} zone={zone} onRun={onRun} />;
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

/** Title of the results: total, and after a second of waiting the time so far and a way out. */
function Heading(props: {
  data: SearchAnswer | undefined;
  busy: boolean;
  onCancel: () => void;
  picked: readonly string[];
  onUnpick: () => void;
}) {
  const { data, busy, onCancel, picked, onUnpick } = props;
  const [a, b] = picked;
  const elapsed = useElapsed(busy);
  return (
    <div className={styles.heading}>
      <h1>Traces</h1>
      {data && (
        <span className="t3" role="status">
          {data.total.exact ? '' : 'at least '}
          {formatCount(data.total.value)}
        </span>
      )}
      <span className="grow" />
      <Link
        to="/file"
        className={classes(controls.button, controls.small, controls.ghost)}
        title="Look at traces of a file, without the server"
      >
        <Icon of={FileUp} />
        <span className="medium-only">Open a file</span>
      </Link>
      {a && (
        <span className={styles.picks} role="status">
          {b ? 'Two traces marked' : 'Mark another trace to compare'}
        </span>
      )}
      {a && b && (
        <Link
          to="/compare"
          search={{ a, b }}
          className={classes(controls.button, controls.small, controls.primary)}
        >
          <Icon of={Columns2} />
          Compare
        </Link>
      )}
      {a && <IconButton size="small" icon={X} label="Take the marks away" onClick={onUnpick} />}
      {busy && elapsed >= 1000 && (
        <>
          <span className="t2">
            {(elapsed / 1000).toFixed(1)} s{elapsed >= 10_000 && ', a narrower range is faster'}
          </span>
          <Button size="small" onClick={onCancel}>
            Cancel
          </Button>
        </>
      )}
    </div>
  );
}

function StaleBanner({ at, onRetry }: { at: number; onRetry: () => void }) {
  return (
    <div className={shell.banner} role="status">
      <Icon of={Info} />
      <span className="grow">
        <b>No answer.</b> Showing the one of {new Date(at).toLocaleTimeString('en-GB')}.
      </span>
      <Button size="small" onClick={onRetry}>
        Try now
      </Button>
    </div>
  );
}

/** Which part of the results is shown, and the way to the next and the one before. */
function Pager({ data, search }: { data: SearchAnswer; search: ExploreSearch }) {
  const navigate = useNavigate({ from: '/explore' });
  const state = useRouterState({ select: ({ location }) => location.state });
  const cursors = state.cursors ?? [];
  const limit = search.limit ?? LIMIT_DEFAULT;
  const isKnownPlace = !search.cursor || cursors.length > 0;
  const first = cursors.length * limit + 1;
  const count = data.traces.length;
  const go = (cursor: string | undefined, before: string[]) => {
    const { cursor: _, ...rest } = search;
    void navigate({ search: cursor ? { ...rest, cursor } : rest, state: { cursors: before } });
  };
  const place = isKnownPlace
    ? `${formatCount(first)}–${formatCount(first + count - 1)}`
    : `${formatCount(count)} further`;
  const next = data.next_cursor;
  return (
    <span className={styles.pager}>
      {count > 0 && (
        <span>
          <span className="t2">
            {place} of {formatCount(data.total.value)} traces
          </span>
          , {data.total.exact ? 'exact' : 'at least'}
        </span>
      )}
      {!isKnownPlace && (
        <IconButton
          size="small"
          icon={ChevronsLeft}
          label="First page"
          onClick={() => go(undefined, [])}
        />
      )}
      <IconButton
        size="small"
        icon={ChevronLeft}
        label="Previous page"
        disabled={cursors.length === 0}
        onClick={() => go(cursors.at(-1) || undefined, cursors.slice(0, -1))}
      />
      <IconButton
        size="small"
        icon={ChevronRight}
        label="Next page"
        disabled={!next}
        onClick={() => go(next ?? undefined, [...cursors, search.cursor ?? ''])}
      />
    </span>
  );
}
