// Which part of the results is shown, and the way to the next and the one before.

import { useNavigate, useRouterState } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight, ChevronsLeft } from 'lucide-react';

import type { SearchAnswer, Total } from '../api/types';
import { formatCount } from '../lib/text';
import { changed, LIMIT_DEFAULT, LIMIT_MAX, type ExploreSearch } from '../shell/search';
import { IconButton } from '../ui/controls';
import styles from './explore.module.css';

const LIMITS = [20, LIMIT_DEFAULT, 100, 200, 500, LIMIT_MAX];

/** See the module. */
export function Pager(props: { data: SearchAnswer; total: Total; search: ExploreSearch }) {
  const { data, total, search } = props;
  const navigate = useNavigate({ from: '/explore' });
  const state = useRouterState({ select: ({ location }) => location.state });
  const cursors = state.cursors ?? [];
  const limit = search.limit ?? LIMIT_DEFAULT;
  const isKnownPlace = !search.cursor || cursors.length > 0;
  const first = cursors.length * limit + 1;
  const count = data.traces.length;
  const go = (cursor: string | undefined, before: string[]) =>
    void navigate({ search: changed(search, { cursor }), state: { cursors: before } });
  const place = isKnownPlace
    ? `${formatCount(first)}–${formatCount(first + count - 1)}`
    : `${formatCount(count)} further`;
  const next = data.next_cursor;
  const limits = [...new Set([...LIMITS, limit])].sort((a, b) => a - b);
  return (
    <span className={styles.pager}>
      {count > 0 && (
        <span>
          <span className="t2">
            {place} of {formatCount(total.value)} traces
          </span>
          , {total.exact ? 'exact' : 'at least'}
        </span>
      )}
      <select
        className={styles.limit}
        aria-label="Traces on a page"
        title="Traces on a page"
        value={limit}
        onChange={(event) =>
          void navigate({
            search: changed(search, { limit: Number(event.target.value), cursor: undefined }),
          })
        }
      >
        {limits.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
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
