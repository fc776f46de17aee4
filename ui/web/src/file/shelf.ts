// The traces of the opened files, and answers about them. Runs in the worker; takes the place of the server.

import { skeletonOf, spanAnswer, summaryOf, WHOLE } from './answers';
import { rowsWith } from './find';
import { SPANS_MAX } from './limits';
import { toOtlp } from './otlpOut';
import type { Content } from './read';
import { assemble, type FileSpan, type FileTrace } from './spans';
import { FileError } from './values';

/** What the page shows of a trace before it is opened. */
export type Summary = Omit<ReturnType<typeof summaryOf>, never>;

/** An answer: its body, or the status of a refusal. */
export type ShelfAnswer = { ok: true; body: string } | { ok: false; message: string };

/** See the module. */
export class Shelf {
  private readonly spans = new Map<string, FileSpan[]>();
  private readonly traces = new Map<string, FileTrace>();
  private count = 0;

  /** Puts the spans of a file to the others; spans that are there already stay single. */
  add({ spans }: Pick<Content, 'spans'>): void {
    this.count += spans.length;
    if (this.count > SPANS_MAX) throw new FileError('the files together have too many spans');
    for (const span of spans) {
      const kept = this.spans.get(span.traceId);
      if (kept) kept.push(span);
      else this.spans.set(span.traceId, [span]);
      this.traces.delete(span.traceId);
    }
  }

  private trace(traceId: string): FileTrace | undefined {
    const known = this.traces.get(traceId);
    const spans = this.spans.get(traceId);
    if (known || !spans) return known;
    const trace = assemble(distinct(spans));
    this.traces.set(traceId, trace);
    return trace;
  }

  /** All traces, the longest first. */
  summaries(): Summary[] {
    return [...this.spans.keys()]
      .map((traceId) => this.trace(traceId) as FileTrace)
      .sort((a, b) => Number(b.duration - a.duration))
      .map((trace) => summaryOf(trace, trace.rows.length));
  }

  /** Answers `<trace id>`, `<trace id>/spans/<row>`, `<trace id>/otlp` and, about `text`, `<trace id>/find`. */
  answer(path: string, text = ''): ShelfAnswer {
    const [traceId = '', part, row] = path.split('/');
    const trace = this.trace(traceId);
    if (!trace) return { ok: false, message: 'This trace is in none of the open files' };
    if (part === undefined) return { ok: true, body: JSON.stringify(skeletonOf(trace)) };
    if (part === 'find') return { ok: true, body: JSON.stringify(findAnswer(trace, text)) };
    if (part === 'otlp') return { ok: true, body: JSON.stringify(toOtlp(trace.rows)) };
    const span = trace.rows[Number(row)];
    return span && part === 'spans'
      ? { ok: true, body: JSON.stringify(spanAnswer(span, Number(row))) }
      : { ok: false, message: `Row ${row} is not in the trace` };
  }
}

function findAnswer(trace: FileTrace, text: string) {
  return {
    read_as: 'text',
    syntax: { message: 'traces of files are searched for words only', position: null },
    rows: rowsWith(trace.rows, text),
    coverage: WHOLE,
  };
}

/** Spans without those that say the same as an earlier one. */
function distinct(spans: readonly FileSpan[]): FileSpan[] {
  const seen = new Set<string>();
  return spans.filter(({ spanId, kind, name, start, end, service }) => {
    const key = [spanId, kind, name, start, end, service].join('\u0000');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
