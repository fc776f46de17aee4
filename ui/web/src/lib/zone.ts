// Time zones: which one the page speaks, and instants in it to the nanosecond.

/** `local`, `utc` or an IANA name. */
export type Zone = string;

/** Nanoseconds since the Unix epoch. */
export type Nanos = bigint;

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(zone: Zone): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    const timeZone = zone === 'local' ? undefined : zone === 'utc' ? 'UTC' : zone;
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      era: 'short',
    });
    formats.set(zone, format);
  }
  return format;
}

/** The zone when the browser knows it, else undefined. */
export function knownZone(zone: string | null | undefined): Zone | undefined {
  if (!zone) return undefined;
  const lower = zone.toLowerCase();
  if (lower === 'local' || lower === 'utc') return lower;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** Calendar and clock of the whole second `ms` in `zone`. */
function partsOf(ms: number, zone: Zone): Parts {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const part of formatFor(zone).formatToParts(ms)) parts[part.type] = part.value;
  const year = Number(parts.year);
  return {
    year: parts.era === 'BC' || parts.era === 'B' ? 1 - year : year,
    month: Number(parts.month),
    day: Number(parts.day),
    hour: Number(parts.hour),
    minute: Number(parts.minute),
    second: Number(parts.second),
  };
}

/** Floor division, so that instants before 1970 fall into the right second. */
function divide(value: bigint, by: bigint): { quotient: bigint; rest: bigint } {
  const rest = ((value % by) + by) % by;
  return { quotient: (value - rest) / by, rest };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2023-01-29` and `08:42:00.123456789`, with as many digits of a second as asked for. */
export function instantParts(
  ns: Nanos,
  zone: Zone,
  digits: 0 | 3 | 6 | 9,
): { date: string; time: string } {
  const { quotient, rest } = divide(ns, NS_PER_S);
  const p = partsOf(Number(quotient) * 1000, zone);
  const fraction = digits === 0 ? '' : `.${String(rest).padStart(9, '0').slice(0, digits)}`;
  return {
    date: `${String(p.year).padStart(4, '0')}-${two(p.month)}-${two(p.day)}`,
    time: `${two(p.hour)}:${two(p.minute)}:${two(p.second)}${fraction}`,
  };
}

/** `2023-01-29 08:42:00.123`, without the zone's name: put {@link zoneName} beside it. */
export function formatInstant(ns: Nanos, zone: Zone, digits: 0 | 3 | 6 | 9 = 3): string {
  const { date, time } = instantParts(ns, zone, digits);
  return `${date} ${time}`;
}

/** Minutes that `zone` is ahead of UTC at `ns`. */
export function offsetMinutes(ns: Nanos, zone: Zone): number {
  const ms = Number(divide(ns, NS_PER_S).quotient) * 1000;
  return Math.round((utcOf(partsOf(ms, zone)) - ms) / 60_000);
}

function utcOf(p: Parts): number {
  const date = new Date(0);
  date.setUTCFullYear(p.year, p.month - 1, p.day);
  date.setUTCHours(p.hour, p.minute, p.second);
  return date.getTime();
}

/** What stands beside an absolute time: `UTC`, `Asia/Shanghai` or, for the local zone, `+08:00`. */
export function zoneName(zone: Zone, ns: Nanos): string {
  if (zone === 'utc') return 'UTC';
  if (zone !== 'local') return zone;
  const minutes = offsetMinutes(ns, zone);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '\u2212' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const CIVIL =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads `2023-01-29 08:42:00.123456789` as a time in `zone`, or by its own `Z` or `+08:00`.
 * In the hour that a clock change repeats the earlier instant is meant; a time that it skips counts on from the change.
 */
export function parseInstant(text: string, zone: Zone): Nanos | undefined {
  const match = CIVIL.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = match;
  const p: Parts = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
  const civil = utcOf(p);
  const back = new Date(civil);
  const sameDay = back.getUTCMonth() === p.month - 1 && back.getUTCDate() === p.day;
  if (!sameDay || p.hour > 23 || p.minute > 59 || p.second > 59) return undefined;
  const ms = offset ? civil - fixedOffset(offset) * 60_000 : fromCivil(civil, zone);
  return BigInt(ms) * NS_PER_MS + BigInt(fraction.padEnd(9, '0'));
}

function fixedOffset(text: string): number {
  if (/^z$/i.test(text)) return 0;
  const sign = text.startsWith('-') ? -1 : 1;
  return sign * (Number(text.slice(1, 3)) * 60 + Number(text.slice(-2)));
}

/** The instant at which `zone` shows the civil time `civil` (given as if it were UTC). */
function fromCivil(civil: number, zone: Zone): number {
  const offsetAt = (ms: number): number => offsetMinutes(BigInt(ms) * NS_PER_MS, zone) * 60_000;
  const day = 86_400_000;
  const before = civil - offsetAt(civil - day);
  const after = civil - offsetAt(civil + day);
  const fits = [before, after].filter((ms) => ms + offsetAt(ms) === civil);
  return fits.length > 0 ? Math.min(...fits) : before;
}

/** Names that the browser offers, for the picker. */
export function zoneNames(): string[] {
  return Intl.supportedValuesOf('timeZone');
}
