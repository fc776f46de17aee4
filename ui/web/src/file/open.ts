// Opens files in the worker and answers questions about what is in them.

import { ApiError } from '../api/errors';
import { LOCAL_MARK, setLocalHolder } from '../api/local';
import { BYTES_MAX, FILES_MAX } from './limits';
import type { Summary } from './shelf';
import type { FileReport, Question, Reply } from './worker';

/** What the opened files hold. */
export interface Opened {
  files: FileReport[];
  traces: Summary[];
}

class FileWorker {
  private readonly worker = new Worker(new URL('worker.ts', import.meta.url), { type: 'module' });
  private readonly waiting = new Map<
    number,
    { done: (reply: Reply) => void; failed: (error: Error) => void }
  >();
  private next = 0;

  constructor() {
    this.worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      this.waiting.get(data.id)?.done(data);
      this.waiting.delete(data.id);
    });
    this.worker.addEventListener('error', (event) => {
      const error = new Error(event.message || 'the files could not be read');
      for (const { failed } of this.waiting.values()) failed(error);
      this.waiting.clear();
    });
  }

  send(question: Question, transfer: Transferable[] = []): Promise<Reply> {
    return new Promise((done, failed) => {
      this.waiting.set(question.id, { done, failed });
      this.worker.postMessage(question, transfer);
    });
  }

  id(): number {
    return this.next++;
  }

  end(): void {
    this.worker.terminate();
  }
}

let worker: FileWorker | undefined;

/** Ids as the pages know them. */
function marked(traces: readonly Summary[]): Summary[] {
  return traces.map((trace) => Object.assign(trace, { trace_id: LOCAL_MARK + trace.trace_id }));
}

async function answer(path: string, { q }: Record<string, unknown>): Promise<Response> {
  if (!worker) throw new ApiError('refused', 'No file is open');
  const text = typeof q === 'string' ? q : '';
  const reply = await worker.send({ id: worker.id(), ask: decodeURIComponent(path), text });
  if (!('answer' in reply)) throw new ApiError('unreadable', 'The files gave another answer');
  if (!reply.answer.ok) throw new ApiError('refused', reply.answer.message, 404, 'not_found');
  // The head of a skeleton names the trace; its links have to lead back here.
  const body = reply.answer.body.replace(
    /^(\{"head":\{"trace_id":")/,
    (start) => start + LOCAL_MARK,
  );
  return new Response(body, { headers: { 'content-type': 'application/json' } });
}

/** Opens `files` in place of the ones before. */
export async function openFiles(files: readonly File[]): Promise<Opened> {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (files.length > FILES_MAX) throw new Error(`more than ${FILES_MAX} files at once`);
  if (size > BYTES_MAX) throw new Error('the files are larger than 256 MB together');
  worker?.end();
  worker = new FileWorker();
  const open = await Promise.all(
    files.map(async (file) => ({ name: file.name, bytes: await file.arrayBuffer() })),
  );
  const reply = await worker.send(
    { id: worker.id(), open },
    open.map(({ bytes }) => bytes),
  );
  if (!('files' in reply)) throw new Error('the files could not be read');
  setLocalHolder(answer);
  return { files: reply.files, traces: marked(reply.traces) };
}
