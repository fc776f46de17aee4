// Nothing matches: what would without each condition, and when the nearest match outside of the range is.

import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { explainQuery, type Selection } from '../api/queries';
import type { Total } from '../api/types';
import { clauses, without, type Clause } from '../language/edit';
import { formatDuration } from '../lib/duration';
import { plural } from '../lib/text';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { changed, type ExploreSearch } from '../shell/search';
import { Button, classes } from '../ui/controls';
import { ClauseText } from './Chip';
import styles from './explore.module.css';
import query from './query.module.css';

interface Props {
  search: ExploreSearch;
  selection: Selection;
  zone: Zone;
  onRun: (next: ExploreSearch) => void;
}

/** See the module. */
export function NoMatch({ search, selection, zone, onRun }: Props) {
  const q = search.q ?? '';
  const parts = useMemo(() => clauses(q), [q]);
  const explained = useQuery(explainQuery(selection));
  const { data } = explained;
  const hasRange = Boolean(search.from ?? search.to);
  const all = parts.length === 1 ? 'this condition' : `all ${parts.length} conditions`;
  const run = (changes: Parameters<typeof changed<ExploreSearch>>[1]) =>
    onRun(changed(search, { cursor: undefined, sel: undefined, ...changes }));
  if (search.sel)
    return (
      <div className={styles.noMatch} role="status">
        <div className={styles.noMatchHead}>
          <h2>No trace is in the box</h2>
          <p className={styles.actionsRow}>
            <Button onClick={() => run({})}>Take the box away</Button>
          </p>
        </div>
      </div>
    );
  return (
    <div className={styles.noMatch} role="status">
      <div className={styles.noMatchHead}>
        <h2>
          {parts.length === 0
            ? hasRange
              ? 'There are no traces in this range'
              : 'There are no traces'
            : `No trace matches ${all}`}
        </h2>
        {parts.length > 0 && (
          <p className={styles.lead}>
            {parts.length > 1 && 'All of them have to hold on one span. '}
            Each row says what would be left without that condition.
          </p>
        )}
      </div>
      {parts.map((clause, place) => (
        <Row
          key={`${clause.text}${place}`}
          clause={clause}
          total={data?.clauses[place]?.total_without}
          isAsking={explained.isFetching}
          onRemove={() => run({ q: without(q, place) || undefined })}
        />
      ))}
      {hasRange && (
        <Nearest data={data} selection={selection} zone={zone} onRange={(range) => run(range)} />
      )}
      {explained.isError && (
        <p className={styles.noMatchHead}>
          <span className="err">What removed everything could not be counted.</span>{' '}
          <Button size="small" onClick={() => void explained.refetch()}>
            Try again
          </Button>
        </p>
      )}
      {parts.length > 1 && (
        <p className={styles.noMatchHead}>
          <Button onClick={() => run({ q: undefined })}>Remove all</Button>
        </p>
      )}
    </div>
  );
}

function Row(props: {
  clause: Clause;
  total: Total | undefined;
  isAsking: boolean;
  onRemove: () => void;
}) {
  const { clause, total, isAsking, onRemove } = props;
  const left = total?.value ?? 0;
  const words = total
    ? `${total.exact ? '' : 'at least '}${plural(left, 'trace')}`
    : isAsking
      ? '…'
      : '';
  return (
    <div className={classes(styles.clause, left > 0 && styles.culprit)}>
      <span className={query.chip}>
        <ClauseText clause={clause} />
      </span>
      <span className={left > 0 ? 'num strong' : 'num t2'}>
        {total && left === 0 ? 'still none' : words}
      </span>
      <Button size="small" look={left > 0 ? 'plain' : 'ghost'} onClick={onRemove}>
        Remove
      </Button>
    </div>
  );
}

/** How far around the nearest match the range then reaches, ns. */
const AROUND = 1_800_000_000_000n;

function Nearest(props: {
  data: { total_at_any_time: Total | null; nearest_before: Near; nearest_after: Near } | undefined;
  selection: Selection;
  zone: Zone;
  onRange: (range: { from: string | undefined; to: string | undefined }) => void;
}) {
  const { data, selection, zone, onRange } = props;
  if (!data) return null;
  const { total_at_any_time: total, nearest_before: before, nearest_after: after } = data;
  const matches = [
    before && { near: before, word: 'before', end: selection.start },
    after && { near: after, word: 'after', end: selection.end },
  ].filter((match) => match !== null);
  if (matches.length === 0)
    return (
      <p className={classes(styles.noMatchHead, 't2')}>Nothing matches at any other time either.</p>
    );
  return (
    <>
      {matches.map(({ near, word, end }) => {
        const at = near.start_time_unix_nano;
        const away = end === undefined ? undefined : at - BigInt(end);
        return (
          <div key={word} className={styles.clause}>
            <span>
              Nearest match {word} the range:{' '}
              <b>
                {formatInstant(at, zone, 0)} {zoneName(zone, at)}
              </b>
              {away !== undefined && (
                <span className="t2">
                  {' '}
                  ({formatDuration(away < 0n ? -away : away)} {word})
                </span>
              )}
            </span>
            <span />
            <Button
              size="small"
              onClick={() => onRange({ from: String(at - AROUND), to: String(at + AROUND) })}
            >
              Go there
            </Button>
          </div>
        );
      })}
      {total && total.value > 0 && (
        <div className={styles.clause}>
          <span>At any time</span>
          <span className="num strong">
            {total.exact ? '' : 'at least '}
            {plural(total.value, 'trace')}
          </span>
          <Button size="small" onClick={() => onRange({ from: undefined, to: undefined })}>
            All data
          </Button>
        </div>
      )}
    </>
  );
}

type Near = { trace_id: string; start_time_unix_nano: bigint } | null;
