// Traces that came from a file instead of the server. Their ids have a mark in front, and questions about them go to
// whoever holds the files; until some are opened nobody does.

import { ApiError } from './errors';

/** Stands before the id of a trace from a file. */
export const LOCAL_MARK = 'file-';

/** Parameters of a question, as `ask` takes them. */
type Asked = Record<string, unknown>;

type Holder = (path: string, params: Asked) => Promise<Response>;

let holder: Holder | undefined;

/** Says who answers from now on. */
export function setLocalHolder(next: Holder | undefined): void {
  holder = next;
}

/** True for the id of a trace from a file. */
export function isLocal(traceId: string): boolean {
  return traceId.startsWith(LOCAL_MARK);
}

/** The answer to a question about a trace from a file, or undefined for other questions. */
export function askLocal(path: string, params: Asked = {}): Promise<Response> | undefined {
  const prefix = `traces/${LOCAL_MARK}`;
  if (!path.startsWith(prefix)) return undefined;
  if (!holder)
    return Promise.reject(
      new ApiError(
        'refused',
        'This trace came from a file that is not open any more',
        0,
        'not_open',
        'Open the file again: what it holds is never sent to the server, so a reload forgets it.',
      ),
    );
  return holder(path.slice(prefix.length), params);
}
