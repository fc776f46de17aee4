// What completion offers, under the cursor.

import { useEffect, useLayoutEffect, useRef } from 'react';

import { formatCount, oneLine } from '../lib/text';
import { classes, Kbd } from '../ui/controls';
import controls from '../ui/controls.module.css';
import type { Item } from './completion';
import styles from './query.module.css';

interface Props {
  id: string;
  /** Id of the element at the cursor. */
  anchor: string;
  items: readonly Item[];
  active: number;
  onActive: (place: number) => void;
  onChoose: (item: Item) => void;
}

/** See the module. */
export function CompletionList({ id, anchor, items, active, onActive, onChoose }: Props) {
  const pop = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const mark = document.getElementById(anchor)?.getBoundingClientRect();
    const box = pop.current?.parentElement?.getBoundingClientRect();
    if (!pop.current || !mark || !box) return;
    const room = box.width - pop.current.offsetWidth - 4;
    pop.current.style.left = `${Math.max(4, Math.min(mark.left - box.left - 12, room))}px`;
  });
  useEffect(() => {
    if (active >= 0)
      document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [active, id]);
  const groups: { name: string; first: number; items: Item[] }[] = [];
  for (const [place, item] of items.entries()) {
    const last = groups.at(-1);
    if (last?.name === item.group) last.items.push(item);
    else groups.push({ name: item.group, first: place, items: [item] });
  }
  const most = items.reduce((max, { count = 0 }) => Math.max(max, count), 1);
  return (
    <div ref={pop} className={classes(controls.pop, styles.list)}>
      <div id={id} role="listbox" aria-label="Completion" className={styles.options}>
        {groups.map(({ name, first, items: ofGroup }) => (
          <div key={`${first} ${name}`} role="group" aria-label={name}>
            <div className={styles.group} aria-hidden="true">
              {oneLine(name, 60)}
            </div>
            {ofGroup.map((item, i) => (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
              <div
                key={item.label}
                id={`${id}-${first + i}`}
                role="option"
                tabIndex={-1}
                aria-selected={first + i === active}
                className={styles.option}
                onPointerMove={() => (first + i === active ? undefined : onActive(first + i))}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => onChoose(item)}
              >
                <span className="ell">
                  <bdi className="mono">{oneLine(item.label, 120) || '(empty)'}</bdi>
                  {item.note && <small> {item.note}</small>}
                </span>
                {item.count !== undefined && (
                  <>
                    <span className={styles.bar}>
                      <i style={{ width: `${(item.count / most) * 100}%` }} />
                    </span>
                    <span className="num t3">{formatCount(item.count)}</span>
                  </>
                )}
              </div>
            ))}
          </div>
        ))}
      </div>
      <div className={styles.foot} aria-hidden="true">
        <span>
          <Kbd>↑</Kbd> <Kbd>↓</Kbd> move
        </span>
        <span>
          <Kbd>⇥</Kbd> complete
        </span>
        <span>
          <Kbd>⏎</Kbd> {active >= 0 ? 'add' : 'run'}
        </span>
        <span className="grow" />
        <span>or paste a trace id</span>
      </div>
    </div>
  );
}
