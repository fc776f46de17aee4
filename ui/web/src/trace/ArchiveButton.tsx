// Keeps a trace when retention drops its neighbours. There is no way back, and asking twice is no fault.

import { Archive, ArchiveRestore, TriangleAlert } from 'lucide-react';
import { useState } from 'react';

import { ask } from '../api/client';
import { isLocal } from '../api/local';
import { Button, Icon } from '../ui/controls';

const LABELS = {
  idle: 'Archive: keep this trace when retention drops others',
  busy: 'Archive: keep this trace when retention drops others',
  done: 'Archived: retention keeps this trace',
  failed: 'The trace could not be archived. Try again',
};

const ICONS = { idle: Archive, busy: Archive, done: ArchiveRestore, failed: TriangleAlert };

/** See the module. A trace from a file has none: the server does not know it. */
export function ArchiveButton({ traceId }: { traceId: string }) {
  const [state, setState] = useState<keyof typeof LABELS>('idle');
  if (isLocal(traceId)) return null;
  const archive = async (): Promise<void> => {
    setState('busy');
    try {
      // Jaeger's call, which its UI sends too.
      await ask(encodeURIComponent(traceId), { api: 'api/archive', body: {} });
      setState('done');
    } catch {
      setState('failed');
    }
  };
  return (
    <>
      <Button
        iconOnly
        aria-label={LABELS[state]}
        title={LABELS[state]}
        disabled={state === 'busy'}
        onClick={() => void archive()}
      >
        <Icon of={ICONS[state]} />
      </Button>
      <span className="sr" role="status">
        {(state === 'done' || state === 'failed') && LABELS[state]}
      </span>
    </>
  );
}
