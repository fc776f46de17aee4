// How long something has been going on.

import { useEffect, useState } from 'react';

/** Milliseconds since `busy` became true, renewed every `stepMs`; 0 while it is false. */
export function useElapsed(busy: boolean, stepMs = 100): number {
  const [elapsed, setElapsed] = useState(0);
  useEffect(() => {
    if (!busy) return undefined;
    const start = performance.now();
    const timer = setInterval(() => setElapsed(performance.now() - start), stepMs);
    return () => {
      clearInterval(timer);
      setElapsed(0);
    };
  }, [busy, stepMs]);
  return elapsed;
}
