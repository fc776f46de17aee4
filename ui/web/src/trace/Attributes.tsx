// Attributes as a list of keys and values: filtered, copied, looked for in other traces.

import { Link } from '@tanstack/react-router';
import { Copy, Filter, Plus, Search } from 'lucide-react';
import { useState } from 'react';

import type { Attribute, SpanDetail } from '../api/types';
import { formatTag } from '../lib/logfmt';
import { block, cut, formatBytes, oneLine, plural } from '../lib/text';
import { classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { CopyButton } from '../ui/copy';
import { addedToQuery } from './addToQuery';
import styles from './panel.module.css';

/** Characters of a value that are shown at first, and at all: the page must live through values of many megabytes. */
const VALUE_SHOWN = 2_000;
const VALUE_MAX = 200_000;

/** Longest value that can be looked for: it has to fit an address. */
const SEARCHED_MAX = 1_000;

/** Attributes shown of one list. */
const LIST_MAX = 500;

/** The span's own attributes and its resource's, with a filter. */
export function Attributes({ detail }: { detail: SpanDetail }) {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const fits = ({ key, value }: Attribute): boolean =>
    wanted === '' || key.toLowerCase().includes(wanted) || value.toLowerCase().includes(wanted);
  const own = detail.attributes.filter(fits);
  const resource = detail.resource.attributes.filter(fits);
  return (
    <>
      <div className={classes(controls.field, styles.filter)}>
        <Icon of={Filter} className="t3" />
        <input
          aria-label="Filter attributes"
          placeholder="Filter attributes"
          autoComplete="off"
          spellCheck={false}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
      </div>
      {own.length > 0 || wanted === '' ? (
        <AttributeList
          title="Span"
          attributes={own}
          service={detail.service_name}
          dropped={detail.dropped_attributes_count}
        />
      ) : null}
      {resource.length > 0 && (
        <AttributeList title="Resource" attributes={resource} service={detail.service_name} />
      )}
      {wanted !== '' && own.length + resource.length === 0 && (
        <p className={styles.empty}>No attribute contains “{oneLine(filter, 60)}”.</p>
      )}
    </>
  );
}

/** One list of attributes under a title. With `service`, values can be looked for in its other spans. */
export function AttributeList(props: {
  title: string;
  attributes: readonly Attribute[];
  service?: string;
  dropped?: number;
}) {
  const { title, attributes, service, dropped = 0 } = props;
  if (attributes.length === 0 && dropped === 0) return null;
  const shown = attributes.slice(0, LIST_MAX);
  return (
    <section aria-label={title}>
      <div className={styles.section}>
        <h3>{title}</h3>
        <span className="grow" />
        {attributes.length > 0 && (
          <CopyButton
            label={`Copy as key=value: ${title}`}
            text={() => attributes.map(({ key, value }) => formatTag([key, value])).join('\n')}
          />
        )}
      </div>
      <dl className={styles.list}>
        {shown.map((attribute, i) => (
          <Pair key={`${i}${attribute.key}`} attribute={attribute} service={service} />
        ))}
      </dl>
      {attributes.length > shown.length && (
        <p className={styles.empty}>
          {plural(attributes.length - shown.length, 'attribute')} more, in Raw
        </p>
      )}
      {dropped > 0 && (
        <p className={styles.empty}>{plural(dropped, 'attribute')} dropped by the sender</p>
      )}
    </section>
  );
}

function Pair({ attribute, service }: { attribute: Attribute; service: string | undefined }) {
  const { key, type, value } = attribute;
  const isSearchable =
    service !== undefined &&
    value.length <= SEARCHED_MAX &&
    type !== 'array' &&
    type !== 'map' &&
    type !== 'bytes';
  return (
    <div className={styles.pair}>
      <dt>
        <bdi>{oneLine(key, 400)}</bdi>
      </dt>
      <dd title={type === 'string' ? undefined : type}>
        <Value value={value} type={type} />
        <span className={styles.acts}>
          {isSearchable && (
            <Link
              to="/explore"
              search={addedToQuery(key, value)}
              aria-label={`Add ${oneLine(key, 80)} to the query`}
              title="Add to the last query"
            >
              <Icon of={Plus} />
            </Link>
          )}
          {isSearchable && (
            <Link
              to="/explore"
              search={{ service, tags: formatTag([key, value]) }}
              aria-label={`Find traces with this ${oneLine(key, 80)}`}
              title="Find traces with this value"
            >
              <Icon of={Search} />
            </Link>
          )}
          <CopyButton text={value} label={`Copy the value of ${oneLine(key, 80)}`} icon={Copy} />
        </span>
      </dd>
    </div>
  );
}

function Value({ value, type }: { value: string; type: Attribute['type'] }) {
  const [max, setMax] = useState(VALUE_SHOWN);
  if (type === 'empty') return <span className={styles.type}>no value</span>;
  if (value === '') return <span className={styles.type}>empty text</span>;
  const isLong = value.length > max;
  return (
    <>
      <bdi>{block(isLong ? cut(value, max) : value)}</bdi>
      {isLong && max < VALUE_MAX && (
        <>
          …{' '}
          <button type="button" className={styles.more} onClick={() => setMax(VALUE_MAX)}>
            Show all, {formatBytes(value.length)}
          </button>
        </>
      )}
      {isLong && max >= VALUE_MAX && (
        <span className={styles.type}>
          … cut after {formatBytes(VALUE_MAX)}; copying takes all of it
        </span>
      )}
    </>
  );
}
