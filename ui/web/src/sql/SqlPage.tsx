// Questions in SQL: the statement above, the answer below, what can be asked for at the side.

import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Play, Square, Table2 } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';

import { ApiError } from '../api/errors';
import { formatBytes, formatCount, plural } from '../lib/text';
import { ErrorPanel } from '../shell/ErrorPanel';
import { Page } from '../shell/pages';
import { changed, type SqlSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { formatMs, StatusLine } from '../shell/StatusLine';
import { useElapsed } from '../shell/useElapsed';
import { useZone } from '../shell/useZone';
import { Button, classes, Icon, Kbd, Tabs } from '../ui/controls';
import { CopyButton } from '../ui/copy';
import { DownloadMenu } from './Download';
import { SqlEditor } from './editor';
import { EXAMPLES } from './examples';
import { readHistory, withEntry, writeHistory } from './history';
import { lineColumn, markAt, offsetOfByte } from './position';
import { ResultChart, ResultTable } from './Results';
import { schemaQuery } from './schema';
import { Side } from './Side';
import styles from './sql.module.css';
import { useRun, type Done, type RunState } from './useRun';

const FIRST = EXAMPLES[0]?.text ?? '';

/** Id of the button that shows tables, examples and history on narrow screens. */
const SIDE_BUTTON = 'side-button';

/** See the module. */
export function SqlPage() {
  const search = useSearch({ from: '/sql' });
  const navigate = useNavigate({ from: '/sql' });
  const [editor, setEditor] = useState<SqlEditor>();
  const { state, run, cancel } = useRun();
  const [history, setHistory] = useState(readHistory);
  const [showsSide, setShowsSide] = useState(false);
  const schema = useQuery(schemaQuery());
  const latest = useRef<() => void>(() => undefined);
  const asked = useRef<string>(undefined);

  const start = useCallback(
    (text: string) => {
      const entries = withEntry(readHistory(), text, Date.now());
      writeHistory(entries);
      setHistory(entries);
      asked.current = text;
      run(text);
    },
    [run],
  );
  const runText = (given?: string) => {
    const text = (given ?? editor?.text ?? '').trim();
    if (text === '') return;
    if (given !== undefined) editor?.setText(given);
    editor?.mark(undefined);
    start(text);
    if (text !== search.q) void navigate({ search: (previous) => ({ ...previous, q: text }) });
  };
  useEffect(() => {
    latest.current = () => runText();
  });
  // The address says what is asked: on opening it, and when history moves.
  useEffect(() => {
    if (!editor || search.q === undefined || search.q === asked.current) return;
    editor.setText(search.q);
    start(search.q);
  }, [editor, search.q, start]);
  useEffect(() => {
    if (editor && schema.data) editor.setSchema(schema.data);
  }, [editor, schema.data]);
  useShortcuts({
    '/': () => editor?.focus(),
    Escape: () => {
      if (!showsSide) return false;
      setShowsSide(false);
      document.getElementById(SIDE_BUTTON)?.focus();
      return undefined;
    },
  });
  const runLatest = useCallback(() => latest.current(), []);

  return (
    <Page title="SQL" className={styles.page}>
      <h1 className="sr">SQL</h1>
      <div className={styles.layout} data-side={showsSide}>
        <Side
          schema={schema}
          history={history}
          onInsert={(text) => {
            setShowsSide(false);
            editor?.insert(text);
          }}
          onRun={(text) => {
            setShowsSide(false);
            runText(text);
          }}
          onClose={() => setShowsSide(false)}
          onForget={() => {
            writeHistory([]);
            setHistory([]);
          }}
        />
        <div className={styles.work}>
          <EditorPane initial={search.q ?? FIRST} onMount={setEditor} onRun={runLatest} />
          <Tools
            state={state}
            search={search}
            showsSide={showsSide}
            onSide={() => setShowsSide(!showsSide)}
            onRun={() => runText()}
            onCancel={cancel}
            onView={(view) =>
              void navigate({
                search: (old) => changed(old, { view: view === 'chart' ? view : undefined }),
                replace: true,
              })
            }
          />
          <Answer state={state} search={search} editor={editor} onRetry={() => runText()} />
        </div>
      </div>
      <Bottom state={state} />
    </Page>
  );
}

function EditorPane(props: {
  initial: string;
  onMount: (editor: SqlEditor | undefined) => void;
  onRun: () => void;
}) {
  const { onMount, onRun } = props;
  const host = useRef<HTMLDivElement>(null);
  const initial = useRef(props.initial);
  useEffect(() => {
    if (!host.current) return undefined;
    const editor = new SqlEditor(host.current, initial.current, {
      onChange: (text) => (initial.current = text),
      onRun,
    });
    onMount(editor);
    return () => {
      onMount(undefined);
      editor.destroy();
    };
  }, [onMount, onRun]);
  return <div ref={host} className={styles.editor} data-editor="sql" />;
}

interface ToolsProps {
  state: RunState;
  search: SqlSearch;
  showsSide: boolean;
  onSide: () => void;
  onRun: () => void;
  onCancel: () => void;
  onView: (view: 'table' | 'chart') => void;
}

function Tools({ state, search, showsSide, onSide, onRun, onCancel, onView }: ToolsProps) {
  const running = state.phase === 'running';
  const elapsed = useElapsed(running);
  return (
    <div className={styles.tools}>
      <Button look="primary" onClick={onRun} title="Run the statement (Ctrl+Enter)">
        <Icon of={Play} />
        Run
      </Button>
      {running ? (
        <>
          <Button onClick={onCancel}>
            <Icon of={Square} />
            Cancel
          </Button>
          <span className="t2" role="timer" aria-label="Time so far">
            {(elapsed / 1000).toFixed(1)} s
          </span>
        </>
      ) : (
        <span className="row t3 wide-only">
          <Kbd>Ctrl</Kbd>
          <Kbd>⏎</Kbd>
        </span>
      )}
      <Button
        id={SIDE_BUTTON}
        className={styles.sideButton}
        aria-expanded={showsSide}
        onClick={onSide}
      >
        <Icon of={Table2} />
        Tables
      </Button>
      <span className="grow" />
      <Tabs
        id="sql"
        label="View of the result"
        items={[
          { key: 'table', label: 'Table' },
          { key: 'chart', label: 'Chart' },
        ]}
        selected={search.view === 'chart' ? 'chart' : 'table'}
        onSelect={onView}
      />
      <CopyButton
        size="normal"
        look="plain"
        label="Copy the address of this statement"
        words="Copy link"
        text={() => location.href}
      />
      <DownloadMenu text={search.q ?? ''} disabled={state.phase !== 'done'} />
    </div>
  );
}

interface AnswerProps {
  state: RunState;
  search: SqlSearch;
  editor: SqlEditor | undefined;
  onRetry: () => void;
}

function Answer({ state, search, editor, onRetry }: AnswerProps) {
  const [zone] = useZone();
  const done: Done | undefined =
    state.phase === 'done' ? state : state.phase === 'running' ? state.previous : undefined;
  const busy = state.phase === 'running';
  const view = search.view === 'chart' ? 'chart' : 'table';
  return (
    <div
      id="sql-panel"
      role="tabpanel"
      aria-labelledby={`sql-${view}`}
      aria-busy={busy}
      className={classes(styles.answer, busy && done && styles.dimmed)}
    >
      {busy && <div className={styles.progress} />}
      {state.phase === 'idle' && <Idle />}
      {state.phase === 'cancelled' && (
        <p className={styles.hint}>
          Cancelled after {formatMs(state.elapsedMs)}. <Button onClick={onRetry}>Run again</Button>
        </p>
      )}
      {state.phase === 'failed' && (
        <Failure text={state.text} error={state.error} editor={editor} onRetry={onRetry} />
      )}
      {done?.truncatedBy && (
        <div className={shell.banner} role="status">
          <span>
            <b>Cut off</b> after {plural(done.result.rowCount, 'row')}: the limit on{' '}
            {done.truncatedBy} was reached. Add a LIMIT, or aggregate.
          </span>
        </div>
      )}
      {done &&
        (view === 'chart' ? (
          <ResultChart result={done.result} zone={zone} />
        ) : (
          <ResultTable result={done.result} zone={zone} />
        ))}
    </div>
  );
}

function Idle() {
  return (
    <p className={styles.hint}>
      Only reading statements run here: SELECT, WITH, VALUES and EXPLAIN. The answer stands here.
    </p>
  );
}

function Failure(props: {
  text: string;
  error: unknown;
  editor: SqlEditor | undefined;
  onRetry: () => void;
}) {
  const { text, error, editor, onRetry } = props;
  const bytes = error instanceof ApiError ? error.position : null;
  const at = bytes === null ? undefined : offsetOfByte(text, bytes);
  useEffect(() => {
    // The text may have been changed since it was sent; then the place would be another.
    if (at === undefined || !editor || editor.text.trim() !== text) return;
    const shift = editor.text.indexOf(text);
    const mark = markAt(text, at);
    editor.mark(mark && { from: mark.from + shift, to: mark.to + shift });
  }, [editor, text, at]);
  const place = at === undefined ? undefined : lineColumn(text, at);
  return (
    <ErrorPanel what="The statement could not be run" error={error} onRetry={onRetry}>
      {place && at !== undefined && (
        <Button onClick={() => editor?.goTo(at)}>
          Go to line {place.line}, column {place.column}
        </Button>
      )}
    </ErrorPanel>
  );
}

function Bottom({ state }: { state: RunState }) {
  const done = state.phase === 'done' ? state : undefined;
  const coverage = done && {
    complete: done.truncatedBy === undefined,
    segments_total: 0,
    segments_read: 0,
    reasons: [],
    elapsed_ms: done.elapsedMs,
  };
  if (state.phase === 'idle' || state.phase === 'cancelled') {
    return (
      <footer className={shell.status} aria-label="Coverage of the answer">
        <span>{state.phase === 'idle' ? 'Nothing asked yet' : 'Cancelled'}</span>
      </footer>
    );
  }
  return (
    <StatusLine
      coverage={coverage}
      failed={state.phase === 'failed'}
      facts={
        done && (
          <>
            <span role="status">{plural(done.result.rowCount, 'row')}</span>
            <span className="wide-only">
              {formatCount(done.result.columns.length)} columns, {formatBytes(done.bytes)}
            </span>
          </>
        )
      }
    />
  );
}
