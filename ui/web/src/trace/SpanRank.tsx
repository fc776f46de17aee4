// Where the span stands within its operation, over the hour before it.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { isLocal } from '../api/local';
import type { SpanDetail } from '../api/types';
import { formatDuration } from '../lib/duration';
import { formatCount } from '../lib/text';
import { Button } from '../ui/controls';
import styles from './panel.module.css';
import { findRank, percentileOf, windowOf, type Rank, type Ranked } from './rank';

/** Longest service and name that are looked for, UTF-16 units: a statement has a limit. */
const NAMES_MAX = 4096;

/** See the module. Nothing for spans of files, of which the store knows nothing, and for names that are no names. */
export function SpanRank({ detail, traceId }: { detail: SpanDetail; traceId: string }) {
  const span: Ranked = {
    service: detail.service_name,
    name: detail.name,
    kind: detail.kind,
    start: detail.start_time_unix_nano,
    duration: detail.duration_ns,
  };
  const { service, name, kind, start, duration } = span;
  const canAsk = !isLocal(traceId) && service.length + name.length <= NAMES_MAX;
  const query = useQuery({
    queryKey: ['rank', service, name, kind, String(start), String(duration)] as const,
    queryFn: ({ signal }) => findRank(span, signal),
    enabled: canAsk,
    staleTime: 300_000,
  });
  if (!canAsk) return null;
  return (
    <section
      className={styles.alike}
      aria-label="Within its operation"
      aria-busy={query.isFetching}
    >
      <div className={styles.alikeHead}>
        <h3>In the hour before</h3>
        <span className="grow" />
        {query.data && query.data.count > 1 && (
          <span className="t3">of {formatCount(Math.round(query.data.count))} calls</span>
        )}
      </div>
      {query.isError && !query.isFetching ? (
        <p className="t2">
          Its operation could not be looked at.{' '}
          <Button size="small" onClick={() => void query.refetch()}>
            Retry
          </Button>
        </p>
      ) : (
        <p className="t2">{wordsOf(query.data, span)}</p>
      )}
      {query.data && query.data.count > 1 && <Slower span={span} />}
    </section>
  );
}

function wordsOf(rank: Rank | null | undefined, { duration }: Ranked): string {
  if (rank === undefined) return 'Looking at its operation…';
  if (rank === null || rank.count <= 1) return 'It is the only one of its operation.';
  const failed = rank.errors > 0 ? `, ${formatCount(Math.round(rank.errors))} failed` : '';
  return `${formatDuration(duration)} is ${percentileOf(rank)}: median ${formatDuration(rank.median)}, p95 ${formatDuration(rank.p95)}${failed}.`;
}

/** The way to the traces in which the operation took as long or longer. */
function Slower({ span }: { span: Ranked }) {
  const { from, to } = windowOf(span);
  return (
    <p>
      <Link
        to="/explore"
        search={{
          service: span.service,
          operation: span.name,
          min: `${span.duration}ns`,
          from: String(from),
          to: String(to),
        }}
      >
        Traces in which it took as long or longer
      </Link>
    </p>
  );
}
