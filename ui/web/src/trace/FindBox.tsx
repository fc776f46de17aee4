// Find in the trace by service or span name, with count and next and previous match.

import { ChevronDown, ChevronUp, Search, X } from 'lucide-react';
import type { KeyboardEvent } from 'react';

import { formatCount } from '../lib/text';
import { classes, Icon, IconButton } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { useStore, type Find, type TraceStore } from './store';
import styles from './trace.module.css';

/** Id of the field, which `f` focuses. */
export const FIND_FIELD = 'find';

function countText({ text, matches, at }: Find): string {
  if (text === '') return '';
  if (matches.length === 0) return 'none';
  const total = formatCount(matches.length);
  return at === -1 ? total : `${formatCount(at + 1)} of ${total}`;
}

/** See the module. */
export function FindBox({ store, focusGrid }: { store: TraceStore; focusGrid: () => void }) {
  const find = useStore(store, ['find'], ({ find: state }) => state);
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
  return (
    <div className={classes(controls.field, styles.find)} role="search" aria-label="Find in trace">
      <Icon of={Search} className="t3" />
      <input
        id={FIND_FIELD}
        aria-label="Find by service or span name"
        placeholder="Find by service or span name (f)"
        autoComplete="off"
        spellCheck={false}
        value={find.text}
        onChange={(event) => store.setFind(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <span className={styles.findCount} role="status" aria-label="Matches">
        {countText(find)}
      </span>
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
  );
}
