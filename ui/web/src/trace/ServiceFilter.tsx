// Which services are shown. A service that is switched off stays, dimmed, where something below it is shown.

import { ChevronDown, ListFilter } from 'lucide-react';
import { useMemo } from 'react';

import { formatCount, oneLine, plural } from '../lib/text';
import { Button, classes, Icon, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { keepInView, usePopover } from '../ui/usePopover';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import styles from './trace.module.css';

/** Services listed; a trace may have thousands. */
const LISTED_MAX = 500;

interface Entry {
  name: string;
  spans: number;
  errors: number;
}

/** Services with their spans, the largest first. */
function entriesOf(store: TraceStore): Entry[] {
  const { head, columns, count } = store.skeleton;
  const entries = head.services.map((name): Entry => ({ name, spans: 0, errors: 0 }));
  for (let row = 0; row < count; row++) {
    const entry = entries[columns.service[row] as number] as Entry;
    entry.spans++;
    if (columns.status[row] === 2) entry.errors++;
  }
  return entries.sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1));
}

/** See the module. */
export function ServiceFilter({ store }: { store: TraceStore }) {
  const { open, setOpen, rootRef, buttonRef, rootProps } = usePopover();
  const hidden = useStore(store, ['options'], ({ visible }) => visible.hidden);
  const leftOut = useStore(store, ['rows', 'options'], ({ visible }) => visible.leftOut);
  const total = store.skeleton.head.services.length;
  const shown = hidden ? total - hidden.reduce((sum, off) => sum + off, 0) : total;
  return (
    <>
      {leftOut > 0 && (
        <span className={styles.leftOut} role="status">
          {plural(leftOut, 'span')} left out
        </span>
      )}
      <div className={styles.anchor} ref={rootRef} {...rootProps}>
        <button
          ref={buttonRef}
          type="button"
          className={classes(controls.button, controls.small, styles.toggle)}
          aria-expanded={open}
          aria-label={`Services: ${shown} of ${total} shown`}
          onClick={() => setOpen(!open)}
        >
          <Icon of={ListFilter} />
          <span className="wide-only">Services</span>
          {hidden ? `${shown} of ${total}` : total}
          <Icon of={ChevronDown} className="t3" />
        </button>
        {open && <Choice store={store} />}
      </div>
    </>
  );
}

function Choice({ store }: { store: TraceStore }) {
  const count = useStore(store, ['rows'], ({ skeleton }) => skeleton.count);
  const hidden = useStore(store, ['options'], ({ visible }) => visible.hidden);
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- `count` says that rows came in
  const entries = useMemo(() => entriesOf(store), [store, count]);
  const { services } = store.skeleton.head;
  const off = new Set(hidden ? services.filter((_, i) => hidden[i]) : []);
  const toggle = (name: string) => {
    const next = new Set(off);
    if (!next.delete(name)) next.add(name);
    store.setHidden([...next]);
  };
  const only = (name: string) => store.setHidden(services.filter((other) => other !== name));
  return (
    <div
      ref={keepInView}
      className={classes(controls.pop, styles.services)}
      role="dialog"
      aria-label="Services shown"
    >
      <div className={styles.servicesHead}>
        <h2>Services</h2>
        <span className="grow" />
        <Button size="small" disabled={off.size === 0} onClick={() => store.setHidden([])}>
          Show all
        </Button>
      </div>
      <ul className={styles.servicesList}>
        {entries.slice(0, LISTED_MAX).map(({ name, spans, errors }) => (
          <li key={name}>
            <label>
              <input type="checkbox" checked={!off.has(name)} onChange={() => toggle(name)} />
              <Service name={name} />
            </label>
            {errors > 0 && <span className="err">{plural(errors, 'error')}</span>}
            <span className={styles.count}>{formatCount(spans)}</span>
            <Button
              size="small"
              look="ghost"
              aria-label={`Only ${oneLine(name, 80)}`}
              onClick={() => only(name)}
            >
              Only
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
