// The views that need the whole trace as it was sent: the log of all events, and the JSON itself.

import { Filter } from 'lucide-react';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';

import { serviceColor } from '../lib/service';
import { block, cut, formatBytes, formatCount, oneLine, plural } from '../lib/text';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { CopyButton } from '../ui/copy';
import { make, makeCell, makeRow } from './dom';
import { formatPosition } from './layout';
import { ListView } from './listView';
import { eventsOf, indentJson, lineAt, type EventLog } from './otlpText';
import { STATUS_ERROR } from './skeleton';
import type { TraceStore } from './store';
import { useStore } from './useStore';
import { useOtlp } from './useOtlp';
import styles from './views.module.css';
import type { ViewControl } from './views';

interface Props {
  store: TraceStore;
  onOpen: (row: number) => void;
  onMount: (view: ViewControl | undefined) => void;
}

/** Shows `children` of the text once it is here, and until then why it is not. */
function WithText({
  store,
  children,
}: {
  store: TraceStore;
  children: (text: string) => ReactNode;
}) {
  const { head } = store.skeleton;
  const { query, wait, go } = useOtlp(head.trace_id, head.span_count);
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (wait) {
    return (
      <div className={styles.state}>
        <p>This view needs all attributes of {plural(head.span_count, 'span')}.</p>
        <Button onClick={go}>Load them</Button>
      </div>
    );
  }
  if (query.isError) {
    return (
      <ErrorPanel
        what="The trace could not be loaded as OTLP JSON"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    );
  }
  return (
    <div className={styles.state} aria-busy="true">
      <p>Loading all attributes…</p>
    </div>
  );
}

/** All events of the trace by time. */
export function EventsView(props: Props) {
  const complete = useStore(props.store, ['rows'], (state) => state.complete);
  return (
    <div className={styles.view}>
      {complete && (
        <WithText store={props.store}>{(text) => <Events {...props} text={text} />}</WithText>
      )}
    </div>
  );
}

const EVENT_COLUMNS = ['Time', 'Service', 'Span', 'Event', 'Attributes'] as const;

function Events({ store, onOpen, onMount, text }: Props & { text: string }) {
  const [filter, setFilter] = useState('');
  const log = useMemo(() => readEvents(store, text), [store, text]);
  const shown = useMemo(
    () => (log instanceof Error ? new Uint32Array(0) : filterEvents(store, log, filter)),
    [store, log, filter],
  );
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current || log instanceof Error) return undefined;
    const list = new ListView(host.current, host.current.querySelector<HTMLElement>('[role=row]'), {
      count: () => shown.length,
      make: makeEventRow,
      write: (element, index) => writeEvent(element, store, log, shown[index] as number),
      onCursor: (index) => store.setCursor(log.row[shown[index] as number] as number),
      onOpen: (index) => onOpen(log.row[shown[index] as number] as number),
    });
    onMount(list);
    return () => {
      onMount(undefined);
      list.destroy();
    };
  }, [store, onOpen, onMount, log, shown]);
  if (log instanceof Error)
    return (
      <p className={styles.state} role="alert">
        The events could not be read: {oneLine(log.message)}
      </p>
    );
  return (
    <>
      <div className={styles.bar}>
        <div className={classes(controls.field, styles.filter)}>
          <Icon of={Filter} className="t3" />
          <input
            aria-label="Filter events"
            placeholder="Filter by service, name or attribute"
            autoComplete="off"
            spellCheck={false}
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        </div>
        <span className="t2" role="status">
          {shown.length === log.count
            ? plural(log.count, 'event')
            : `${formatCount(shown.length)} of ${plural(log.count, 'event')}`}
        </span>
      </div>
      <div
        ref={host}
        role="grid"
        tabIndex={0}
        aria-label="Events"
        aria-rowcount={shown.length + 1}
        className={classes(styles.list, styles.events)}
      >
        <div role="row" className={styles.head} aria-rowindex={1}>
          {EVENT_COLUMNS.map((label, i) => (
            <div key={label} role="columnheader" className={classes(i === 0 && styles.number)}>
              {label}
            </div>
          ))}
        </div>
      </div>
    </>
  );
}

function readEvents(store: TraceStore, text: string): EventLog | Error {
  try {
    return eventsOf(store.skeleton, text);
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}

/** Events of services that are on, in which every word of the filter stands. */
function filterEvents(store: TraceStore, log: EventLog, filter: string): Uint32Array {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const { skeleton, visible } = store;
  const found = new Uint32Array(log.count);
  let count = 0;
  for (let i = 0; i < log.count; i++) {
    const row = log.row[i] as number;
    if (visible.isContext(row)) continue;
    const text =
      words.length === 0
        ? ''
        : [skeleton.serviceName(row), skeleton.spanName(row), log.name[i], log.attributes[i]]
            .join(' ')
            .toLowerCase();
    if (words.every((word) => text.includes(word))) found[count++] = i;
  }
  return found.slice(0, count);
}

function makeEventRow(): HTMLElement {
  const row = makeRow(classes(styles.row, styles.eventRow));
  EVENT_COLUMNS.forEach((_, i) => makeCell(row, i === 0 ? styles.number : styles.text));
  return row;
}

function writeEvent(element: HTMLElement, store: TraceStore, log: EventLog, index: number): void {
  const { skeleton, full } = store;
  const row = log.row[index] as number;
  const isError =
    skeleton.columns.status[row] === STATUS_ERROR && /exception|error/i.test(log.name[index] ?? '');
  element.className = classes(styles.row, styles.eventRow, isError && styles.error);
  const [time, service, span, name, attributes] = [...element.children] as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  const text = (cell: HTMLElement, words: string): void => {
    const bdi = make('bdi');
    bdi.textContent = oneLine(words, 400);
    cell.replaceChildren(bdi);
  };
  time.textContent = formatPosition(log.time[index] as number, full.to / 1e6);
  const edge = make('i', styles.edge);
  edge.style.setProperty('--c', serviceColor(skeleton.serviceName(row)));
  text(service, skeleton.serviceName(row));
  service.prepend(edge);
  text(span, skeleton.spanName(row));
  text(name, log.name[index] || '(no name)');
  text(attributes, log.attributes[index] ?? '');
  attributes.classList.add('mono');
}

/** The trace as OTLP JSON, indented. */
export function JsonView(props: Props) {
  return (
    <div className={styles.view}>
      <WithText store={props.store}>{(text) => <JsonText {...props} text={text} />}</WithText>
    </div>
  );
}

/** Characters drawn of one line. */
const LINE_MAX = 2000;

function JsonText({ onMount, text }: Props & { text: string }) {
  const lines = useMemo(() => indentJson(text), [text]);
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return undefined;
    const list = new ListView(host.current, null, {
      count: () => lines.count,
      make: () => {
        const row = makeRow(styles.line);
        makeCell(row, styles.lineNumber);
        makeCell(row, styles.code);
        return row;
      },
      write: (element, index) => {
        const [number, code] = [...element.children] as [HTMLElement, HTMLElement];
        number.textContent = String(index + 1);
        writeLine(code, lineAt(lines, index));
      },
    });
    onMount(list);
    return () => {
      onMount(undefined);
      list.destroy();
    };
  }, [onMount, lines]);
  return (
    <>
      <div className={styles.bar}>
        <span className="t2">
          OTLP JSON, {formatBytes(text.length)}, {plural(lines.count, 'line')}
        </span>
        <span className="grow" />
        <CopyButton text={lines.text} label="Copy the JSON" words="Copy" look="plain" />
      </div>
      <div
        ref={host}
        role="grid"
        tabIndex={0}
        aria-label="OTLP JSON"
        aria-rowcount={lines.count}
        className={classes(styles.list, styles.json)}
      />
    </>
  );
}

/** A line with its key and its value told apart. */
function writeLine(cell: HTMLElement, line: string): void {
  const match = /^(\s*)("(?:[^"\\]|\\.)*")(: )([^]*)$/.exec(line);
  const part = (text: string, className?: string): HTMLElement => {
    const span = make('bdi', className);
    const isLong = text.length > LINE_MAX;
    span.textContent = isLong
      ? `${block(cut(text, LINE_MAX))}… ${formatBytes(text.length)}`
      : block(text);
    return span;
  };
  if (!match) {
    cell.replaceChildren(part(line, /^\s*"/.test(line) ? styles.string : undefined));
    return;
  }
  const [, indent = '', key = '', colon = '', value = ''] = match;
  cell.replaceChildren(
    indent,
    part(key, styles.key),
    colon,
    part(value, /^["[{]/.test(value) ? styles.string : styles.plain),
  );
}
