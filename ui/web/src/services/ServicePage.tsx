// One service: rate, errors and duration over time, its neighbours, its operations, and requests to look at.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ChevronLeft, Search } from 'lucide-react';

import { oneLine } from '../lib/text';
import { Page } from '../shell/pages';
import { changed, type ServiceSearch } from '../shell/search';
import { useShortcuts } from '../shell/shortcuts';
import { useZone } from '../shell/useZone';
import { classes, Icon, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { Answered, FiguresStatus, NothingHere, RangeTools } from './Frame';
import { kindsOf } from './model';
import { Overview } from './Overview';
import { figures } from './queries';
import { exploreRange, roleOf } from './scope';
import styles from './services.module.css';
import { kindsSql } from './statements';
import { axisOf, rangeSearch, useRange } from './useRange';

/** See the module. */
export function ServicePage() {
  const { name } = useParams({ from: '/service/$name' });
  const search = useSearch({ from: '/service/$name' });
  const navigate = useNavigate({ from: '/service/$name' });
  const [zone, setZone] = useZone();
  const { bounds, error, refresh, now } = useRange(search, zone);
  const kinds = useQuery({
    ...figures(kindsSql(name, bounds), kindsOf, error === undefined),
    placeholderData: keepPreviousData,
  });
  const found = kinds.data?.value;
  const role = roleOf(search, found);
  const axis = axisOf(bounds, found?.extent, now);
  const change = (changes: Partial<Record<keyof ServiceSearch, string | undefined>>) =>
    void navigate({ search: (old) => changed(old, changes) });
  useShortcuts({ r: refresh });
  const range = changed(search, { kind: undefined, sort: undefined, find: undefined });
  return (
    <Page title={oneLine(name, 80)} className={styles.page}>
      <div className={styles.bar}>
        <Link
          to="/services"
          search={range}
          className={classes(controls.button, controls.ghost, controls.iconOnly)}
          aria-label="All services"
          title="All services"
        >
          <Icon of={ChevronLeft} />
        </Link>
        <h1 className={styles.title}>
          <Service name={name} />
        </h1>
        <div className={controls.segments} role="group" aria-label="Spans that count">
          {(['entry', 'client', 'all'] as const).map((kind) => (
            <button
              key={kind}
              type="button"
              aria-pressed={role === kind}
              disabled={found && found[kind] === 0}
              onClick={() => change({ kind: kind === 'entry' ? undefined : kind })}
            >
              {{ entry: 'Requests', client: 'Calls out', all: 'All spans' }[kind]}
            </button>
          ))}
        </div>
        <span className="grow" />
        <Link
          className={classes(controls.button, 'medium-only')}
          to="/explore"
          search={{ service: name, ...exploreRange(bounds) }}
        >
          <Icon of={Search} />
          Traces
        </Link>
        <RangeTools
          search={search}
          zone={zone}
          error={error}
          onZone={setZone}
          onRange={(next) => change(rangeSearch(next))}
          onRefresh={refresh}
        />
      </div>
      {!found ? (
        // All panels wait for this answer.
        <div className={styles.scroll}>
          {error === undefined && (
            <Answered query={kinds} what="The spans of this service could not be counted">
              {null}
            </Answered>
          )}
        </div>
      ) : found.all === 0 ? (
        <div className={styles.scroll}>
          <NothingHere
            what="This service has no span in this range"
            zone={zone}
            onRange={(next) => change(rangeSearch(next))}
          />
        </div>
      ) : (
        <Overview
          key={name}
          name={name}
          role={role}
          bounds={bounds}
          axis={axis}
          zone={zone}
          search={search}
          onSort={(sort) => change({ sort })}
        />
      )}
      <FiguresStatus
        queries={[kinds]}
        facts={
          role === 'all' && !search.kind && <span>No span of kind server: all are counted</span>
        }
      />
    </Page>
  );
}
