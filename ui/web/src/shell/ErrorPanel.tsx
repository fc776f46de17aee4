// A failed request: what went wrong, what to do, and another try in place.

import { KeyRound, RotateCw, TriangleAlert } from 'lucide-react';
import { useState, type FormEvent, type ReactNode } from 'react';

import { token } from '../api/client';
import { ApiError } from '../api/errors';
import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { CopyButton } from '../ui/copy';
import styles from './shell.module.css';

interface Props {
  error: unknown;
  onRetry: () => void;
  /** What could not be done, as a short sentence. */
  what: string;
  /** More ways out. */
  children?: ReactNode;
}

/** See the module. */
export function ErrorPanel({ error, onRetry, what, children }: Props) {
  if (error instanceof ApiError && error.kind === 'unauthorized') {
    return <TokenForm error={error} onRetry={onRetry} />;
  }
  const known = error instanceof ApiError ? error : undefined;
  const message = known?.message ?? String(error);
  const code = known ? `${known.code}${known.status ? `, HTTP ${known.status}` : ''}` : 'internal';
  return (
    <div className={styles.failure} role="alert">
      <Icon of={TriangleAlert} />
      <h2>{what}</h2>
      <p>{asSentence(message)}</p>
      {known?.hint && <p>{asSentence(known.hint)}</p>}
      <p className="mono t3">{code}</p>
      <div className={styles.actions}>
        <Button look="primary" onClick={onRetry}>
          <Icon of={RotateCw} />
          Retry
        </Button>
        {children}
        <CopyButton
          size="normal"
          label="Copy the error"
          words="Copy details"
          text={() => `${what}\n${message}\n${known?.hint ?? ''}\n${code}\n${location.href}`}
        />
      </div>
    </div>
  );
}

/** The API's texts begin small, so that they can stand after others. */
function asSentence(text: string): string {
  return /^[a-z]+(?=[\s,.:]|$)/.test(text) ? text.slice(0, 1).toUpperCase() + text.slice(1) : text;
}

function TokenForm({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const [value, setValue] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (value.trim() === '') return;
    token.set(value.trim());
    onRetry();
  };
  return (
    <form className={styles.failure} onSubmit={submit}>
      <Icon of={KeyRound} />
      <h2>
        {error.status === 403 ? 'This token may not read traces' : 'This server wants a token'}
      </h2>
      <p>
        {error.hint ??
          'Use the query token from the server’s configuration. It is kept in this tab only.'}
      </p>
      <div className={styles.actions}>
        <div className={classes(controls.field, 'grow')}>
          <input
            type="password"
            aria-label="Token"
            autoComplete="current-password"
            value={value}
            onChange={(event) => setValue(event.target.value)}
          />
        </div>
        <Button look="primary" size="tall" type="submit">
          Continue
        </Button>
      </div>
    </form>
  );
}
