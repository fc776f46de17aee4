// Asks for the traces of a comparison that are not there yet.

import { Link, useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';

import { parseTraceId } from '../lib/traceId';
import { Page } from '../shell/pages';
import { StatusLine } from '../shell/StatusLine';
import { changed, type CompareSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { Button } from '../ui/controls';
import controls from '../ui/controls.module.css';
import styles from './compare.module.css';

/** See the module. */
export function Choose({ search }: { search: CompareSearch }) {
  const navigate = useNavigate({ from: '/compare' });
  const [typed, setTyped] = useState({ a: search.a ?? '', b: search.b ?? '' });
  const [message, setMessage] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const first = parseTraceId(typed.a);
    const second = parseTraceId(typed.b);
    if (!first.ok || !second.ok) {
      setMessage(
        first.ok ? (second.ok ? undefined : `B: ${second.message}`) : `A: ${first.message}`,
      );
      return;
    }
    void navigate({ search: changed(search, { a: first.traceId, b: second.traceId }) });
  };
  return (
    <Page title="Compare">
      <form className={shell.center} onSubmit={submit}>
        <h1 className={shell.big}>Compare two traces</h1>
        <p className={shell.lead}>
          Mark two traces in <Link to="/explore">Explore</Link>, or paste their ids here.
        </p>
        {(['a', 'b'] as const).map((side) => (
          <label key={side} className={styles.choose}>
            <b className={styles[side]}>{side.toUpperCase()}</b>
            <span className={controls.field}>
              <input
                className="mono"
                aria-label={`Trace ${side.toUpperCase()}`}
                placeholder="Trace id or traceparent"
                autoComplete="off"
                spellCheck={false}
                value={typed[side]}
                onChange={(event) => setTyped({ ...typed, [side]: event.target.value })}
              />
            </span>
          </label>
        ))}
        {message && (
          <p className="err" role="alert">
            {message}
          </p>
        )}
        <Button look="primary" size="tall" type="submit">
          Compare
        </Button>
      </form>
      <StatusLine idle="Nothing to compare yet" />
    </Page>
  );
}
