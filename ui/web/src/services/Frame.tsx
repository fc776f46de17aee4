// What pages of figures share: the range with its picker, what to do when it is empty, and the bottom line.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { RotateCw } from 'lucide-react';
import type { ReactNode } from 'react';

import type { SqlAnswer } from '../api/sql';
import { RangePicker } from '../explore/RangePicker';
import type { RangeText } from '../lib/range';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { ErrorPanel } from '../shell/ErrorPanel';
import type { RangeSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { StatusLine } from '../shell/StatusLine';
import { Waiting } from '../shell/Waiting';
import { Button, IconButton } from '../ui/controls';
import { extentOf } from './model';
import { FIGURES, figures } from './queries';
import styles from './services.module.css';
import { extentSql } from './statements';
import { rangeText } from './useRange';

/** Range and renewal. */
export function RangeTools(props: {
  search: RangeSearch;
  zone: Zone;
  error: string | undefined;
  onZone: (zone: Zone) => void;
  onRange: (range: RangeText) => void;
  onRefresh: () => void;
}) {
  const { search, zone, error, onZone, onRange, onRefresh } = props;
  return (
    <>
      <RangePicker
        {...rangeText(search)}
        zone={zone}
        error={error}
        onZone={onZone}
        onChange={onRange}
      />
      <IconButton icon={RotateCw} label="Ask again (r)" onClick={onRefresh} />
    </>
  );
}

/** Nothing lies in the range: where the data is, and the way there. */
export function NothingHere(props: {
  what: string;
  zone: Zone;
  onRange: (range: RangeText) => void;
}) {
  const { what, zone, onRange } = props;
  const everything = useQuery(figures(extentSql({}), extentOf));
  const extent = everything.data?.value;
  const hour = 3_600_000_000_000n;
  return (
    <div className={styles.nothing} role="status">
      <h2>{what}</h2>
      {extent ? (
        <>
          <p className="t2">
            The newest span started {formatInstant(extent.last, zone, 0)}{' '}
            {zoneName(zone, extent.last)}.
          </p>
          <p className={shell.actions}>
            <Button
              look="primary"
              onClick={() =>
                onRange({ from: String(extent.last - hour), to: String(extent.last + 1n) })
              }
            >
              The hour before it
            </Button>
            <Button onClick={() => onRange({})}>All data</Button>
          </p>
        </>
      ) : (
        everything.data && <p className="t2">The store has no spans yet.</p>
      )}
    </div>
  );
}

/** A question of the page, as far as this module looks at it. */
interface Asked<T = unknown> {
  isError: boolean;
  error: unknown;
  isFetching: boolean;
  refetch: () => unknown;
  data?: T | undefined;
}

/** A panel that shows its answer, that it is asked for, or why there is none. */
export function Answered(props: {
  query: Asked;
  what: string;
  /** What is said meanwhile. */
  doing?: string;
  /** First word of the keys of what is cancelled. */
  cancels?: string;
  children: ReactNode;
}) {
  const { query, what, doing = 'Computing…', cancels = FIGURES, children } = props;
  const client = useQueryClient();
  if (query.isError && !query.isFetching)
    return <ErrorPanel what={what} error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data) return children;
  return query.isFetching ? (
    <div className={styles.waiting} aria-busy="true">
      <Waiting
        what={doing}
        advice="A narrower range of time takes less."
        onCancel={() => void client.cancelQueries({ queryKey: [cancels] })}
      />
      {[72, 48, 60].map((width) => (
        <i key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  ) : (
    <p className={styles.hint}>
      Cancelled. <Button onClick={() => void query.refetch()}>Ask again</Button>
    </p>
  );
}

/** The bottom line, from what was asked. */
export function FiguresStatus({
  queries,
  others,
  facts,
}: {
  queries: readonly Asked<{ stats: SqlAnswer['stats'] }>[];
  /** Questions without such figures: the line waits for them too. */
  others?: readonly Asked[];
  facts?: ReactNode;
}) {
  const answered = queries.filter(({ data }) => data !== undefined);
  const all = [...queries, ...(others ?? [])];
  const failed = all.some(({ isError, isFetching }) => isError && !isFetching);
  const isWhole = all.every(({ data }) => data !== undefined);
  const isIdle = !isWhole && !all.some(({ isFetching }) => isFetching);
  const stats = answered.map(({ data }) => data?.stats as SqlAnswer['stats']);
  const cut = stats.some(({ truncated }) => truncated);
  const coverage = {
    complete: !cut,
    segments_total: stats.reduce((most, one) => Math.max(most, one.segments_total ?? 0), 0),
    segments_read: stats.reduce((most, one) => Math.max(most, one.segments_read ?? 0), 0),
    reasons: cut ? ['a list is longer than the server sends'] : [],
    elapsed_ms: stats.reduce((sum, one) => sum + (one.elapsed_ms ?? 0), 0),
  };
  return (
    <StatusLine
      coverage={isWhole ? coverage : undefined}
      failed={failed}
      idle={isIdle && !failed ? 'Not asking' : undefined}
      facts={
        <>
          <span className="wide-only">Counted from the stored spans, by their weight</span>
          {facts}
        </>
      }
    />
  );
}
