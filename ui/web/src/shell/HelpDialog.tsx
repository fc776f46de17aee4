// What the keys do, and the switch that turns single-letter keys off.

import { X } from 'lucide-react';
import { useEffect, useRef } from 'react';

import { IconButton, Kbd } from '../ui/controls';
import { setPreference, usePreferences } from './preferences';
import styles from './shell.module.css';

const KEYS: readonly { title: string; keys: readonly (readonly [what: string, keys: string])[] }[] =
  [
    {
      title: 'Anywhere',
      keys: [
        ['Explore', 'g e'],
        ['Services', 'g s'],
        ['Map', 'g m'],
        ['SQL', 'g q'],
        ['Status', 'g t'],
        ['UTC or local time', 'z'],
        ['Theme', '\\'],
        ['Commands', 'Ctrl K'],
        ['Copy a link to this page', 'y'],
        ['This help', '?'],
        ['Close', 'Esc'],
      ],
    },
    {
      title: 'Results',
      keys: [
        ['Query', '/'],
        ['Earlier query', '↑'],
        ['Time range', 't'],
        ['Box on the heatmap', 'b'],
        ['Zoom its time in, out', 'w s'],
        ['Move its time', 'a d'],
        ['Time from before zooming', '0'],
        ['Copy a link with a fixed range', 'y'],
        ['Next, previous trace', 'j k'],
        ['Open trace', '⏎'],
        ['Mark for comparison', 'x'],
        ['Compare the marked two', 'c'],
      ],
    },
    {
      title: 'Compare',
      keys: [
        ['Next, previous row', 'j k'],
        ['Close, open', 'h l'],
        ['Next, previous difference', 'n N'],
        ['Fold what is alike', 'f'],
        ['Swap A and B', 'x'],
      ],
    },
    {
      title: 'Services and map',
      keys: [
        ['Find a service', '/'],
        ['Ask again', 'r'],
        ['Drawing or list', 'v'],
        ['Larger, smaller', '+ -'],
      ],
    },
    {
      title: 'SQL',
      keys: [
        ['To the statement', '/'],
        ['Run', 'Ctrl ⏎'],
        ['Completion', 'Ctrl Space'],
        ['Move between cells', '↑ ↓ ← →'],
        ['Open the cell’s trace', '⏎'],
      ],
    },
    {
      title: 'Trace: rows',
      keys: [
        ['Next, previous row', 'j k'],
        ['Close or parent', 'h ←'],
        ['Open or first child', 'l →'],
        ['Next, previous sibling', 'J K'],
        ['Next, previous error', 'e E'],
        ['Collapse, expand a level', '[ ]'],
        ['Collapse, expand all', '{ }'],
        ['Fold repeats, or not', 'r'],
        ['Critical path, or not', 'c'],
        ['Waterfall, flame graph, …', '1 … 5'],
        ['Compare with another', 'x'],
        ['First, last row', 'Home End'],
        ['Span panel', '⏎'],
      ],
    },
    {
      title: 'Trace: time',
      keys: [
        ['Zoom in, out', 'w s'],
        ['Pan', 'a d'],
        ['Cut out idle time', 'i'],
        ['Fit span', '.'],
        ['Fit whole trace', '0'],
      ],
    },
    {
      title: 'Trace: find',
      keys: [
        ['Find: words or a query', 'f'],
        ['Next, previous match', 'n N'],
      ],
    },
  ];

/** See the module. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { singleKeys } = usePreferences();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className={styles.help} aria-labelledby="help-title" onClose={onClose}>
      <div className={styles.helpHead}>
        <h2 id="help-title">Keyboard</h2>
        <label className="row">
          <input
            type="checkbox"
            checked={singleKeys}
            onChange={(event) => setPreference('singleKeys', event.target.checked)}
          />
          Single-letter keys
        </label>
        <span className={styles.space} />
        <IconButton icon={X} label="Close (Esc)" onClick={() => dialog.current?.close()} />
      </div>
      <div className={styles.keys}>
        {KEYS.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <ul>
              {keys.map(([what, caps]) => (
                <li key={what}>
                  <span>{what}</span>
                  <span>
                    {caps.split(' ').map((cap) => (
                      <Kbd key={cap}>{cap}</Kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </dialog>
  );
}
