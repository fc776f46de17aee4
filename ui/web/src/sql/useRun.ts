// Runs one statement at a time: the new one ends the one before, and the reader can end it too.

import { useCallback, useEffect, useRef, useState } from 'react';

import { askSql } from '../api/sql';
import { unreadable } from '../api/client';
import { resultOf, type ResultSet } from './cells';

/** What became of the last statement. */
export type RunState =
  | { phase: 'idle' }
  | { phase: 'running'; text: string; previous?: Done }
  | Done
  | { phase: 'failed'; text: string; error: unknown; elapsedMs: number }
  | { phase: 'cancelled'; text: string; elapsedMs: number };

/** A statement that has its answer. */
export interface Done {
  phase: 'done';
  text: string;
  result: ResultSet;
  /** The server's word for the limit that cut the result off. */
  truncatedBy: string | undefined;
  bytes: number;
  elapsedMs: number;
}

const CANCELLED = 'cancelled';

async function load(text: string, signal: AbortSignal, started: number): Promise<Done> {
  const response = await askSql(text, 'arrow', signal);
  const [body, arrow] = await Promise.all([response.arrayBuffer(), import('apache-arrow')]);
  try {
    return {
      phase: 'done',
      text,
      result: resultOf(arrow.tableFromIPC(new Uint8Array(body))),
      truncatedBy: response.headers.get('x-clew-truncated') ?? undefined,
      bytes: body.byteLength,
      elapsedMs: performance.now() - started,
    };
  } catch (cause) {
    throw unreadable(cause instanceof Error ? cause.message : String(cause));
  }
}

/** See the module. */
export function useRun() {
  const [state, setState] = useState<RunState>({ phase: 'idle' });
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);

  const run = useCallback((text: string) => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    const started = performance.now();
    setState((before) => {
      const previous = before.phase === 'running' ? before.previous : before;
      return {
        phase: 'running',
        text,
        ...(previous?.phase === 'done' ? { previous } : {}),
      };
    });
    load(text, controller.signal, started).then(
      (done) => controller.signal.aborted || setState(done),
      (error: unknown) => {
        const elapsedMs = performance.now() - started;
        if (controller.signal.reason === CANCELLED)
          setState({ phase: 'cancelled', text, elapsedMs });
        else if (!controller.signal.aborted) setState({ phase: 'failed', text, error, elapsedMs });
      },
    );
  }, []);

  const cancel = useCallback(() => abort.current?.abort(CANCELLED), []);
  return { state, run, cancel };
}
