// Find in the trace: words or a query, with count, next and previous match, and what became of the question.

import {
  ChevronDown,
  ChevronUp,
  ListFilter,
  LoaderCircle,
  Search,
  TriangleAlert,
  X,
} from 'lucide-react';
import { useId, type KeyboardEvent } from 'react';

import { formatCount } from '../lib/text';
import { Button, classes, Icon, IconButton, Tag } from '../ui/controls';
import controls from '../ui/controls.module.css';
import type { TraceStore } from './store';
import { type Find } from './finding';
import { useStore } from './useStore';
import styles from './trace.module.css';

/** Id of the field, which `f` focuses. */
export const FIND_FIELD = 'find';

function countText({ text, matches, at, state }: Find): string {
  if (text === '') return '';
  if (matches.length === 0) return state === 'asking' ? '' : 'none';
  const total = `${formatCount(matches.length)} matched`;
  return at === -1 ? total : `${formatCount(at + 1)} of ${total}`;
}

/** See the module. */
export function FindBox({ store, focusGrid }: { store: TraceStore; focusGrid: () => void }) {
  const find = useStore(store, ['find'], ({ find: state }) => state);
  const only = useStore(store, ['options'], ({ onlyMatches }) => onlyMatches);
  const noteId = useId();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      store.moveToMatch(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (find.text) store.setFind('');
      else focusGrid();
    }
  };
  const note = noteOf(find);
  return (
    <div className={styles.findAnchor}>
      <div
        className={classes(controls.field, styles.find)}
        role="search"
        aria-label="Find in trace"
        aria-busy={find.state === 'asking'}
      >
        <Icon
          of={
            find.state === 'asking'
              ? LoaderCircle
              : find.state === 'failed'
                ? TriangleAlert
                : Search
          }
          className={find.state === 'failed' ? 'err' : 't3'}
        />
        <input
          id={FIND_FIELD}
          aria-label="Find in all spans: words, or a query"
          aria-describedby={note ? noteId : undefined}
          placeholder="Find: words, or http.status_code>=500 (f)"
          autoComplete="off"
          spellCheck={false}
          value={find.text}
          onChange={(event) => store.setFind(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {find.readAs === 'query' && <Tag title="Read as a query, as in Explore">query</Tag>}
        <span className={styles.findCount} role="status" aria-label="Matches">
          {countText(find)}
        </span>
        {find.text !== '' && (
          <IconButton
            size="small"
            icon={ListFilter}
            label="Only matches"
            aria-pressed={only}
            className={classes(only && styles.pressed)}
            disabled={find.matches.length === 0 && !only}
            onClick={() => store.setOnlyMatches(!only)}
          />
        )}
        {find.text !== '' && (
          <IconButton size="small" icon={X} label="Clear" onClick={() => store.setFind('')} />
        )}
        <IconButton
          size="small"
          icon={ChevronUp}
          label="Previous match (N)"
          disabled={find.matches.length === 0}
          onClick={() => store.moveToMatch(-1)}
        />
        <IconButton
          size="small"
          icon={ChevronDown}
          label="Next match (n)"
          disabled={find.matches.length === 0}
          onClick={() => store.moveToMatch(1)}
        />
      </div>
      {note && (
        <div id={noteId} className={classes(controls.pop, styles.findNote)} role="status">
          <span>{note}</span>
          {find.state === 'failed' && (
            <Button size="small" onClick={() => store.retryFind()}>
              Retry
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** What the reader should know about the matches. */
function noteOf({ state, readAs, note }: Find): string | undefined {
  if (state === 'failed') return `Only services and names were looked through: ${note}`;
  if (note === undefined || state === 'asking') return undefined;
  return readAs === 'text' ? `Looked for as plain words, for it is no query: ${note}` : note;
}
