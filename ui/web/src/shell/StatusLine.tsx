// The bottom line of each page: whether the answer is complete, what it covers, how long it took.

import { Check, Info, LoaderCircle, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import type { Coverage } from '../api/types';
import { formatCount, plural } from '../lib/text';
import { Icon } from '../ui/controls';
import styles from './shell.module.css';

/** Milliseconds as the line shows them. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

interface VerdictProps {
  coverage?: Coverage | undefined;
  failed?: boolean;
  /** That nothing is asked, in a word or two: the page says why. */
  idle?: string | undefined;
}

function Verdict({ coverage, failed, idle }: VerdictProps) {
  if (idle) return <span>{idle}</span>;
  if (failed) {
    return (
      <span className="err">
        <Icon of={TriangleAlert} />
        No answer
      </span>
    );
  }
  if (!coverage) {
    return (
      <span>
        <Icon of={LoaderCircle} />
        Asking
      </span>
    );
  }
  return coverage.complete ? (
    <span className="ok">
      <Icon of={Check} />
      Complete
    </span>
  ) : (
    <span className="warn">
      <Icon of={TriangleAlert} />
      Partial
    </span>
  );
}

/** See the module; `children` stand at the end of the line. */
export function StatusLine(props: VerdictProps & { facts?: ReactNode; children?: ReactNode }) {
  const { coverage, failed = false, idle, facts, children } = props;
  return (
    <footer className={styles.status} aria-label="Coverage of the answer">
      <Verdict coverage={coverage} failed={failed} idle={idle} />
      {coverage && <span className="medium-only">Answered in {formatMs(coverage.elapsed_ms)}</span>}
      {coverage && coverage.segments_total > 0 && (
        <span className="wide-only">
          {formatCount(coverage.segments_read)} of {plural(coverage.segments_total, 'segment')} read
        </span>
      )}
      {facts}
      <span className={styles.space} />
      {children}
    </footer>
  );
}

/** Says in words what an answer leaves out. */
export function CoverageBanner({ coverage }: { coverage: Coverage | undefined }) {
  if (!coverage || coverage.complete) return null;
  return (
    <div className={styles.banner} role="status">
      <Icon of={Info} />
      <span>
        <b>Partial answer.</b> {coverage.reasons.join('; ') || 'The server gave no reason.'}
      </span>
    </div>
  );
}
