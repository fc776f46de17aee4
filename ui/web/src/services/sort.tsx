// Tables that are sorted by their heads; the choice stands in the URL: `p95` from the least, `-p95` from the most.

import { ArrowDown, ArrowUp } from 'lucide-react';

import { classes, Icon } from '../ui/controls';
import styles from './services.module.css';

/** A column; without `value` it cannot be sorted by. */
export interface SortColumn<T> {
  key: string;
  head: string;
  value?: (row: T) => number | string;
  right?: boolean;
  className?: string;
}

/** `rows` in the order that `sort` says, else `fallback`. */
export function sortRows<T>(
  rows: readonly T[],
  columns: readonly SortColumn<T>[],
  sort: string | undefined,
  fallback: string,
): T[] {
  const read = (text: string) => {
    const value = columns.find(({ key }) => key === text.replace(/^-/, ''))?.value;
    return value && { value, down: text.startsWith('-') };
  };
  const chosen = (sort && read(sort)) || read(fallback);
  if (!chosen) return [...rows];
  const { value, down } = chosen;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
}

/** The heads, as buttons. */
export function SortHead<T>(props: {
  columns: readonly SortColumn<T>[];
  sort: string | undefined;
  fallback: string;
  onSort: (sort: string | undefined) => void;
}) {
  const { columns, sort, fallback, onSort } = props;
  const present = sort ?? fallback;
  return (
    <thead>
      <tr>
        {columns.map(({ key, head, value, right, className }) => {
          const isChosen = present === key || present === `-${key}`;
          const isDown = present === `-${key}`;
          // Figures from the most, names from the first.
          const next = isChosen ? (isDown ? key : `-${key}`) : right ? `-${key}` : key;
          return (
            <th
              key={key}
              scope="col"
              className={classes(right && 'num', className)}
              aria-sort={isChosen ? (isDown ? 'descending' : 'ascending') : undefined}
            >
              {value ? (
                <button
                  type="button"
                  className={styles.sort}
                  onClick={() => onSort(next === fallback ? undefined : next)}
                >
                  {head}
                  {isChosen && <Icon of={isDown ? ArrowDown : ArrowUp} />}
                </button>
              ) : (
                head
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
