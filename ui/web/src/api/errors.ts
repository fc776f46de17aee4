// What can go wrong with a request, as one type that says what the reader can do.

/** Where a failure came from. */
export type FailureKind =
  | 'refused' // the server answered with an error of its own
  | 'unauthorized' // the server wants a token, or another one
  | 'unreachable' // no answer at all
  | 'unreadable'; // an answer that is not what the contract says

/** A failed request. */
export class ApiError extends Error {
  override name = 'ApiError';

  /** `code` is the server's word for the failure; `position` a character of the query that it complains about. */
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly status = 0,
    readonly code = kind as string,
    readonly hint: string | null = null,
    readonly position: number | null = null,
  ) {
    super(message);
  }
}

/** True when asking again may help without changing the question. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.kind === 'unreachable' || error.status === 503 || error.status === 429;
}
