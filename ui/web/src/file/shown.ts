// A trace of a file as one row of the results.

import type { TraceSummary } from '../api/types';
import type { Summary } from './shelf';

/** See the module. */
export function shownTrace(trace: Summary): TraceSummary {
  return Object.assign({}, trace, {
    start_time_unix_nano: BigInt(trace.start_time_unix_nano),
    duration_ns: BigInt(trace.duration_ns),
  });
}
