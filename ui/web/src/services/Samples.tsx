// Spans of a service to look at: the slowest, or the newest that failed.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { formatDuration } from '../lib/duration';
import { oneLine } from '../lib/text';
import { formatInstant, zoneName } from '../lib/zone';
import { classes } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { Answered } from './Frame';
import { samplesOf } from './model';
import { Panel } from './Panel';
import { figures } from './queries';
import type { Scope } from './scope';
import styles from './services.module.css';
import { samplesSql } from './statements';

/** See the module. */
export function Samples({ name, role, bounds, zone }: Scope) {
  const [which, setWhich] = useState<'slowest' | 'errors'>('slowest');
  const samples = useQuery({
    ...figures(samplesSql(name, role, bounds, which), samplesOf),
    placeholderData: keepPreviousData,
  });
  const rows = samples.data?.value;
  const first = rows?.find(({ start }) => start !== undefined)?.start;
  return (
    <Panel
      title="Spans to look at"
      full
      aside={
        <div className={controls.segments} role="group" aria-label="Which spans">
          {(['slowest', 'errors'] as const).map((key) => (
            <button
              key={key}
              type="button"
              aria-pressed={which === key}
              onClick={() => setWhich(key)}
            >
              {key === 'slowest' ? 'Slowest' : 'Newest errors'}
            </button>
          ))}
        </div>
      }
    >
      <Answered query={samples} what="The spans could not be read">
        {rows && rows.length === 0 ? (
          <p className={styles.hint}>{which === 'errors' ? 'No span failed.' : 'No span.'}</p>
        ) : (
          <table className={styles.table} aria-label="Spans to look at">
            <thead>
              <tr>
                <th scope="col">Start{first !== undefined && `, ${zoneName(zone, first)}`}</th>
                <th scope="col">Operation</th>
                <th scope="col" className="num">
                  Duration
                </th>
                <th scope="col" className="medium-only">
                  Status
                </th>
                <th scope="col">Trace</th>
              </tr>
            </thead>
            <tbody>
              {rows?.map((row) => (
                <tr key={`${row.traceId} ${row.spanId}`}>
                  <td className="t2">
                    {row.start === undefined ? '–' : formatInstant(row.start, zone, 3)}
                  </td>
                  <th scope="row" className="mono">
                    <bdi>{oneLine(row.name, 160) || '(no name)'}</bdi>
                  </th>
                  <td className="num medium">{formatDuration(row.duration)}</td>
                  <td className={classes('medium-only', row.failed ? 'err' : 't3')}>
                    {row.failed ? oneLine(row.message, 80) || 'error' : 'no error'}
                  </td>
                  <td>
                    <Link
                      className="mono"
                      to="/trace/$traceId"
                      params={{ traceId: row.traceId }}
                      search={{ span: row.spanId }}
                    >
                      {row.traceId.replace(/^0{16}/, '').slice(0, 8)}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Answered>
    </Panel>
  );
}
