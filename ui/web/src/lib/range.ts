// The time range of a search, as it stands in the URL: `now-1h`, nanoseconds since the epoch, or an RFC 3339 time.

import { formatDuration, parseDuration } from './duration';
import { plural } from './text';
import { formatInstant, instantParts, parseInstant, zoneName, type Nanos, type Zone } from './zone';

/** Ends of a range as written; an absent one is open. */
export interface RangeText {
  from?: string | undefined;
  to?: string | undefined;
}

/** Ends of a range in nanoseconds since the epoch. */
export interface Range {
  start?: Nanos;
  end?: Nanos;
}

/** A range to offer: its `from`, and what to call it. */
export const PRESETS: readonly { from: string; label: string; short: string }[] = [
  { from: 'now-15m', label: 'Last 15 minutes', short: '15m' },
  { from: 'now-30m', label: 'Last 30 minutes', short: '30m' },
  { from: 'now-1h', label: 'Last hour', short: '1h' },
  { from: 'now-3h', label: 'Last 3 hours', short: '3h' },
  { from: 'now-24h', label: 'Last 24 hours', short: '24h' },
  { from: 'now-7d', label: 'Last 7 days', short: '7d' },
];

const UNITS = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** One end of a range at the instant `now`, or undefined when the text says nothing known. */
export function resolveEnd(text: string, now: Nanos, zone: Zone): Nanos | undefined {
  const trimmed = text.trim();
  if (trimmed === 'now') return now;
  const ago = /^now\s*-\s*(.+)$/.exec(trimmed);
  if (ago) {
    const parsed = parseDuration(ago[1] as string);
    return parsed.ok ? now - parsed.ns : undefined;
  }
  if (/^\d{15,20}$/.test(trimmed)) return BigInt(trimmed);
  return parseInstant(dated(trimmed, now, zone), zone);
}

const DAY_NS = 86_400_000_000_000n;

/** `yesterday 14:00`, `today` or `09:30` with the date that is meant in `zone`; anything else as it is. */
function dated(text: string, now: Nanos, zone: Zone): string {
  const match = /^(?:(today|yesterday)(?:\s+|$))?(\d{1,2}:\d{2}(?::\d{2})?)?$/i.exec(text);
  if (!match || text === '') return text;
  const [, day = 'today', time = '00:00'] = match;
  // Noon of the day before is on the day before, also where a clock was set on or back.
  const today = instantParts(now, zone, 0).date;
  const noon = parseInstant(`${today} 12:00`, zone) ?? now;
  const date = day.toLowerCase() === 'today' ? today : instantParts(noon - DAY_NS, zone, 0).date;
  return `${date} ${time.replace(/^(?=\d:)/, '0')}`;
}

/** The range at the instant `now`, or what is wrong with it. */
export function resolveRange(
  { from, to }: RangeText,
  now: Nanos,
  zone: Zone,
): { ok: true; range: Range } | { ok: false; message: string } {
  const range: Range = {};
  for (const [end, text] of [
    ['start', from],
    ['end', to],
  ] as const) {
    if (text === undefined || text.trim() === '') continue;
    const instant = resolveEnd(text, now, zone);
    if (instant === undefined) {
      return { ok: false, message: `“${text}” is no time: use 2023-01-29 08:42:00 or now-1h` };
    }
    range[end] = instant;
  }
  if (range.start !== undefined && range.end !== undefined && range.start >= range.end) {
    return { ok: false, message: 'The range ends before it starts' };
  }
  return { ok: true, range };
}

/** True when the range moves with the clock. */
export function isRelative({ from, to }: RangeText): boolean {
  return /^\s*now/.test(from ?? '') || /^\s*now/.test(to ?? '');
}

/** What the range button shows. `zone` is left out for relative ranges, which need none. */
export function describeRange(
  text: RangeText,
  zone: Zone,
  now: Nanos,
): { label: string; length?: string } {
  const { from, to } = text;
  if (!from && !to) return { label: 'All data' };
  const preset = !to || to === 'now' ? PRESETS.find((p) => p.from === from) : undefined;
  if (preset) return { label: preset.label };
  const ago = !to || to === 'now' ? /^now-([1-9]\d{0,3})([smhdw])$/.exec(from ?? '') : null;
  if (ago) return { label: `Last ${plural(Number(ago[1]), UNITS[ago[2] as keyof typeof UNITS])}` };
  const resolved = resolveRange(text, now, zone);
  if (!resolved.ok) return { label: 'Unknown range' };
  const show = (raw: string | undefined, ns: Nanos | undefined, open: string): string => {
    if (!raw || ns === undefined) return open;
    return /^\s*now/.test(raw) ? raw : `${formatInstant(ns, zone, 0)} ${zoneName(zone, ns)}`;
  };
  const { start, end } = resolved.range;
  const label = `${show(from, start, 'the beginning')} → ${show(to, end, 'now')}`;
  if (start === undefined || end === undefined) return { label };
  return { label, length: formatDuration(end - start) };
}

/** The same range with fixed ends, for a link that shows the same later. */
export function pinned(text: RangeText, now: Nanos, zone: Zone): RangeText {
  const resolved = resolveRange(text, now, zone);
  if (!resolved.ok || !isRelative(text)) return text;
  return {
    from: resolved.range.start?.toString(),
    to: (resolved.range.end ?? now).toString(),
  };
}
