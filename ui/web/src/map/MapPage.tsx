// Which service calls which: drawn, or as a list; all of them, or the surroundings of one.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { List, Network, Minus, Plus, TriangleAlert } from 'lucide-react';
import { useMemo, useState } from 'react';

import { DEPENDENCIES, dependenciesQuery, servicesOfCalls, type Call } from '../api/dependencies';
import { useWidth } from '../chart/useWidth';
import { formatDuration } from '../lib/duration';
import { sharedParts, type SharedParts } from '../lib/service';
import { formatCount, oneLine, plural } from '../lib/text';
import { Page } from '../shell/pages';
import { changed, type MapSearch } from '../shell/search';
import shell from '../shell/shell.module.css';
import { useShortcuts } from '../shell/shortcuts';
import { useZone } from '../shell/useZone';
import { Answered, FiguresStatus, NothingHere, RangeTools } from '../services/Frame';
import {
  edgesOf,
  errorShare,
  extentOf,
  servicesOf,
  type EdgeFigures,
  type ServiceFigures,
} from '../services/model';
import { FIGURES, figures } from '../services/queries';
import services from '../services/services.module.css';
import { SortHead, sortRows, type SortColumn } from '../services/sort';
import { edgesSql, extentSql, servicesSql } from '../services/statements';
import { axisOf, rangeSearch, useRange } from '../services/useRange';
import { Combobox } from '../ui/Combobox';
import { Icon, IconButton, Service, serviceStyle } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { curve, DRAWN_MAX, neighbourhood, NODE_HEIGHT, NODE_WIDTH, place } from './graph';
import styles from './map.module.css';

/** Share of errors from which a line is red. */
const ERROR_SHARE = 0.05;

const key = (caller: string, callee: string): string => `${caller}\u0000${callee}`;

/** See the module. */
export function MapPage() {
  const search = useSearch({ from: '/map' });
  const navigate = useNavigate({ from: '/map' });
  const [zone, setZone] = useZone();
  const { bounds, error, refresh, now } = useRange(search, zone);
  const valid = error === undefined;
  const keep = { placeholderData: keepPreviousData };
  const extent = useQuery({ ...figures(extentSql(bounds), extentOf, valid), ...keep });
  const axis = axisOf(bounds, extent.data?.value, now);
  const toNanos = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n;
  const calls = useQuery({
    ...dependenciesQuery(bounds.from ?? toNanos(axis.from), bounds.to ?? toNanos(axis.to + 1000)),
    enabled: valid && extent.data !== undefined,
    ...keep,
  });
  const nodes = useQuery({ ...figures(servicesSql(bounds), servicesOf, valid), ...keep });
  const edges = useQuery({ ...figures(edgesSql(bounds), edgesOf, valid), ...keep });
  const change = (changes: Partial<Record<keyof MapSearch, string | undefined>>) =>
    void navigate({ search: (old) => changed(old, changes) });
  const depth = Math.min(4, Math.max(1, Number(search.depth) || 1));
  const all = calls.data;
  const names = useMemo(() => servicesOfCalls(all ?? []), [all]);
  const shown = useMemo(
    () => (search.focus ? neighbourhood(all ?? [], search.focus, depth) : (all ?? [])),
    [all, search.focus, depth],
  );
  const isLarge = servicesOfCalls(shown).length > DRAWN_MAX;
  const isList = search.view === 'list' || isLarge;
  const info: Info = useMemo(
    () => ({
      nodes: new Map(nodes.data?.value.map((node) => [node.name, node])),
      edges: new Map(edges.data?.value.map((edge) => [key(edge.caller, edge.callee), edge])),
      shared: sharedParts(names),
    }),
    [nodes.data, edges.data, names],
  );
  useShortcuts({
    r: refresh,
    v: () => change({ view: search.view === 'list' ? undefined : 'list' }),
  });
  const range = changed(search, { focus: undefined, depth: undefined, view: undefined });
  return (
    <Page
      title={search.focus ? `${oneLine(search.focus, 60)}: Map` : 'Map'}
      className={services.page}
    >
      <div className={services.bar}>
        <h1>Map</h1>
        {all && (
          <span className="t3 medium-only" role="status">
            {plural(names.length, 'service')}, {plural(all.length, 'connection')}
          </span>
        )}
        <div className={styles.focus}>
          <Combobox
            label="Service in the middle"
            placeholder="All services"
            value={search.focus ?? ''}
            options={names.map((value) => ({ value }))}
            onChange={(focus) => change({ focus: focus || undefined })}
          />
        </div>
        {search.focus && (
          <label className="row">
            <span className="t2 medium-only">Steps</span>
            <select
              className={styles.depth}
              aria-label="Steps around it"
              value={depth}
              onChange={(event) =>
                change({ depth: event.target.value === '1' ? undefined : event.target.value })
              }
            >
              {[1, 2, 3, 4].map((steps) => (
                <option key={steps}>{steps}</option>
              ))}
            </select>
          </label>
        )}
        <div className={controls.segments} role="group" aria-label="View">
          {(
            [
              ['map', Network, 'Drawing'],
              ['list', List, 'List'],
            ] as const
          ).map(([view, icon, words]) => (
            <button
              key={view}
              type="button"
              aria-pressed={isList === (view === 'list')}
              disabled={view === 'map' && isLarge}
              onClick={() => change({ view: view === 'list' ? 'list' : undefined })}
            >
              <Icon of={icon} /> <span className="medium-only">{words}</span>
            </button>
          ))}
        </div>
        <span className="grow" />
        <RangeTools
          search={search}
          zone={zone}
          error={error}
          onZone={setZone}
          onRange={(next) => change(rangeSearch(next))}
          onRefresh={refresh}
        />
      </div>
      <div className={styles.body} aria-busy={calls.isFetching}>
        {valid && (
          <Answered
            query={extent.data ? calls : extent}
            what="The calls could not be counted"
            doing="Counting calls…"
            cancels={extent.data ? DEPENDENCIES : FIGURES}
          >
            {null}
          </Answered>
        )}
        {all && shown.length === 0 && !search.focus && (
          <NothingHere
            what="No service called another in this range"
            zone={zone}
            onRange={(next) => change(rangeSearch(next))}
          />
        )}
        {isLarge && (
          <p className={shell.banner} role="status">
            {plural(servicesOfCalls(shown).length, 'service')} are too many to draw. Choose one to
            see what is around it.
          </p>
        )}
        {edges.isError && (
          <p className={shell.banner} role="status">
            Errors and durations of single connections are not to be had for this range: there are
            too many spans. The counts are complete.
          </p>
        )}
        {all &&
          (shown.length > 0 || search.focus) &&
          (isList ? (
            <CallList calls={shown} info={info} range={range} />
          ) : (
            <Drawn
              calls={shown}
              info={info}
              range={range}
              focus={search.focus}
              onFocus={(focus) => change({ focus })}
            />
          ))}
      </div>
      <FiguresStatus queries={[extent, nodes]} others={[calls]} />
    </Page>
  );
}

/** What is known of services and connections. */
interface Info {
  nodes: ReadonlyMap<string, ServiceFigures>;
  edges: ReadonlyMap<string, EdgeFigures>;
  shared: SharedParts;
}

/** A connection in words. */
function wordsOf(call: Call, edge: EdgeFigures | undefined): string {
  const words = [
    `${oneLine(call.caller, 60)} → ${oneLine(call.callee, 60)}`,
    plural(Math.round(call.calls), 'call'),
  ];
  if (edge) words.push(`${errorShare(edge)} errors`);
  if (edge?.p95 !== undefined) words.push(`p95 ${formatDuration(edge.p95)}`);
  return words.join(', ');
}

interface DrawnProps {
  calls: readonly Call[];
  info: Info;
  range: MapSearch;
  focus: string | undefined;
  onFocus: (focus: string) => void;
}

const ZOOMS = [0.4, 0.5, 0.65, 0.8, 1, 1.25, 1.5];
/** Smaller than this nothing can be read: it scrolls instead. */
const FIT_MIN = 0.65;

function Drawn({ calls, info, range, focus, onFocus }: DrawnProps) {
  const drawing = useMemo(() => place(calls, focus), [calls, focus]);
  const [host, width] = useWidth<HTMLElement>();
  const [chosen, setChosen] = useState<number>();
  const fitting = ZOOMS.findLast((z) => z <= 1 && drawing.width * z <= width) ?? FIT_MIN;
  const zoom = chosen ?? (width === 0 ? 1 : Math.max(FIT_MIN, fitting));
  const step = (by: number) => {
    const at = ZOOMS.indexOf(zoom);
    setChosen(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, at + by))] ?? 1);
  };
  useShortcuts({ '+': () => step(1), '-': () => step(-1), '0': () => setChosen(undefined) });
  const most = calls.reduce((max, call) => Math.max(max, call.calls), 1);
  const stroke = (count: number): number => 1 + 3 * (Math.log(1 + count) / Math.log(1 + most));
  return (
    <div className={styles.drawnBox}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it */}
      <section ref={host} className={styles.drawn} aria-label="Drawing of the calls" tabIndex={0}>
        <div
          className={styles.stage}
          style={{ width: drawing.width * zoom, height: drawing.height * zoom }}
        >
          <div className={styles.scaled} style={{ transform: `scale(${zoom})` }}>
            <svg
              width={drawing.width}
              height={drawing.height}
              role="img"
              aria-label={`${plural(calls.length, 'connection')}; the list says the same in words`}
            >
              <defs>
                {(['calls', 'failing'] as const).map((kind) => (
                  <marker
                    key={kind}
                    id={`arrow-${kind}`}
                    viewBox="0 0 8 8"
                    refX="7"
                    refY="4"
                    markerWidth="8"
                    markerHeight="8"
                    markerUnits="userSpaceOnUse"
                    orient="auto-start-reverse"
                  >
                    <path d="M0 0.5L8 4L0 7.5z" className={styles[kind]} />
                  </marker>
                ))}
              </defs>
              {drawing.edges.map(({ call, points }) => {
                const edge = info.edges.get(key(call.caller, call.callee));
                const isFailing =
                  edge !== undefined && edge.errors / (edge.calls || 1) >= ERROR_SHARE;
                return (
                  <path
                    key={key(call.caller, call.callee)}
                    className={isFailing ? styles.edgeFailing : styles.edge}
                    d={curve(points)}
                    strokeWidth={stroke(call.calls)}
                    strokeDasharray={isFailing ? '6 3' : undefined}
                    markerEnd={`url(#arrow-${isFailing ? 'failing' : 'calls'})`}
                  >
                    <title>{wordsOf(call, edge)}</title>
                  </path>
                );
              })}
            </svg>
            {drawing.nodes.map(({ name, x, y }) => (
              <Node
                key={name}
                name={name}
                x={x}
                y={y}
                figures={info.nodes.get(name)}
                shared={info.shared}
                isFocus={name === focus}
                range={range}
                onFocus={onFocus}
              />
            ))}
          </div>
        </div>
      </section>
      <div className={styles.zoom}>
        <IconButton icon={Plus} label="Larger (+)" onClick={() => step(1)} />
        <IconButton icon={Minus} label="Smaller (-)" onClick={() => step(-1)} />
      </div>
    </div>
  );
}

function Node(props: {
  name: string;
  x: number;
  y: number;
  figures: ServiceFigures | undefined;
  shared: SharedParts;
  isFocus: boolean;
  range: MapSearch;
  onFocus: (focus: string) => void;
}) {
  const { name, x, y, figures: red, shared, isFocus, range, onFocus } = props;
  return (
    <div
      className={styles.node}
      data-focus={isFocus}
      style={{
        ...serviceStyle(name),
        left: x - NODE_WIDTH / 2,
        top: y - NODE_HEIGHT / 2,
        width: NODE_WIDTH,
        height: NODE_HEIGHT,
      }}
    >
      <button
        type="button"
        aria-pressed={isFocus}
        title={`${oneLine(name)}: show what is around it`}
        onClick={() => onFocus(name)}
      >
        <Service name={name} shared={shared} />
      </button>
      <span className={styles.nodeFigures}>
        {red ? (
          <>
            <Link
              to="/service/$name"
              params={{ name }}
              search={range}
              aria-label={`Figures of ${oneLine(name, 60)}`}
            >
              {red.p95 === undefined ? 'figures' : `p95 ${formatDuration(red.p95)}`}
            </Link>
            {red.errors > 0 && (
              <span className="err">
                <Icon of={TriangleAlert} />
                {errorShare(red)}
              </span>
            )}
          </>
        ) : (
          <span className="t3">no spans of its own</span>
        )}
      </span>
    </div>
  );
}

type ListRow = Call & { figures: EdgeFigures | undefined };

const COLUMNS: readonly SortColumn<ListRow>[] = [
  { key: 'caller', head: 'Caller', value: ({ caller }) => caller },
  { key: 'callee', head: 'Called', value: ({ callee }) => callee },
  { key: 'calls', head: 'Calls', value: ({ calls }) => calls, right: true },
  {
    key: 'errors',
    head: 'Errors',
    value: ({ figures: red }) => (red ? red.errors / (red.calls || 1) : -1),
    right: true,
  },
  { key: 'p95', head: 'p95', value: ({ figures: red }) => red?.p95 ?? -1, right: true },
];

function CallList(props: { calls: readonly Call[]; info: Info; range: MapSearch }) {
  const { calls, info, range } = props;
  const [sort, setSort] = useState<string>();
  const rows = calls.map(({ caller, callee, calls: count }): ListRow => ({
    caller,
    callee,
    calls: count,
    figures: info.edges.get(key(caller, callee)),
  }));
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
    <section className={services.scroll} aria-label="List of the calls" tabIndex={0}>
      <table className={services.table} aria-label="Calls">
        <SortHead columns={COLUMNS} sort={sort} fallback="-calls" onSort={setSort} />
        <tbody>
          {sortRows(rows, COLUMNS, sort, '-calls').map((row) => (
            <tr key={key(row.caller, row.callee)}>
              {[row.caller, row.callee].map((name) => (
                <td key={name}>
                  <Link to="/service/$name" params={{ name }} search={range}>
                    <Service name={name} shared={info.shared} />
                  </Link>
                </td>
              ))}
              <td className="num">{formatCount(Math.round(row.calls))}</td>
              <td className={row.figures && row.figures.errors > 0 ? 'num err' : 'num t3'}>
                {row.figures && row.figures.errors > 0 && <Icon of={TriangleAlert} />}{' '}
                {row.figures ? errorShare(row.figures) : '–'}
              </td>
              <td className="num medium">
                {row.figures?.p95 === undefined ? '–' : formatDuration(row.figures.p95)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
