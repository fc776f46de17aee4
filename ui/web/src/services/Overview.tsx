// The panels of a service: figures over time, latency, neighbours, operations, spans to look at.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';

import { DEPENDENCIES, dependenciesQuery } from '../api/dependencies';
import { Cursor } from '../chart/cursor';
import { bucketSeconds } from '../chart/scale';
import { changed } from '../shell/search';
import { Answered } from './Frame';
import { HeatLegend, Heatmap } from './Heatmap';
import { heatOf, seriesOf } from './model';
import { Neighbours } from './Neighbours';
import { Operations } from './Operations';
import { Panel } from './Panel';
import { figures } from './queries';
import { RedPanels } from './RedPanels';
import { Samples } from './Samples';
import type { Scope } from './scope';
import styles from './services.module.css';
import { heatSql, seriesSql } from './statements';
import { bucketsOf } from './useRange';

const SERIES_BUCKETS = 100;

/** See the module. */
export function Overview(props: Scope) {
  const { name, role, bounds, axis, zone, search, onSort } = props;
  const navigate = useNavigate();
  const cursor = useMemo(() => new Cursor(), []);
  const seconds = bucketSeconds(axis.to - axis.from, SERIES_BUCKETS);
  const buckets = bucketsOf(axis, seconds);
  const keep = { placeholderData: keepPreviousData };
  const series = useQuery({
    ...figures(seriesSql(name, role, bounds, seconds), seriesOf),
    ...keep,
  });
  const heat = useQuery({
    ...figures(heatSql(name, role, bounds, seconds), heatOf),
    ...keep,
  });
  const toNanos = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n;
  const calls = useQuery({
    ...dependenciesQuery(bounds.from ?? toNanos(axis.from), bounds.to ?? toNanos(axis.to + 1000)),
    ...keep,
  });
  const range = changed(search, { kind: undefined, sort: undefined, find: undefined });
  return (
    <div className={styles.scroll}>
      <div className={styles.panels}>
        <Answered query={series} what="The figures could not be computed">
          {series.data && (
            <RedPanels
              buckets={series.data.value}
              axis={buckets}
              ms={axis.to - axis.from}
              zone={zone}
              cursor={cursor}
            />
          )}
        </Answered>
        <Panel
          title="Latency"
          note="every span; a cell leads to its traces"
          wide
          aside={heat.data && <HeatLegend cells={heat.data.value} />}
        >
          <Answered query={heat} what="The latencies could not be counted">
            {heat.data && heat.data.value.length > 0 ? (
              <Heatmap
                cells={heat.data.value}
                axis={buckets}
                zone={zone}
                onOpen={(box) =>
                  void navigate({
                    to: '/explore',
                    search: {
                      service: name,
                      from: String(toNanos(box.from)),
                      to: String(toNanos(box.to)),
                      min: `${Math.floor(box.min)}ns`,
                      max: `${Math.ceil(box.max)}ns`,
                    },
                  })
                }
              />
            ) : (
              <p className={styles.hint}>No span lasted any time.</p>
            )}
          </Answered>
        </Panel>
        <Panel
          title="Neighbours"
          note="calls in the range"
          aside={
            <Link to="/map" search={{ ...range, focus: name }}>
              Open map
            </Link>
          }
        >
          <Answered
            query={calls}
            what="The calls could not be counted"
            doing="Counting calls…"
            cancels={DEPENDENCIES}
          >
            {calls.data && <Neighbours name={name} calls={calls.data} range={range} />}
          </Answered>
        </Panel>
        <Operations {...props} onSort={onSort} />
        <Samples {...props} />
      </div>
    </div>
  );
}
