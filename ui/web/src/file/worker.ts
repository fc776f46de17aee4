// Reads files beside the page, so that a large or hostile one cannot hold it up.

import { read, unpack, type Form } from './read';
import { Shelf, type ShelfAnswer, type Summary } from './shelf';

/** What the page asks. */
export type Question =
  | { id: number; open: { name: string; bytes: ArrayBuffer }[] }
  | { id: number; ask: string; text: string };

/** One file that was read, or why it was not. */
export interface FileReport {
  name: string;
  form?: Form;
  spans: number;
  skipped: number;
  problem?: string;
}

/** What it is told. */
export type Reply =
  | { id: number; files: FileReport[]; traces: Summary[] }
  | { id: number; answer: ShelfAnswer };

const shelf = new Shelf();

async function open(files: readonly { name: string; bytes: ArrayBuffer }[]): Promise<FileReport[]> {
  const reports: FileReport[] = [];
  for (const { name, bytes } of files) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one file at a time, so that memory holds one
      const content = read(await unpack(new Uint8Array(bytes)));
      shelf.add(content);
      const { form, spans, skipped } = content;
      reports.push({ name, form, spans: spans.length, skipped });
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      reports.push({ name, spans: 0, skipped: 0, problem });
    }
  }
  return reports;
}

// oxlint-disable unicorn/require-post-message-target-origin -- a worker's messages have no target but its page
self.addEventListener('message', ({ data }: MessageEvent<Question>) => {
  if ('ask' in data) {
    self.postMessage({ id: data.id, answer: shelf.answer(data.ask, data.text) } satisfies Reply);
    return;
  }
  void open(data.open).then((files) =>
    self.postMessage({ id: data.id, files, traces: shelf.summaries() } satisfies Reply),
  );
});
