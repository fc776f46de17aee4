// The one place that talks to the server: addresses, token, errors.

import { ApiError } from './errors';
import { askLocal } from './local';
import { ShapeError, type Shape } from './shape';
import { errorBody } from './types';

/** The folder that the pages are served from, `/` or a proxy's prefix; the server writes `<base>` to fit. */
export function appBase(): URL {
  return new URL('.', document.baseURI);
}

const TOKEN_KEY = 'clew.token';

/** The bearer token of this tab, when the server wanted one. */
export const token = {
  get: (): string | null => sessionStorage.getItem(TOKEN_KEY),
  set: (value: string): void => sessionStorage.setItem(TOKEN_KEY, value),
};

/** Query parameters; absent and empty ones are not sent, a list as often as it has entries. */
export type Params = Record<string, string | readonly string[] | undefined>;

function address(path: string, params: Params, api: string): URL {
  const url = new URL(`${api}/${path}`, appBase());
  for (const [name, value] of Object.entries(params)) {
    for (const text of typeof value === 'string' ? [value] : (value ?? []))
      if (text !== '') url.searchParams.append(name, text);
  }
  return url;
}

/** How to ask. */
export interface Ask {
  params?: Params;
  accept?: string;
  signal?: AbortSignal;
  /** Folder of the API, relative to that of the pages; Clew's own unless given. */
  api?: string;
  /** Sent as JSON by `POST`; without it the question is a `GET`. */
  body?: unknown;
}

/** Clew's own API. */
const OWN_API = 'api/clew/v1';

/** Asks for `path` and returns the answer when it is a good one. Throws {@link ApiError}, or the signal's reason. */
export async function ask(
  path: string,
  { params = {}, accept, signal, api = OWN_API, body }: Ask = {},
): Promise<Response> {
  const local = api === OWN_API ? askLocal(path, params) : undefined;
  if (local) return local;
  const headers: Record<string, string> = { accept: accept ?? 'application/json' };
  const request: RequestInit = { headers };
  if (signal) request.signal = signal;
  if (body !== undefined) {
    request.method = 'POST';
    request.body = JSON.stringify(body);
    headers['content-type'] = 'application/json';
  }
  const bearer = token.get();
  if (bearer) headers['authorization'] = `Bearer ${bearer}`;
  let response: Response;
  try {
    response = await fetch(address(path, params, api), request);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ApiError('unreachable', 'Clew does not answer', 0, 'unreachable', String(cause));
  }
  if (!response.ok) throw await failure(response);
  return response;
}

/** Asks for `path` and reads the answer by `shape`. */
export async function askJson<T>(path: string, shape: Shape<T>, options: Ask = {}): Promise<T> {
  const response = await ask(path, options);
  return readJson(response, shape, options.signal);
}

/** Reads a good answer by `shape`. */
export async function readJson<T>(
  response: Response,
  shape: Shape<T>,
  signal?: AbortSignal,
): Promise<T> {
  let body: unknown;
  try {
    body = await response.json();
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreadable(String(cause));
  }
  try {
    return shape(body, '');
  } catch (cause) {
    if (cause instanceof ShapeError) throw unreadable(cause.message);
    throw cause;
  }
}

/** The error for an answer that breaks the contract. */
export function unreadable(detail: string): ApiError {
  return new ApiError(
    'unreadable',
    'The answer cannot be read: page and server are of different versions',
    0,
    'unreadable',
    `Reload the page. (${detail})`,
  );
}

async function failure(response: Response): Promise<ApiError> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => undefined);
  const kind = status === 401 || status === 403 ? 'unauthorized' : 'refused';
  try {
    const { code, message, hint, position } = errorBody(body, '').error;
    return new ApiError(kind, message, status, code, hint, position);
  } catch {
    const said =
      kind === 'unauthorized' ? 'The server wants a token' : `The server answered ${status}`;
    return new ApiError(kind, said, status, String(status), response.statusText || null);
  }
}
