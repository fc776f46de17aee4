// The time range: relative ones to choose, fixed ends to type, and the zone that they are in.

import { Check, ChevronDown, Clock } from 'lucide-react';
import { useId, useState } from 'react';

import {
  describeRange,
  pinned,
  PRESETS,
  resolveEnd,
  resolveRange,
  type RangeText,
} from '../lib/range';
import { formatInstant, zoneName, type Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import { ZoneChoice } from '../shell/ZoneSwitch';
import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { usePopover } from '../ui/usePopover';
import styles from './explore.module.css';

interface Props extends RangeText {
  zone: Zone;
  error: string | undefined;
  onZone: (zone: Zone) => void;
  onChange: (range: RangeText) => void;
}

/** See the module. */
export function RangePicker({ from, to, zone, error, onZone, onChange }: Props) {
  const { open, setOpen, close, rootRef, buttonRef, rootProps } = usePopover();
  const { label, length } = describeRange({ from, to }, zone, nowNanos());
  const choose = (range: RangeText) => {
    close();
    onChange(range);
  };
  return (
    <div className={styles.range} ref={rootRef} {...rootProps}>
      <button
        ref={buttonRef}
        type="button"
        className={classes(styles.rangeButton, error && controls.invalid)}
        aria-expanded={open}
        aria-label={`Time range: ${label}`}
        onClick={() => setOpen(!open)}
      >
        <Icon of={Clock} className="t3" />
        <span className="ell medium">{label}</span>
        {length && <span className="t3 wide-only">{length}</span>}
        <Icon of={ChevronDown} className="t3" />
      </button>
      {error && !open && (
        <div className={classes(controls.pop, styles.problem)} role="alert">
          {error}
        </div>
      )}
      {open && (
        <div className={classes(controls.pop, styles.picker)} role="dialog" aria-label="Time range">
          <Presets from={from} to={to} onChoose={choose} />
          <FixedRange from={from} to={to} zone={zone} onZone={onZone} onApply={choose} />
        </div>
      )}
    </div>
  );
}

function Presets({ from, to, onChoose }: RangeText & { onChoose: (range: RangeText) => void }) {
  const relativeTo = !to || to === 'now';
  const isPreset = relativeTo && PRESETS.some((preset) => preset.from === from);
  const isAll = !from && !to;
  return (
    <div className={styles.presets}>
      {PRESETS.map((preset) => (
        <button
          key={preset.from}
          type="button"
          aria-pressed={relativeTo && preset.from === from}
          onClick={() => onChoose({ from: preset.from })}
        >
          <span>{preset.label}</span>
          <span className="t3 mono">-{preset.short}</span>
        </button>
      ))}
      <button type="button" aria-pressed={isAll} onClick={() => onChoose({})}>
        All data
      </button>
      {!isPreset && !isAll && (
        <button type="button" aria-pressed="true" onClick={() => onChoose({ from, to })}>
          Fixed range <Icon of={Check} />
        </button>
      )}
    </div>
  );
}

/** What a field shows for an end of the range: relative text as it is, an instant in the zone. */
function shown(text: string | undefined, zone: Zone): string {
  if (!text || text.trim().startsWith('now')) return text ?? '';
  const instant = resolveEnd(text, nowNanos(), zone);
  return instant === undefined ? text : formatInstant(instant, zone, 3);
}

function FixedRange(
  props: RangeText & {
    zone: Zone;
    onZone: (zone: Zone) => void;
    onApply: (range: RangeText) => void;
  },
) {
  const { from, to, zone, onZone, onApply } = props;
  const id = useId();
  const [texts, setTexts] = useState({ from: shown(from, zone), to: shown(to, zone) });
  const [error, setError] = useState<string>();
  const changeZone = (next: Zone) => {
    // The instants stay; what the fields show moves with the zone.
    const move = (text: string): string => {
      const instant = text.trim().startsWith('now')
        ? undefined
        : resolveEnd(text, nowNanos(), zone);
      return instant === undefined ? text : formatInstant(instant, next, 3);
    };
    setTexts({ from: move(texts.from), to: move(texts.to) });
    onZone(next);
  };
  const apply = (text: RangeText) => {
    const resolved = resolveRange(text, nowNanos(), zone);
    if (!resolved.ok) {
      setError(resolved.message);
      return;
    }
    const fixed = (raw: string | undefined, ns: bigint | undefined): string | undefined =>
      raw?.trim().startsWith('now') ? raw.trim() : ns?.toString();
    const { start, end } = resolved.range;
    onApply({ from: fixed(text.from, start), to: fixed(text.to, end) });
  };
  const field = (name: 'from' | 'to', label: string, empty: string) => (
    <label className={styles.labelled}>
      {label}
      <span className={classes(controls.field, error && controls.invalid)}>
        <input
          value={texts[name]}
          placeholder={empty}
          aria-describedby={error ? id : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            setTexts({ ...texts, [name]: event.target.value });
            setError(undefined);
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            apply(texts);
          }}
        />
        <span className="t3">{zoneName(zone, nowNanos())}</span>
      </span>
    </label>
  );
  return (
    <div className={styles.custom}>
      {field('from', 'From', '2023-01-29 08:42:00 or now-2h')}
      {field('to', 'To', 'now')}
      <div className={styles.labelled}>
        Time zone
        <ZoneChoice zone={zone} onChange={changeZone} />
      </div>
      {error && (
        <p id={id} className="err" role="alert">
          {error}
        </p>
      )}
      <div className={styles.pickerEnd}>
        <span className="grow" />
        <Button
          size="small"
          look="ghost"
          title="Fix a relative range to the instants it covers now"
          onClick={() => apply(pinned(texts, nowNanos(), zone))}
        >
          Pin
        </Button>
        <Button size="small" look="primary" onClick={() => apply(texts)}>
          Apply
        </Button>
      </div>
    </div>
  );
}
