// One condition of the query while the bar rests: what it says, and a button that takes it away.

import { X } from 'lucide-react';

import type { Clause } from '../language/edit';
import { printSubject } from '../language/print';
import type { Node } from '../language/tree';
import { oneLine } from '../lib/text';
import { Icon } from '../ui/controls';
import styles from './query.module.css';

/** A condition in parts: negated or not, key, comparison, value; or its whole text. */
export function partsOf({ text, node }: Clause): {
  not: boolean;
  key?: string;
  op?: string;
  value: string;
} {
  const inner = (each: Node): { not: boolean; node: Node } => {
    if (each.is !== 'not') return { not: false, node: each };
    const deeper = inner(each.part);
    return { not: !deeper.not, node: deeper.node };
  };
  const { not, node: term } = inner(node);
  const rest = not ? text.replace(/^(?:not\b|-|!)\s*/i, '') : text;
  if (term.is !== 'term' || term.test.is !== 'compares' || term.subject.is === 'names')
    return { not, value: rest };
  const value = term.test.values.map((each) => each.text || '""').join(' | ');
  return { not, key: printSubject(term.subject), op: term.test.op, value };
}

/** What a condition says, without the button. */
export function ClauseText({ clause }: { clause: Clause }) {
  const { not, key, op, value } = partsOf(clause);
  return (
    <>
      {not && <span className={styles.not}>not</span>}
      <span className={styles.chipText}>
        {key !== undefined && (
          <>
            <bdi className="t2">{oneLine(key, 60)}</bdi>
            <b>{op}</b>
          </>
        )}
        <bdi className="ell">{oneLine(value, 80)}</bdi>
      </span>
    </>
  );
}

/** See the module. */
export function Chip({ clause, onRemove }: { clause: Clause; onRemove: () => void }) {
  return (
    <span className={styles.chip} title={oneLine(clause.text)}>
      <ClauseText clause={clause} />
      <button
        type="button"
        aria-label={`Remove ${oneLine(clause.text, 80)}`}
        onPointerDown={(event) => event.preventDefault()}
        onClick={onRemove}
      >
        <Icon of={X} />
      </button>
    </span>
  );
}
