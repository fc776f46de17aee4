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
import { formatInstant, zoneName, type Nanos, type Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import { ZoneChoice } from '../shell/ZoneSwitch';
import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { keepInView, usePopover } from '../ui/usePopover';
import styles from './range.module.css';

/** Id of the button, which a key presses. */
export const RANGE_BUTTON = 'range';

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
        id={RANGE_BUTTON}
        ref={buttonRef}
        type="button"
        className={classes(styles.button, error && controls.invalid)}
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
        <div
          ref={keepInView}
          className={classes(controls.pop, styles.picker)}
          role="dialog"
          aria-label="Time range"
        >
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

/** An instant as a field shows it: milliseconds, or more digits where there are more. */
function editable(instant: Nanos, zone: Zone): string {
  return formatInstant(instant, zone, 9).replace(/(\.\d{3}\d*?)0*$/, '$1');
}

const isNow = (text: string | undefined): boolean => /^\s*now/.test(text ?? '');

/** What a field shows for an end of the range: relative text as it is, an instant in the zone. */
function shown(text: string | undefined, zone: Zone): string {
  if (!text || isNow(text)) return text ?? '';
  const instant = resolveEnd(text, nowNanos(), zone);
  return instant === undefined ? text : editable(instant, zone);
}

/** What the URL says for an end that was typed: relative text as it is, an instant in nanoseconds. */
function written(text: string | undefined, instant: Nanos | undefined): string | undefined {
  return isNow(text) ? text?.trim() : instant?.toString();
}

interface FixedProps extends RangeText {
  zone: Zone;
  onZone: (zone: Zone) => void;
  onApply: (range: RangeText) => void;
}

function FixedRange({ from, to, zone, onZone, onApply }: FixedProps) {
  const id = useId();
  const [texts, setTexts] = useState({ from: shown(from, zone), to: shown(to, zone) });
  const [error, setError] = useState<string>();
  const changeZone = (next: Zone) => {
    // The instants stay; what the fields show moves with the zone.
    const move = (text: string): string => {
      const instant = isNow(text) ? undefined : resolveEnd(text, nowNanos(), zone);
      return instant === undefined ? text : editable(instant, next);
    };
    setTexts({ from: move(texts.from), to: move(texts.to) });
    onZone(next);
  };
  const apply = (range: RangeText) => {
    const resolved = resolveRange(range, nowNanos(), zone);
    if (!resolved.ok) return setError(resolved.message);
    const { start, end } = resolved.range;
    onApply({ from: written(range.from, start), to: written(range.to, end) });
  };
  const field = (name: 'from' | 'to') => ({
    value: texts[name],
    zone,
    errorId: error && id,
    onType: (text: string) => {
      setTexts({ ...texts, [name]: text });
      setError(undefined);
    },
    onEnter: () => apply(texts),
  });
  return (
    <div className={styles.custom}>
      <EndField label="From" placeholder="2023-01-29 08:42:00 or now-2h" {...field('from')} />
      <EndField label="To" placeholder="now" {...field('to')} />
      <div className={styles.labelled}>
        Time zone
        <ZoneChoice zone={zone} onChange={changeZone} />
      </div>
      <p className={classes('t3', styles.also)}>
        Also read: <span className="mono t2">yesterday 14:00</span>{' '}
        <span className="mono t2">09:30</span> <span className="mono t2">now-2h</span>
      </p>
      {error && (
        <p id={id} className="err" role="alert">
          {error}
        </p>
      )}
      <div className={styles.end}>
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

function EndField(props: {
  label: string;
  placeholder: string;
  value: string;
  zone: Zone;
  errorId: string | undefined;
  onType: (text: string) => void;
  onEnter: () => void;
}) {
  const { label, placeholder, value, zone, errorId, onType, onEnter } = props;
  return (
    <label className={styles.labelled}>
      {label}
      <span className={classes(controls.field, errorId && controls.invalid)}>
        <input
          value={value}
          placeholder={placeholder}
          aria-describedby={errorId}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onType(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            onEnter();
          }}
        />
        <span className="t3">{zoneName(zone, nowNanos())}</span>
      </span>
    </label>
  );
}
