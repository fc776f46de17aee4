// Nothing matches: which condition removed everything, and what would be left without it.

import { useQueries } from '@tanstack/react-query';

import { oneLine, plural } from '../lib/text';
import type { Zone } from '../lib/zone';
import type { ExploreSearch } from '../shell/search';
import { Button, classes } from '../ui/controls';
import styles from './explore.module.css';
import { clausesOf, type Clause } from './request';
import { searchOptions } from './useSearchResult';

/** Conditions that are tried out; each costs a search. */
const TRIED_MAX = 8;

/** See the module. */
export function NoMatch({
  search,
  zone,
  onRun,
}: {
  search: ExploreSearch;
  zone: Zone;
  onRun: (next: ExploreSearch) => void;
}) {
  const clauses = clausesOf(search);
  const tried = clauses.slice(0, TRIED_MAX);
  const totals = useQueries({
    queries: tried.map(({ without }) => searchOptions({ ...without, limit: 1 }, zone).options),
  });
  const all = clauses.length === 1 ? 'this condition' : `all ${clauses.length} conditions`;
  return (
    <div className={styles.noMatch} role="status">
      <div className={styles.noMatchHead}>
        <h2>{clauses.length === 0 ? 'There are no traces' : `No trace matches ${all}`}</h2>
        {clauses.length > 0 && (
          <p className={styles.lead}>
            All of them have to hold on one span. Each row says what would be left without that
            condition.
          </p>
        )}
      </div>
      {tried.map((clause, i) => (
        <Row
          key={`${clause.key}${i}`}
          clause={clause}
          total={totals[i]?.data?.total}
          onRun={onRun}
        />
      ))}
      {clauses.length > 1 && (
        <p className={styles.noMatchHead}>
          <Button onClick={() => onRun({})}>Remove all</Button>
        </p>
      )}
    </div>
  );
}

function Row(props: {
  clause: Clause;
  total: { value: number; exact: boolean } | undefined;
  onRun: (next: ExploreSearch) => void;
}) {
  const { clause, total, onRun } = props;
  const left = total?.value ?? 0;
  const words = total ? `${total.exact ? '' : 'at least '}${plural(left, 'trace')}` : '…';
  return (
    <div className={classes(styles.clause, left > 0 && styles.culprit)}>
      <span className={styles.chip}>
        <bdi>{oneLine(clause.key, 60)}</bdi>
        <b>{clause.operator}</b>
        <bdi className="ell">{oneLine(clause.value, 120)}</bdi>
      </span>
      <span className={left > 0 ? 'num strong' : 'num t3'}>
        {total && left === 0 ? 'still none' : words}
      </span>
      <Button
        size="small"
        look={left > 0 ? 'plain' : 'ghost'}
        onClick={() => onRun(clause.without)}
      >
        Remove
      </Button>
    </div>
  );
}
