// Saves a result as a file. The statement is run again in the form asked for: the server writes the file.

import { Download, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { askSql, type SqlForm } from '../api/sql';
import { ApiError } from '../api/errors';
import { saveAs } from '../ui/save';
import { Button, classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { keepInView, usePopover } from '../ui/usePopover';
import styles from './sql.module.css';

const FORMS: readonly { form: SqlForm; name: string; ending: string; note: string }[] = [
  { form: 'csv', name: 'CSV', ending: 'csv', note: 'for spreadsheets' },
  { form: 'json', name: 'JSON', ending: 'json', note: 'columns and rows' },
  { form: 'ndjson', name: 'NDJSON', ending: 'ndjson', note: 'one object a row' },
  { form: 'parquet', name: 'Parquet', ending: 'parquet', note: 'types as they are' },
  { form: 'arrow', name: 'Arrow', ending: 'arrows', note: 'IPC stream' },
];

/** See the module. */
export function DownloadMenu({ text, disabled }: { text: string; disabled: boolean }) {
  const { open, setOpen, close, rootRef, buttonRef, rootProps } = usePopover();
  const [busy, setBusy] = useState<string>();
  const [failed, setFailed] = useState<string>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const save = async ({ form, name, ending }: (typeof FORMS)[number]) => {
    close();
    setBusy(name);
    setFailed(undefined);
    const { signal } = (abort.current = new AbortController());
    try {
      const response = await askSql(text, form, signal);
      saveAs(await response.blob(), `clew-result.${ending}`);
    } catch (error) {
      if (signal.aborted) return;
      setFailed(error instanceof ApiError ? error.message : String(error));
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <div className={styles.anchor} ref={rootRef} {...rootProps}>
      <Button
        ref={buttonRef}
        aria-haspopup="menu"
        aria-expanded={open}
        disabled={disabled || busy !== undefined}
        onClick={() => setOpen(!open)}
      >
        <Icon of={Download} />
        {busy ? `Saving ${busy}…` : 'Download'}
      </Button>
      {busy && <IconButton icon={X} label="Cancel saving" onClick={() => abort.current?.abort()} />}
      {failed && (
        <span className={classes('err', styles.saveFailed)} role="alert">
          {failed}
        </span>
      )}
      {open && (
        <ul
          ref={keepInView}
          className={classes(controls.pop, styles.menu)}
          role="menu"
          aria-label="Form of the file"
        >
          {FORMS.map((entry, i) => (
            <li key={entry.form} role="none">
              <button
                type="button"
                role="menuitem"
                // The menu opens with its first entry chosen.
                // oxlint-disable-next-line jsx-a11y/no-autofocus -- focus moves into the menu that was asked for
                autoFocus={i === 0}
                onClick={() => void save(entry)}
                onKeyDown={(event) => step(event)}
              >
                <span className="medium">{entry.name}</span>
                <span className="t3">{entry.note}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Arrow keys move between the entries of a menu. */
function step(event: React.KeyboardEvent<HTMLButtonElement>): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (by === 0) return;
  event.preventDefault();
  const all = [...(event.currentTarget.closest('[role=menu]')?.querySelectorAll('button') ?? [])];
  const at = all.indexOf(event.currentTarget);
  all[(at + by + all.length) % all.length]?.focus();
}
