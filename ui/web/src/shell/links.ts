// Links to what is shown: as it is, so that a relative range moves with the clock, or with the range fixed to now.

import { isRelative, pinned } from '../lib/range';
import type { Zone } from '../lib/zone';
import { nowNanos } from './now';

/** True when the address has a range that moves with the clock. */
export function isLive(href: string): boolean {
  const { searchParams } = new URL(href);
  return isRelative({
    from: searchParams.get('from') ?? undefined,
    to: searchParams.get('to') ?? undefined,
  });
}

/** The address with its range fixed to what it means at the instant `now`. */
export function pinnedLink(href: string, zone: Zone, now = nowNanos()): string {
  const url = new URL(href);
  const { from, to } = pinned(
    {
      from: url.searchParams.get('from') ?? undefined,
      to: url.searchParams.get('to') ?? undefined,
    },
    now,
    zone,
  );
  for (const [name, value] of Object.entries({ from, to }))
    if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}
