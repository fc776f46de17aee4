// Time zone of every time on the page: the browser's, UTC, or any other by name.

import { ChevronDown, Clock } from 'lucide-react';
import { useMemo } from 'react';

import { knownZone, zoneName, zoneNames, type Zone } from '../lib/zone';
import { Combobox } from '../ui/Combobox';
import { classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { keepInView, usePopover } from '../ui/usePopover';
import { nowNanos } from './now';
import styles from './shell.module.css';

/** See the module. */
export function ZoneSwitch({ zone, onChange }: { zone: Zone; onChange: (zone: Zone) => void }) {
  const { open, setOpen, close, rootRef, buttonRef, rootProps } = usePopover();
  const word = zone === 'local' ? 'Local' : zoneName(zone, 0n);
  return (
    <div className={styles.anchor} ref={rootRef} {...rootProps}>
      <button
        ref={buttonRef}
        type="button"
        className={classes(controls.button, controls.ghost)}
        aria-expanded={open}
        aria-label={`Time zone: ${word}`}
        title="Time zone (z: UTC or local)"
        onClick={() => setOpen(!open)}
      >
        <Icon of={Clock} />
        <span className={styles.zoneWord}>{word}</span>
        <Icon of={ChevronDown} className="t3" />
      </button>
      {open && (
        <div
          ref={keepInView}
          className={classes(controls.pop, styles.menu)}
          role="dialog"
          aria-label="Time zone"
        >
          <h2>Time zone</h2>
          <ZoneChoice
            zone={zone}
            onChange={(next) => {
              onChange(next);
              close();
            }}
          />
        </div>
      )}
    </div>
  );
}

/** The choice itself, for the switch and for the range picker. */
export function ZoneChoice({ zone, onChange }: { zone: Zone; onChange: (zone: Zone) => void }) {
  const options = useMemo(() => zoneNames().map((value) => ({ value })), []);
  const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const isNamed = zone !== 'utc' && zone !== 'local';
  return (
    <>
      <div
        className={classes(controls.segments, styles.wideSegments)}
        role="group"
        aria-label="Time zone"
      >
        <button
          type="button"
          aria-pressed={zone === 'local'}
          title={own}
          onClick={() => onChange('local')}
        >
          Local, {zoneName('local', nowNanos())}
        </button>
        <button type="button" aria-pressed={zone === 'utc'} onClick={() => onChange('utc')}>
          UTC
        </button>
      </div>
      <Combobox
        label="Time zone by name"
        placeholder="Another, such as Asia/Shanghai"
        value={isNamed ? zone : ''}
        options={options}
        onChange={(value) => {
          const known = value === '' ? 'local' : knownZone(value);
          if (known) onChange(known);
        }}
      />
    </>
  );
}
