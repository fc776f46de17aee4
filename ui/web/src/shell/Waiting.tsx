// What stands where an answer is on its way: from one second on how long it has taken and a way to give up, from ten on
// what would make it quicker.

import { Button } from '../ui/controls';
import styles from './shell.module.css';
import { formatMs } from './StatusLine';
import { useElapsed } from './useElapsed';

const TOLD_MS = 1_000;
const LONG_MS = 10_000;

/** See the module. `what` is said from the start; `advice` when it takes long. */
export function Waiting(props: { what: string; advice?: string; onCancel: () => void }) {
  const { what, advice, onCancel } = props;
  const elapsed = useElapsed(true);
  return (
    <p className={styles.wait}>
      <span className="t2">{what}</span>
      {elapsed >= TOLD_MS && (
        <>
          <span className="t2" role="timer" aria-label="Time so far">
            {formatMs(elapsed)}
          </span>
          <Button size="small" onClick={onCancel}>
            Cancel
          </Button>
        </>
      )}
      {elapsed >= LONG_MS && advice && <span className="t2">{advice}</span>}
    </p>
  );
}
