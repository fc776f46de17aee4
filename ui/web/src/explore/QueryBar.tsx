// The query bar: chips while it rests, plain text while it is written, completion from what the data has, errors where they are.

import { useNavigate } from '@tanstack/react-router';
import { Search, X } from 'lucide-react';
import {
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type ClipboardEvent,
  type KeyboardEvent,
} from 'react';

import type { Selection } from '../api/queries';
import { tryRead } from '../language/check';
import { clauses, without } from '../language/edit';
import { QueryError } from '../language/tree';
import { plural } from '../lib/text';
import { parseTraceId } from '../lib/traceId';
import { classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { Chip } from './Chip';
import { applied, type Item } from './completion';
import { CompletionList } from './CompletionList';
import { history, remember } from './history';
import styles from './query.module.css';
import { useCompletion } from './useCompletion';

/** Id of the field, which `/` focuses. */
export const QUERY_FIELD = 'query';

interface Props {
  q: string;
  /** Time range that completion looks at. */
  range: Pick<Selection, 'start' | 'end'>;
  /** What is wrong with the query that was run. */
  problem: QueryError | undefined;
  onRun: (q: string) => void;
}

/** Forms that are an id and nothing else, whatever stands around them; base64 could be a word. */
const SURE_ID =
  /^(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:traceparent:\s*)?[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|https?:\S+\/traces?\/\S+)$/i;

/** The text as it is written, what is wrong with what was run, and what the keys do. */
function useBar({ q, range, problem, onRun }: Props) {
  const [draft, setDraft] = useState(q);
  const [base, setBase] = useState(q);
  const [wrong, setWrong] = useState<QueryError>();
  const [caret, setCaret] = useState(0);
  const [focused, setFocused] = useState(false);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  /** Place in the history, while it is walked. */
  const [past, setPast] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  /** Where the cursor goes after the text has been changed. */
  const next = useRef<number>(undefined);
  const navigate = useNavigate();
  if (base !== q) {
    setBase(q);
    setDraft(q);
    setWrong(undefined);
  }
  useLayoutEffect(() => {
    if (next.current === undefined) return;
    input.current?.setSelectionRange(next.current, next.current);
    setCaret(next.current);
    next.current = undefined;
  }, [draft]);
  const items = useCompletion(draft, caret, range, focused && open);

  const write = (text: string, at = text.length) => {
    next.current = at;
    setDraft(text);
    setCaret(at);
    setWrong(undefined);
    setActive(-1);
  };
  const jump = (text: string): boolean => {
    const id = parseTraceId(text);
    if (!id.ok) return false;
    const { traceId, spanId: span } = id;
    setDraft(q);
    void navigate({ to: '/trace/$traceId', params: { traceId }, search: span ? { span } : {} });
    return true;
  };
  const run = (text: string) => {
    const trimmed = text.trim();
    setOpen(false);
    setPast(-1);
    const read = tryRead(trimmed);
    if ('error' in read) {
      if (!/\s/.test(trimmed.replace(/^traceparent:\s*/i, '')) && jump(trimmed)) return;
      setWrong(read.error);
      return;
    }
    remember(trimmed);
    setDraft(trimmed);
    onRun(trimmed);
  };
  const choose = (item: Item) => {
    const { q: text, caret: at } = applied(draft, item);
    write(text, at);
    setOpen(true);
    input.current?.focus();
  };
  const walk = (step: number) => {
    const known = history();
    const place = Math.min(Math.max(past + step, -1), known.length - 1);
    setPast(place);
    setOpen(false);
    write(known[place] ?? q);
  };
  const onArrow = (step: number) => {
    const count = open ? items.length : 0;
    if (step < 0 && active < 0) return walk(1);
    if (step > 0 && past >= 0) return walk(-1);
    if (count === 0) return setOpen(true);
    // One step further than the first leads back to the text.
    setActive(Math.min(active + step, count - 1));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const chosen = open ? items[active] : undefined;
    if (isPlain && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      onArrow(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (chosen && isPlain) choose(chosen);
      else run(draft);
    } else if (event.key === 'Tab' && !event.shiftKey && open && (chosen ?? (draft && items[0]))) {
      const first = chosen ?? items[0];
      // Without a letter typed Tab leads on.
      if (!first || (!chosen && first.from === first.to)) return;
      event.preventDefault();
      choose(first);
    } else if (event.key === 'Escape') {
      if (open && items.length > 0) setOpen(false);
      else {
        write(q);
        input.current?.blur();
      }
      event.stopPropagation();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData.getData('text').trim();
    if (draft.trim() !== '' || !SURE_ID.test(text)) return;
    if (jump(text)) event.preventDefault();
  };
  const shownProblem = wrong ?? (draft === q ? problem : undefined);
  return {
    draft,
    caret,
    setCaret,
    focused,
    setFocused,
    open: focused && open && items.length > 0,
    setOpen,
    active,
    setActive,
    items,
    input,
    write,
    run,
    choose,
    onKeyDown,
    onPaste,
    problem: shownProblem,
    setWrong,
  };
}

/** See the module. */
export function QueryBar(props: Props) {
  const { q, onRun } = props;
  const id = useId();
  const bar = useBar(props);
  const { draft, focused, open, items, active, problem, input } = bar;
  const root = useRef<HTMLDivElement>(null);
  const parts = clauses(draft);
  const isResting = !focused && parts.length > 0 && !problem;
  return (
    <div
      ref={root}
      className={classes(styles.box, focused && styles.focused, problem && styles.wrong)}
      onBlur={(event) => {
        if (root.current?.contains(event.relatedTarget)) return;
        bar.setFocused(false);
        bar.setOpen(false);
        const read = tryRead(draft);
        if ('error' in read) bar.setWrong(read.error);
      }}
    >
      <Icon of={Search} className="t3" />
      <div className={styles.line}>
        {isResting && (
          <div className={styles.chips}>
            {parts.map((clause, place) => (
              <Chip
                key={`${place} ${clause.text}`}
                clause={clause}
                onRemove={() => onRun(without(q, place))}
              />
            ))}
          </div>
        )}
        <Text bar={bar} isResting={isResting} id={id} />
      </div>
      {parts.length > 1 && (
        <span className={classes('t3 wide-only', styles.count)}>
          {plural(parts.length, 'clause')}, all on one span
        </span>
      )}
      {draft !== '' && (
        <IconButton
          size="small"
          icon={X}
          label="Clear the query"
          onClick={() => {
            bar.write('');
            if (q === '') input.current?.focus();
            else onRun('');
          }}
        />
      )}
      {open && (
        <CompletionList
          id={`${id}-list`}
          anchor={`${id}-mark`}
          items={items}
          active={active}
          onActive={bar.setActive}
          onChoose={bar.choose}
        />
      )}
      {problem && !open && (
        <div id={`${id}-problem`} className={classes(controls.pop, styles.problem)} role="alert">
          <span className="err">{problem.message}</span>
          {problem.hint && <span className="t2">{sentence(problem.hint)}</span>}
        </div>
      )}
    </div>
  );
}

/** The field, and under it the same text with the wrong part underlined and a mark at the cursor. */
function Text({
  bar,
  isResting,
  id,
}: {
  bar: ReturnType<typeof useBar>;
  isResting: boolean;
  id: string;
}) {
  const { draft, problem, open, items, active, input } = bar;
  const mirror = useRef<HTMLDivElement>(null);
  const at = items[0]?.from ?? bar.caret;
  const follow = () => {
    if (mirror.current && input.current)
      mirror.current.style.transform = `translateX(${-input.current.scrollLeft}px)`;
  };
  useLayoutEffect(follow);
  return (
    <div className={classes(styles.text, isResting && styles.resting)}>
      <div className={styles.mirror} ref={mirror} aria-hidden="true">
        {problem ? <Underlined text={draft} at={problem.at} /> : draft.slice(0, at)}
        <span id={`${id}-mark`} />
      </div>
      <input
        id={QUERY_FIELD}
        ref={input}
        className="mono"
        role="combobox"
        aria-label="Query"
        aria-expanded={open}
        aria-controls={open ? `${id}-list` : undefined}
        aria-autocomplete="list"
        aria-activedescendant={open && items[active] ? `${id}-list-${active}` : undefined}
        aria-invalid={problem !== undefined}
        aria-describedby={problem && !open ? `${id}-problem` : undefined}
        placeholder="Find spans: service=cart error duration>250ms, or paste a trace id"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={draft}
        onChange={(event) => {
          bar.write(event.target.value, event.target.selectionStart ?? event.target.value.length);
          bar.setOpen(true);
        }}
        onSelect={(event) => bar.setCaret(event.currentTarget.selectionStart ?? 0)}
        onFocus={() => {
          bar.setFocused(true);
          bar.setOpen(true);
          if (isResting) toEnd(input.current);
        }}
        onClick={() => bar.setOpen(true)}
        onScroll={follow}
        onKeyDown={bar.onKeyDown}
        onPaste={bar.onPaste}
      />
    </div>
  );
}

/** A hint as a sentence of its own. */
const sentence = (hint: string): string => hint.charAt(0).toUpperCase() + hint.slice(1);

/** What is typed next stands behind the conditions, wherever between them the bar was pressed. */
function toEnd(field: HTMLInputElement | null): void {
  if (!field) return;
  const text = field.value;
  const move = () => field.value === text && field.setSelectionRange(text.length, text.length);
  move();
  // A press sets the cursor after the focus.
  requestAnimationFrame(move);
}

function Underlined({ text, at }: { text: string; at: number }) {
  const end = /^(?:"[^"]*"?|'[^']*'?|[^\s()]+|[()])/.exec(text.slice(at))?.[0].length ?? 0;
  const wrong = text.slice(at, at + end) || '\u00a0\u00a0';
  return (
    <>
      {text.slice(0, at)}
      <u>{wrong}</u>
      {text.slice(at + end)}
    </>
  );
}

/** The place that the server complains about: it counts bytes of UTF-8. */
export function problemOfServer(
  q: string,
  position: number | null,
  message: string,
  hint: string | null,
): QueryError | undefined {
  if (position === null) return undefined;
  const bytes = new TextEncoder().encode(q).slice(0, position);
  return new QueryError(new TextDecoder().decode(bytes).length, message, hint ?? '');
}
