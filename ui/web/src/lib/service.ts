// How a service is shown: one of 24 colours, stable for its name, and the parts of the name that others share.

/** Number of colours in `tokens.css`. */
export const SERVICE_SLOTS = 24;

/** The colour slot of a service, 1 to 24: the same on every page, in every tab, on every machine (FNV-1a of the name). */
export function serviceSlot(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash ^= name.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  return ((hash >>> 0) % SERVICE_SLOTS) + 1;
}

/** The CSS colour of a service. */
export function serviceColor(name: string): string {
  return `var(--svc-${serviceSlot(name)})`;
}

/** A service name in three parts; the outer ones are shared with most others and shown dimmed. */
export type NameParts = readonly [prefix: string, core: string, suffix: string];

/** Prefix and suffix that at least half of at least four names share. */
export interface SharedParts {
  prefix: string;
  suffix: string;
}

const NOTHING: SharedParts = { prefix: '', suffix: '' };

/** Finds what most of `names` have in common, cut at a separator: `ts-` and `-service`. */
export function sharedParts(names: readonly string[]): SharedParts {
  if (names.length < 4) return NOTHING;
  const prefix = mostCommon(names.map((name) => /^[^-._/]+[-._/]/.exec(name)?.[0]));
  const suffix = mostCommon(names.map((name) => /[-._/][^-._/]+$/.exec(name)?.[0]));
  return { prefix, suffix };
}

function mostCommon(parts: readonly (string | undefined)[]): string {
  const counts = new Map<string, number>();
  for (const part of parts) if (part) counts.set(part, (counts.get(part) ?? 0) + 1);
  for (const [part, count] of counts) if (count * 2 >= parts.length) return part;
  return '';
}

/** Splits `name` by what it shares; a name that is nothing but shared parts stays whole. */
export function splitName(name: string, { prefix, suffix }: SharedParts): NameParts {
  const from = prefix !== '' && name.startsWith(prefix) ? prefix.length : 0;
  const to = suffix !== '' && name.endsWith(suffix) ? name.length - suffix.length : name.length;
  if (to <= from) return ['', name, ''];
  return [name.slice(0, from), name.slice(from, to), name.slice(to)];
}
