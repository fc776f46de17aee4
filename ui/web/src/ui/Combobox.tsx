// A text field with a list of known values (ARIA combobox). What is typed counts even when the list does not know it:
// the list may be older than the data.

import { ChevronDown, X } from 'lucide-react';
import {
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactNode,
} from 'react';

import { oneLine, plural } from '../lib/text';
import styles from './combobox.module.css';
import controls from './controls.module.css';
import { classes, Icon } from './controls';

/** Options drawn at once; typing narrows the rest. */
const SHOWN_MAX = 200;

/** One value to choose. */
export interface Option {
  value: string;
  hint?: string;
}

interface Props {
  /** Id of the text field. */
  id?: string;
  label: string;
  placeholder: string;
  value: string;
  options: readonly Option[];
  /** Said instead of the list, while it is loading or when it could not be loaded. */
  note?: string | undefined;
  draw?: (option: Option) => ReactNode;
  onChange: (value: string) => void;
}

/** Options that contain `text`, the ones that start with it first. */
export function narrow(options: readonly Option[], text: string): Option[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [...options];
  const first: Option[] = [];
  const rest: Option[] = [];
  for (const option of options) {
    const at = option.value.toLowerCase().indexOf(wanted);
    if (at === 0) first.push(option);
    else if (at > 0) rest.push(option);
  }
  return [...first, ...rest];
}

/** See the module. */
export function Combobox({
  id: inputId,
  label,
  placeholder,
  value,
  options,
  note,
  draw,
  onChange,
}: Props) {
  const id = useId();
  const [typed, setTyped] = useState<string>();
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const root = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const found = useMemo(() => narrow(options, typed ?? ''), [options, typed]);
  const shown = found.slice(0, SHOWN_MAX);

  useEffect(() => {
    if (open && active >= 0)
      document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [open, active, id]);

  const settle = (next: string) => {
    setOpen(false);
    setTyped(undefined);
    setActive(-1);
    if (next !== value) onChange(next);
  };
  const show = () => {
    setOpen(true);
    setActive(typed ? 0 : shown.findIndex((option) => option.value === value));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (!open) show();
      else if (shown.length > 0) setActive((active + step + shown.length) % shown.length);
    } else if (event.key === 'Enter' && (open || typed !== undefined)) {
      event.preventDefault();
      settle((open ? shown[active]?.value : undefined) ?? typed?.trim() ?? value);
    } else if (event.key === 'Escape' && open) {
      event.stopPropagation();
      setOpen(false);
      setTyped(undefined);
    }
  };

  return (
    <div
      className={styles.box}
      ref={root}
      onBlur={(event) => {
        if (root.current?.contains(event.relatedTarget as Node | null)) return;
        settle(typed?.trim() ?? value);
      }}
    >
      <div className={controls.field}>
        <input
          id={inputId}
          ref={input}
          role="combobox"
          aria-label={label}
          aria-expanded={open}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={
            open && active >= 0 && shown[active] ? `${id}-${active}` : undefined
          }
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={typed ?? value}
          onChange={(event) => {
            setTyped(event.target.value);
            setActive(event.target.value.trim() === '' ? -1 : 0);
            setOpen(true);
          }}
          onClick={() => (open ? undefined : show())}
          onKeyDown={onKeyDown}
        />
        {value !== '' && typed === undefined ? (
          <button
            type="button"
            className={styles.clear}
            aria-label={`Clear ${label.toLowerCase()}`}
            onClick={() => settle('')}
          >
            <Icon of={X} />
          </button>
        ) : (
          <Icon of={ChevronDown} className="t3" />
        )}
      </div>
      <div hidden={!open} className={classes(controls.pop, styles.list)}>
        <div id={`${id}-list`} role="listbox" aria-label={label} className={styles.options}>
          {open &&
            shown.map((option, i) => (
              // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
              <div
                key={option.value + (option.hint ?? '')}
                id={`${id}-${i}`}
                role="option"
                tabIndex={-1}
                aria-selected={i === active}
                className={styles.option}
                onPointerMove={() => (i === active ? undefined : setActive(i))}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => {
                  settle(option.value);
                  input.current?.focus();
                }}
              >
                {draw ? draw(option) : <bdi className="ell mono">{oneLine(option.value)}</bdi>}
                {option.hint && <span className={styles.hint}>{option.hint}</span>}
              </div>
            ))}
        </div>
        {open && found.length > SHOWN_MAX && (
          <div className={styles.note}>
            {plural(found.length - SHOWN_MAX, 'more', 'more')}, keep typing
          </div>
        )}
        {open && found.length === 0 && (
          <div className={styles.note}>
            {note ?? (typed ? 'None known by this name. Enter uses it as typed.' : 'None yet')}
          </div>
        )}
      </div>
    </div>
  );
}
