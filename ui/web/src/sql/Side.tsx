// What can be asked for: tables and columns, statements to start from, statements that were run.

import type { UseQueryResult } from '@tanstack/react-query';
import { Table2, X } from 'lucide-react';
import { useState } from 'react';

import { oneLine } from '../lib/text';
import { Button, Icon, IconButton, Tabs } from '../ui/controls';
import { EXAMPLES } from './examples';
import type { Entry } from './history';
import type { Schema, SchemaTable } from './schema';
import styles from './sql.module.css';

type Tab = 'tables' | 'examples' | 'history';

interface Props {
  schema: UseQueryResult<Schema>;
  history: readonly Entry[];
  onInsert: (text: string) => void;
  onRun: (text: string) => void;
  onForget: () => void;
  /** Only where the side lies over the statement. */
  onClose: () => void;
}

/** See the module. */
export function Side(props: Props) {
  const [tab, setTab] = useState<Tab>('tables');
  return (
    <aside className={styles.side} aria-label="Tables and statements">
      <div className={styles.sideTabs}>
        <Tabs
          id="side"
          label="Tables and statements"
          items={[
            { key: 'tables', label: 'Tables' },
            { key: 'examples', label: 'Examples' },
            { key: 'history', label: 'History' },
          ]}
          selected={tab}
          onSelect={setTab}
        />
        <span className="grow" />
        <IconButton
          className={styles.sideButton}
          size="small"
          icon={X}
          label="Close (Esc)"
          onClick={props.onClose}
        />
      </div>
      <div
        className={styles.sideBody}
        id="side-panel"
        role="tabpanel"
        aria-labelledby={`side-${tab}`}
        tabIndex={0}
      >
        {tab === 'tables' && <Tables {...props} />}
        {tab === 'examples' && (
          <ul>
            {EXAMPLES.map(({ title, text }) => (
              <Statement key={title} title={title} text={text} onRun={props.onRun} />
            ))}
          </ul>
        )}
        {tab === 'history' && <History {...props} />}
      </div>
    </aside>
  );
}

function Tables({ schema, onInsert }: Props) {
  if (schema.isError)
    return (
      <p className={styles.hint}>
        The tables could not be read.{' '}
        <Button size="small" onClick={() => void schema.refetch()}>
          Retry
        </Button>
      </p>
    );
  if (!schema.data) return <p className={styles.hint}>Reading the tables…</p>;
  return schema.data.tables.map((table, i) => (
    <TableEntry key={table.name} table={table} open={i === 0} onInsert={onInsert} />
  ));
}

function TableEntry(props: { table: SchemaTable; open: boolean; onInsert: Props['onInsert'] }) {
  const { table, open, onInsert } = props;
  return (
    <details className={styles.table} open={open}>
      <summary>
        <Icon of={Table2} />
        <span className="mono medium">{table.name}</span>
        <span className="t3">{table.columns.length}</span>
      </summary>
      <ul>
        {table.columns.map(({ name, type }) => (
          <li key={name}>
            <button type="button" title={`Insert ${name}`} onClick={() => onInsert(name)}>
              <span className="mono ell">{name}</span>
              <span className="t3">{type}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Statement(props: { title?: string; text: string; onRun: Props['onRun'] }) {
  const { title, text, onRun } = props;
  const short = oneLine(text.replace(/\s+/g, ' '), 140);
  return (
    <li className={styles.statement}>
      <button type="button" title="Run this statement" onClick={() => onRun(text)}>
        {title && <span className="medium">{title}</span>}
        <span className="mono t2">{short}</span>
      </button>
    </li>
  );
}

function History({ history, onRun, onForget }: Props) {
  if (history.length === 0)
    return (
      <p className={styles.hint}>Statements that you run are kept here, in this browser only.</p>
    );
  return (
    <>
      <ul>
        {history.map(({ text }) => (
          <Statement key={text} text={text} onRun={onRun} />
        ))}
      </ul>
      <p className={styles.hint}>
        <Button size="small" onClick={onForget}>
          Forget all
        </Button>
      </p>
    </>
  );
}
