// Whether a trace may still grow, and when to look again.

import type { TraceHead } from '../api/types';

const S_NS = 1_000_000_000n;
/** A trace is finished when it has all parents and nothing ended for this long. */
const QUIET_NS = 60n * S_NS;
/** A trace that lacks parents is waited for as long as this. */
const GIVE_UP_NS = 900n * S_NS;
/** Clocks of senders may be ahead by this. */
const AHEAD_NS = 120n * S_NS;

const FIRST_MS = 2000;
const LAST_MS = 60_000;
const FACTOR = 1.6;
/** The server is busy with the trace for at most one part in this of the time. */
const BUSY_SHARE = 20;

/** True when spans may still come in: the newest ended a moment ago, or parents are missing and it is not long since. */
export function mayGrow(head: TraceHead, now: bigint): boolean {
  const age = now - head.start_time_unix_nano - head.duration_ns;
  if (age < -AHEAD_NS || head.truncated_span_count > 0) return false;
  return age < (head.orphan_count > 0 ? GIVE_UP_NS : QUIET_NS);
}

/** Pause before the next look, after `idle` looks in a row that found nothing new and took up to `tookMs`. */
export function pauseMs(idle: number, tookMs: number): number {
  return Math.max(tookMs * BUSY_SHARE, Math.min(LAST_MS, FIRST_MS * FACTOR ** idle));
}
