// Facets: for each key its most frequent values among what matches. A value is included by a click, excluded with Alt, or by its buttons.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChevronDown, ChevronRight, ListFilter, Minus, Plus, TriangleAlert, X } from 'lucide-react';
import { useMemo, useRef, useState, type KeyboardEvent } from 'react';

import { keysQuery, type Selection } from '../api/queries';
import type { Facet, FacetsAnswer } from '../api/types';
import { keyOfFacet, standOf, toggled, type Stand } from '../language/edit';
import { sharedParts } from '../lib/service';
import { formatCount, oneLine, plural } from '../lib/text';
import { classes, Icon, IconButton, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import styles from './facets.module.css';

/** Values shown of a key before “more” is pressed, and after. */
const SHOWN = { name: 6, other: 8 };
/** Keys that the field offers. */
const OFFERED = 8;

/** A map, not an object: an attribute may be called `__proto__`. */
const TITLES = new Map([
  ['service', 'Service'],
  ['name', 'Span name'],
  ['kind', 'Kind'],
  ['status', 'Status'],
]);

const titleOf = ({ key, is_attribute: isAttribute }: Facet): string =>
  (isAttribute ? undefined : TITLES.get(key)) ?? oneLine(key, 60);

interface Props {
  answer: FacetsAnswer | undefined;
  q: string;
  /** Attributes that were asked for. */
  keys: readonly string[];
  range: Pick<Selection, 'start' | 'end'>;
  isStale: boolean;
  /** Nothing is asked, because the query is wrong. */
  isIdle: boolean;
  onRun: (q: string) => void;
  onKeys: (keys: readonly string[]) => void;
}

/** See the module. */
export function Facets({ answer, q, keys, range, isStale, isIdle, onRun, onKeys }: Props) {
  const list = useRef<HTMLDivElement>(null);
  const [find, setFind] = useState('');
  const services = useMemo(
    () =>
      sharedParts(
        answer?.facets.find(({ key }) => key === 'service')?.values.map(({ value }) => value) ?? [],
      ),
    [answer],
  );
  const wanted = find.trim().toLowerCase();
  const shown = (answer?.facets ?? []).filter(
    (facet) =>
      (facet.span_count > 0 || keys.includes(facet.key)) &&
      (wanted === '' || titleOf(facet).toLowerCase().includes(wanted)),
  );
  const choose = (facet: Facet, value: string, as: 'included' | 'excluded') =>
    onRun(toggled(q, keyOfFacet(facet), value, as));
  /** Up and down move between values, whatever group they are in. */
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLButtonElement)) return;
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[data-step]') ?? [])];
    const at = all.indexOf(event.target);
    if (at === -1) return;
    event.preventDefault();
    all[Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
  };
  return (
    <div className={classes(styles.facets, isStale && styles.stale)}>
      <div className={styles.find}>
        <div className={classes(controls.field, styles.field)}>
          <Icon of={ListFilter} className="t3" />
          <input
            aria-label="Find a key"
            placeholder="Find a key"
            autoComplete="off"
            spellCheck={false}
            value={find}
            onChange={(event) => setFind(event.target.value)}
          />
          {find && <IconButton size="small" icon={X} label="Clear" onClick={() => setFind('')} />}
        </div>
      </div>
      <div ref={list} onKeyDown={onKeyDown} role="presentation">
        {shown.map((facet) => (
          <Group
            key={`${facet.is_attribute} ${facet.key}`}
            facet={facet}
            answer={answer}
            services={services}
            q={q}
            onChoose={(value, as) => choose(facet, value, as)}
            onRemove={
              keys.includes(facet.key) && facet.is_attribute
                ? () => onKeys(keys.filter((key) => key !== facet.key))
                : undefined
            }
          />
        ))}
        {!answer && !isIdle && <Skeleton />}
        {!answer && isIdle && <p className={styles.note}>Counted when the query is right</p>}
        {answer && shown.length === 0 && wanted === '' && (
          <p className={styles.note}>Nothing to count</p>
        )}
        {wanted !== '' && (
          <OtherKeys
            find={find.trim()}
            range={range}
            known={new Set(answer?.facets.map(({ key }) => key))}
            onAdd={(key) => {
              setFind('');
              onKeys([...keys, key]);
            }}
          />
        )}
      </div>
      {answer && answer.sample_weight > 1 && (
        <p className={styles.sampled}>
          Counts of attributes are estimated from one of {formatCount(answer.sample_weight)} spans.
        </p>
      )}
    </div>
  );
}

/** The column while the first answer is on its way. */
function Skeleton() {
  return (
    <div className={styles.skeleton} aria-hidden="true">
      {[44, 78, 62, 70, 54, 0, 38, 66, 58, 0, 42, 74, 50, 62].map((width, i) => (
        <i key={i} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

interface GroupProps {
  facet: Facet;
  answer: FacetsAnswer | undefined;
  services: ReturnType<typeof sharedParts>;
  q: string;
  onChoose: (value: string, as: 'included' | 'excluded') => void;
  onRemove: (() => void) | undefined;
}

function Group({ facet, answer, services, q, onChoose, onRemove }: GroupProps) {
  const [closed, setClosed] = useState(false);
  const [all, setAll] = useState(false);
  const { key, values, value_count: count } = facet;
  const limit = key === 'name' ? SHOWN.name : SHOWN.other;
  const shown = all ? values : values.slice(0, limit);
  const most = Math.max(facet.sampled || facet.without_own ? 1 : 0, values[0]?.span_count ?? 1);
  const about = facet.sampled ? '≈ ' : '';
  const rest = values.length - shown.length;
  const title = titleOf(facet);
  return (
    <section className={styles.group} aria-label={title}>
      <div className={styles.title}>
        <button type="button" data-step aria-expanded={!closed} onClick={() => setClosed(!closed)}>
          <Icon of={closed ? ChevronRight : ChevronDown} className="t3" />
          <bdi className={classes('ell', facet.is_attribute && 'mono')} title={oneLine(key)}>
            {title}
          </bdi>
          <span className="t3" title={plural(count.value, 'value')}>
            {count.exact ? '' : '≥ '}
            {formatCount(count.value)}
          </span>
        </button>
        {onRemove && (
          <IconButton size="small" icon={X} label={`Hide ${title}`} onClick={onRemove} />
        )}
      </div>
      {!closed && (
        <>
          {shown.map(({ value, span_count: spans }) => (
            <Value
              key={value}
              facet={facet}
              value={value}
              count={`${about}${formatCount(spans)}`}
              share={spans / most}
              services={services}
              stand={standOf(q, keyOfFacet(facet), value)}
              onChoose={(as) => onChoose(value, as)}
            />
          ))}
          {(rest > 0 || all) && values.length > limit && (
            <button type="button" data-step className={styles.more} onClick={() => setAll(!all)}>
              {all ? 'Fewer' : `${formatCount(rest)} more`}
            </button>
          )}
          {(all || rest === 0) && facet.other_count > 0 && (
            <p className={styles.note}>
              Other values <span>{about + formatCount(facet.other_count)}</span>
            </p>
          )}
          {facet.missing_count > 0 && answer && facet.span_count > 0 && (
            <p className={styles.note}>
              Without it <span>{about + formatCount(facet.missing_count)}</span>
            </p>
          )}
          {values.length === 0 && <p className={styles.note}>No span has it</p>}
        </>
      )}
    </section>
  );
}

function Value(props: {
  facet: Facet;
  value: string;
  count: string;
  share: number;
  services: ReturnType<typeof sharedParts>;
  stand: Stand;
  onChoose: (as: 'included' | 'excluded') => void;
}) {
  const { facet, value, count, share, services, stand, onChoose } = props;
  const words = oneLine(value, 80) || '(empty)';
  return (
    <div className={styles.value} data-stand={stand}>
      <button
        type="button"
        data-step
        className={styles.main}
        title={`${oneLine(value)}\nClick to include, Alt-click to exclude`}
        aria-pressed={stand === 'included'}
        aria-label={`${words}, ${count} spans${stand ? `, ${stand}` : ''}`}
        onClick={(event) => onChoose(event.altKey ? 'excluded' : 'included')}
        onKeyDown={(event) => {
          if (event.key === '-' || event.key === 'Delete') onChoose('excluded');
          else if (event.key === '+') onChoose('included');
          else return;
          event.preventDefault();
        }}
      >
        <span className={classes('ell', styles.label)}>
          {facet.key === 'service' && !facet.is_attribute ? (
            <Service name={value} shared={services} />
          ) : facet.key === 'status' && value === 'error' ? (
            <span className={classes('err', styles.error)}>
              <Icon of={TriangleAlert} />
              error
            </span>
          ) : (
            <bdi className={facet.is_attribute || facet.key === 'name' ? 'mono' : undefined}>
              {words}
            </bdi>
          )}
        </span>
        <span className={styles.count}>
          {stand === 'excluded' && <Icon of={Minus} />}
          {count}
        </span>
        <i style={{ width: `calc(${Math.min(1, share) * 100}% - 24px)` }} />
      </button>
      <span className={styles.acts}>
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Include ${words}`}
          title="Include"
          onClick={() => onChoose('included')}
        >
          <Icon of={Plus} />
        </button>
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Exclude ${words}`}
          title="Exclude"
          onClick={() => onChoose('excluded')}
        >
          <Icon of={Minus} />
        </button>
      </span>
    </div>
  );
}

/** Keys that are not shown yet, found by a part of their name. */
function OtherKeys(props: {
  find: string;
  range: Pick<Selection, 'start' | 'end'>;
  known: ReadonlySet<string>;
  onAdd: (key: string) => void;
}) {
  const { find, range, known, onAdd } = props;
  const keys = useQuery({ ...keysQuery(find, range, 40), placeholderData: keepPreviousData });
  const others = (keys.data?.keys ?? []).filter(
    ({ key, level }) => !known.has(key) && (level === 'span' || level === 'resource'),
  );
  if (others.length === 0)
    return keys.isFetching ? null : <p className={styles.note}>No other key</p>;
  return (
    <section className={styles.group} aria-label="Other keys">
      <div className={styles.heading}>Other keys</div>
      {others.slice(0, OFFERED).map(({ key, level, span_count: spans }) => (
        <div key={`${level} ${key}`} className={styles.value}>
          <button type="button" data-step className={styles.main} onClick={() => onAdd(key)}>
            <bdi className={classes('mono ell', styles.label)}>{oneLine(key, 80)}</bdi>
            <span className={styles.count}>{formatCount(spans)}</span>
          </button>
        </div>
      ))}
    </section>
  );
}
