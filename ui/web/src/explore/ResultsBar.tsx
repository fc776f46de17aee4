// The line above the results: how many there are, what is marked for comparison, which columns, and the results as a file.

import { Link } from '@tanstack/react-router';
import { Check, Columns2, Columns3, Download, FileUp, X } from 'lucide-react';

import type { SearchAnswer, Total } from '../api/types';
import { formatCount } from '../lib/text';
import { useElapsed } from '../shell/useElapsed';
import { Button, classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { keepInView, usePopover } from '../ui/usePopover';
import { download } from './download';
import styles from './explore.module.css';
import { OPTIONAL_COLUMNS } from './ResultsTable';

interface Props {
  data: SearchAnswer | undefined;
  /** The exact total, when it is known from elsewhere. */
  total: Total | undefined;
  /** The results are narrowed to the box on the heatmap. */
  inBox: boolean;
  busy: boolean;
  picked: readonly string[];
  hidden: ReadonlySet<string>;
  onCancel: () => void;
  onUnpick: () => void;
  onHidden: (hidden: ReadonlySet<string>) => void;
  onUnbox: () => void;
}

/** See the module. */
export function ResultsBar(props: Props) {
  const { data, total, inBox, busy, picked, hidden, onCancel, onUnpick, onHidden, onUnbox } = props;
  const [a, b] = picked;
  const elapsed = useElapsed(busy);
  return (
    <div className={styles.heading}>
      <h1>Traces</h1>
      {total && (
        <span className="t2" role="status">
          {total.exact ? '' : 'at least '}
          {formatCount(total.value)}
          {inBox && ' in the box'}
        </span>
      )}
      {inBox && <IconButton size="small" icon={X} label="Take the box away" onClick={onUnbox} />}
      <span className="grow" />
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
      <ColumnsMenu hidden={hidden} onHidden={onHidden} />
      <DownloadMenu data={data} />
      <Link
        to="/file"
        className={classes(controls.button, controls.small, controls.ghost)}
        title="Look at traces of a file, without the server"
      >
        <Icon of={FileUp} />
        <span className="wide-only">Open a file</span>
      </Link>
    </div>
  );
}

function ColumnsMenu({ hidden, onHidden }: Pick<Props, 'hidden' | 'onHidden'>) {
  const { open, setOpen, rootRef, buttonRef, rootProps } = usePopover();
  return (
    <div ref={rootRef} className={classes(styles.menuHost, 'medium-only')} {...rootProps}>
      <Button
        ref={buttonRef}
        size="small"
        look="ghost"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon of={Columns3} />
        <span className="wide-only">Columns</span>
        <span className="sr">of the table</span>
      </Button>
      {open && (
        <div
          ref={keepInView}
          className={classes(controls.pop, styles.menu)}
          role="group"
          aria-label="Columns"
        >
          {OPTIONAL_COLUMNS.map(({ key, head }) => (
            <button
              key={key}
              type="button"
              aria-pressed={!hidden.has(key)}
              onClick={() => {
                const next = new Set(hidden);
                if (!next.delete(key)) next.add(key);
                onHidden(next);
              }}
            >
              <span className={styles.tick}>{!hidden.has(key) && <Icon of={Check} />}</span>
              {head}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function DownloadMenu({ data }: Pick<Props, 'data'>) {
  const { open, setOpen, close, rootRef, buttonRef, rootProps } = usePopover();
  const save = (as: 'csv' | 'json') => {
    close();
    if (data) download(data, as);
  };
  return (
    <div ref={rootRef} className={classes(styles.menuHost, 'medium-only')} {...rootProps}>
      <Button
        ref={buttonRef}
        size="small"
        look="ghost"
        aria-expanded={open}
        disabled={!data || data.traces.length === 0}
        onClick={() => setOpen(!open)}
      >
        <Icon of={Download} />
        <span className="wide-only">Download</span>
        <span className="sr">this page of results</span>
      </Button>
      {open && (
        <div
          ref={keepInView}
          className={classes(controls.pop, styles.menu)}
          role="group"
          aria-label="Download"
        >
          <button type="button" onClick={() => save('csv')}>
            CSV
          </button>
          <button type="button" onClick={() => save('json')}>
            JSON
          </button>
        </div>
      )}
    </div>
  );
}
