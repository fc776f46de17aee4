// The field that takes a pasted trace id, in whatever form, and goes there.

import { useNavigate } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import { useId, useRef, useState, type FormEvent } from 'react';

import { parseTraceId } from '../lib/traceId';
import { classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import styles from './shell.module.css';

/** See the module. */
export function TraceJump() {
  const [error, setError] = useState<string>();
  const input = useRef<HTMLInputElement>(null);
  const errorId = useId();
  const navigate = useNavigate();

  const go = (event: FormEvent) => {
    event.preventDefault();
    const text = input.current?.value ?? '';
    if (text.trim() === '') return;
    const parsed = parseTraceId(text);
    if (!parsed.ok) {
      setError(parsed.message);
      return;
    }
    if (input.current) input.current.value = '';
    input.current?.blur();
    const { traceId, spanId } = parsed;
    void navigate({
      to: '/trace/$traceId',
      params: { traceId },
      search: spanId ? { span: spanId } : {},
    });
  };

  return (
    <form className={styles.jump} role="search" aria-label="Trace by id" onSubmit={go}>
      <div className={classes(controls.field, styles.jumpField, error && controls.invalid)}>
        <Icon of={Search} className="t3" />
        <input
          ref={input}
          aria-label="Trace id"
          aria-invalid={error !== undefined}
          aria-describedby={error ? errorId : undefined}
          placeholder="Trace id or traceparent"
          autoComplete="off"
          spellCheck={false}
          onChange={() => setError(undefined)}
          onBlur={() => setError(undefined)}
        />
      </div>
      {error && (
        <div id={errorId} className={classes(controls.pop, styles.jumpError)} role="alert">
          {error}
        </div>
      )}
    </form>
  );
}
