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

/** What is typed, whether the list is open, and which option is lit. */
function useCombobox({ value, options, onChange }: Pick<Props, 'value' | 'options' | 'onChange'>) {
  const [typed, setTyped] = useState<string>();
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const found = useMemo(() => narrow(options, typed ?? ''), [options, typed]);
  const shown = found.slice(0, SHOWN_MAX);

  const settle = (next: string) => {
    setOpen(false);
    setTyped(undefined);
    setActive(-1);
    if (next !== value) onChange(next);
  };
  const show = () => {
    if (open) return;
    setOpen(true);
    setActive(typed ? 0 : shown.findIndex((option) => option.value === value));
  };
  const type = (text: string) => {
    setTyped(text);
    setActive(text.trim() === '' ? -1 : 0);
    setOpen(true);
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
  return { typed, open, active, setActive, found, shown, settle, show, type, onKeyDown };
}

/** See the module. */
export function Combobox(props: Props) {
  const { id: inputId, label, placeholder, value } = props;
  const id = useId();
  const box = useCombobox(props);
  const { typed, open, active, shown, settle } = box;
  const root = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const choose = (chosen: string) => {
    settle(chosen);
    input.current?.focus();
  };
  return (
    <div
      className={styles.box}
      ref={root}
      onBlur={(event) => {
        if (!root.current?.contains(event.relatedTarget)) settle(typed?.trim() ?? value);
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
          aria-activedescendant={open && shown[active] ? `${id}-${active}` : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={typed ?? value}
          onChange={(event) => box.type(event.target.value)}
          onClick={box.show}
          onKeyDown={box.onKeyDown}
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
      <OptionList {...props} id={id} box={box} onChoose={choose} />
    </div>
  );
}

type ListProps = Pick<Props, 'label' | 'note' | 'draw'> & {
  id: string;
  box: ReturnType<typeof useCombobox>;
  onChoose: (value: string) => void;
};

function OptionList({ id, label, note, draw, box, onChoose }: ListProps) {
  const { open, active, setActive, shown, found, typed } = box;
  useEffect(() => {
    if (open && active >= 0)
      document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [open, active, id]);
  const none = typed ? 'None known by this name. Enter uses it as typed.' : 'None yet';
  return (
    <div hidden={!open} className={classes(controls.pop, styles.list)}>
      <div id={`${id}-list`} role="listbox" aria-label={label} className={styles.options}>
        {open &&
          shown.map((option, i) => (
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
            <div
              key={option.value}
              id={`${id}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === active}
              className={styles.option}
              onPointerMove={() => (i === active ? undefined : setActive(i))}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => onChoose(option.value)}
            >
              {draw ? draw(option) : <bdi className="ell mono">{oneLine(option.value)}</bdi>}
              {option.hint && <span className={styles.hint}>{option.hint}</span>}
            </div>
          ))}
      </div>
      {open && found.length > shown.length && (
        <div className={styles.note}>
          {plural(found.length - shown.length, 'more', 'more')}, keep typing
        </div>
      )}
      {open && found.length === 0 && <div className={styles.note}>{note ?? none}</div>}
    </div>
  );
}
