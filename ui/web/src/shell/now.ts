// The clock of this browser.

import type { Nanos } from '../lib/zone';

/** Now, in nanoseconds since the epoch (to the millisecond). */
export function nowNanos(): Nanos {
  return BigInt(Date.now()) * 1_000_000n;
}
