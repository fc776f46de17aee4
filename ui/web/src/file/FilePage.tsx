// Traces of a file, without the server: choose it, drop it, look at it.

import { Link, useNavigate } from '@tanstack/react-router';
import { FileUp, FolderOpen, TriangleAlert } from 'lucide-react';
import { useCallback, useEffect, useRef, useState, type DragEvent } from 'react';

import { ResultsTable } from '../explore/ResultsTable';
import { oneLine, plural } from '../lib/text';
import { Page } from '../shell/pages';
import shell from '../shell/shell.module.css';
import { useZone } from '../shell/useZone';
import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import styles from './file.module.css';
import type { Opened } from './open';
import { open, useOpened } from './opened';
import { shownTrace } from './shown';

/** Traces that are listed. */
const LISTED_MAX = 1000;

/** See the module. */
export function FilePage() {
  const state = useOpened();
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = useCallback(
    async (files: readonly File[]) => {
      const next = await open(files);
      const [only, ...others] = next.phase === 'open' ? next.opened.traces : [];
      if (only && others.length === 0)
        void navigate({ to: '/trace/$traceId', params: { traceId: only.trace_id } });
    },
    [navigate],
  );
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) void take(files);
    };
    window.addEventListener('paste', onPaste);
    return () => window.removeEventListener('paste', onPaste);
  }, [take]);
  const drop = {
    onDragOver: (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      void take([...event.dataTransfer.files]);
    },
  };
  return (
    <Page title="Open a file">
      <div className={styles.body} {...drop} data-over={over}>
        <div className={styles.zone} aria-busy={state.phase === 'reading'}>
          <span className={styles.sign}>
            <FileUp size={28} strokeWidth={1.4} aria-hidden="true" />
          </span>
          <div className={styles.words}>
            <h1 className={shell.big}>Open a file</h1>
            <p className={shell.lead}>
              Drop it anywhere here: OTLP JSON or protobuf, Jaeger JSON, Zipkin JSON, plain or gzip.
              It is read in this browser and never sent to the server.
            </p>
            <Button look="primary" size="tall" onClick={() => input.current?.click()}>
              <Icon of={FolderOpen} />
              Choose files
            </Button>
            <input
              ref={input}
              type="file"
              multiple
              className="sr"
              tabIndex={-1}
              aria-label="Files with traces"
              accept=".json,.ndjson,.jsonl,.pb,.bin,.proto,.otlp,.gz"
              onChange={(event) => {
                void take([...(event.target.files ?? [])]);
                event.target.value = '';
              }}
            />
          </div>
        </div>
        {state.phase === 'reading' && (
          <p className={styles.note} role="status">
            Reading{' '}
            {state.names.length === 1
              ? oneLine(state.names[0] ?? '', 80)
              : plural(state.names.length, 'file')}
            …
          </p>
        )}
        {state.phase === 'failed' && (
          <p className={classes(styles.note, 'err')} role="alert">
            <Icon of={TriangleAlert} /> {oneLine(state.message)}
          </p>
        )}
        {state.phase === 'open' && <Content opened={state.opened} />}
      </div>
      <footer className={shell.status} aria-label="Coverage of the answer">
        <span>
          {state.phase === 'open' ? plural(state.opened.traces.length, 'trace') : 'Nothing is open'}
        </span>
        <span className="medium-only">At most 256 MB and 500,000 spans</span>
      </footer>
    </Page>
  );
}

function Content({ opened }: { opened: Opened }) {
  const [zone] = useZone();
  const [picked, setPicked] = useState<readonly string[]>([]);
  const onPick = useCallback(
    (id: string) =>
      setPicked((old) =>
        old.includes(id) ? old.filter((one) => one !== id) : [...old.slice(0, 1), id],
      ),
    [],
  );
  const [a, b] = picked;
  const traces = opened.traces.slice(0, LISTED_MAX).map(shownTrace);
  const services = [...new Set(traces.flatMap((trace) => trace.services.map(({ name }) => name)))];
  return (
    <>
      <ul className={styles.files}>
        {opened.files.map(({ name, form, spans, skipped, problem }, i) => (
          <li key={`${i} ${name}`}>
            <bdi className="medium">{oneLine(name, 120)}</bdi>
            {problem ? (
              <span className="err" role="alert">
                <Icon of={TriangleAlert} /> {oneLine(problem)}
              </span>
            ) : (
              <span className="t2">
                {form}, {plural(spans, 'span')}
                {skipped > 0 && (
                  <b className="warn"> {plural(skipped, 'span')} without a valid id left out</b>
                )}
              </span>
            )}
          </li>
        ))}
      </ul>
      {a && b && (
        <p className={styles.note}>
          <Link
            to="/compare"
            search={{ a, b }}
            className={classes(controls.button, controls.primary)}
          >
            Compare the two
          </Link>
        </p>
      )}
      {traces.length > 0 && (
        <ResultsTable
          traces={traces}
          services={services}
          zone={zone}
          picked={picked}
          onPick={onPick}
          isFile
        />
      )}
      {opened.traces.length > traces.length && (
        <p className={styles.note}>
          The longest {traces.length.toLocaleString('en-US')} of{' '}
          {plural(opened.traces.length, 'trace')}.
        </p>
      )}
    </>
  );
}
