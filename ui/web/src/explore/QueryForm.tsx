// The query: service, span name, tags, durations, range, limit. Its state is a draft until it is run; then it is the URL.

import { useQuery } from '@tanstack/react-query';
import { CornerDownLeft } from 'lucide-react';
import { useId, useState, type FormEvent, type ReactNode } from 'react';

import { operationsQuery, servicesQuery } from '../api/queries';
import { Combobox, type Option } from '../ui/Combobox';
import { Button, classes, Icon, Service } from '../ui/controls';
import controls from '../ui/controls.module.css';
import type { Zone } from '../lib/zone';
import { nowNanos } from '../shell/now';
import { LIMIT_DEFAULT, LIMIT_MAX, type ExploreSearch } from '../shell/search';
import styles from './explore.module.css';
import { RangePicker } from './RangePicker';
import { prepare, type FieldErrors } from './request';

const LIMITS = [20, LIMIT_DEFAULT, 100, 200, 500, LIMIT_MAX];

/** Id of the first field, which `/` focuses. */
export const FIRST_FIELD = 'query-service';

interface Props {
  search: ExploreSearch;
  zone: Zone;
  onZone: (zone: Zone) => void;
  /** Runs `next`; the same search is run again. */
  onRun: (next: ExploreSearch) => void;
}

/** Drops fields that say nothing, and the page that the old query stood on. */
function cleaned(draft: ExploreSearch): ExploreSearch {
  const next: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(draft)) {
    const text = typeof value === 'string' ? value.trim() : value;
    if (text !== '' && text !== undefined && name !== 'cursor') next[name] = text;
  }
  return next as ExploreSearch;
}

/** The draft, what is wrong with it, and how to run it. */
function useDraft({ search, zone, onRun }: Props) {
  const [draft, setDraft] = useState(search);
  const [base, setBase] = useState(search);
  const [errors, setErrors] = useState<FieldErrors>(() => errorsOf(search, zone));
  if (base !== search) {
    // The URL changed by itself (back, a link): the draft follows it.
    setBase(search);
    setDraft(search);
    setErrors(errorsOf(search, zone));
  }
  const run = (patch: ExploreSearch = {}) => {
    const next = cleaned({ ...draft, ...patch });
    const found = errorsOf(next, zone);
    setDraft({ ...draft, ...patch });
    setErrors(found);
    if (Object.keys(found).length === 0) onRun(next);
  };
  /** What a text field shows and does. */
  const field = (name: 'tags' | 'min' | 'max') => ({
    value: draft[name],
    error: errors[name],
    onType: (text: string) => {
      setDraft({ ...draft, [name]: text });
      setErrors({ ...errors, [name]: undefined });
    },
  });
  return { draft, errors, run, field };
}

/** See the module. */
export function QueryForm(props: Props) {
  const { zone, onZone } = props;
  const { draft, errors, run, field } = useDraft(props);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run();
  };
  return (
    <form className={styles.query} aria-label="Query" onSubmit={submit}>
      <Choices draft={draft} onChoose={run} />
      <TextField
        className={styles.tags}
        label="Tags"
        placeholder={'Tags, all on one span: http.status_code=500 error="not found"'}
        {...field('tags')}
      />
      <TextField
        className={styles.duration}
        label="Shortest duration"
        placeholder="≥ 100ms"
        {...field('min')}
      />
      <TextField
        className={styles.duration}
        label="Longest duration"
        placeholder="≤ 1.2s"
        {...field('max')}
      />
      <RangePicker
        from={draft.from}
        to={draft.to}
        zone={zone}
        error={errors.range}
        onZone={onZone}
        onChange={(range) => run({ from: range.from ?? '', to: range.to ?? '' })}
      />
      <Limit value={draft.limit ?? LIMIT_DEFAULT} onChoose={(limit) => run({ limit })} />
      <Button look="primary" size="tall" type="submit">
        Run <Icon of={CornerDownLeft} />
      </Button>
    </form>
  );
}

function Limit({ value, onChoose }: { value: number; onChoose: (limit: number) => void }) {
  const limits = [...new Set([...LIMITS, value])].sort((a, b) => a - b);
  return (
    <select
      className={styles.limit}
      aria-label="Traces on a page"
      title="Traces on a page"
      value={value}
      onChange={(event) => onChoose(Number(event.target.value))}
    >
      {limits.map((limit) => (
        <option key={limit} value={limit}>
          {limit}
        </option>
      ))}
    </select>
  );
}

function errorsOf(search: ExploreSearch, zone: Zone): FieldErrors {
  const prepared = prepare(search, nowNanos(), zone);
  return prepared.ok ? {} : prepared.errors;
}

const drawService = ({ value }: Option): ReactNode => <Service name={value} />;

/** Service and span name, from the server's lists. */
function Choices({
  draft,
  onChoose,
}: {
  draft: ExploreSearch;
  onChoose: (patch: ExploreSearch) => void;
}) {
  const services = useQuery(servicesQuery());
  const operations = useQuery(operationsQuery(draft.service || undefined));
  const noteOf = ({
    isPending,
    isError,
  }: {
    isPending: boolean;
    isError: boolean;
  }): string | undefined => {
    if (isError) return 'The list could not be loaded. Enter uses the name as typed.';
    return isPending ? 'Loading…' : undefined;
  };
  const names = new Map<string, Set<string>>();
  for (const { name, kind } of operations.data?.operations ?? []) {
    names.set(name, (names.get(name) ?? new Set()).add(kind));
  }
  return (
    <>
      <div className={styles.service}>
        <Combobox
          id={FIRST_FIELD}
          label="Service"
          placeholder="Any service"
          value={draft.service ?? ''}
          options={(services.data?.services ?? []).map(({ name }) => ({ value: name }))}
          note={noteOf(services)}
          draw={drawService}
          onChange={(service) => onChoose({ service, operation: '' })}
        />
      </div>
      <div className={styles.operation}>
        <Combobox
          label="Span name"
          placeholder="Any span name"
          value={draft.operation ?? ''}
          options={[...names].map(([value, kinds]) => ({ value, hint: [...kinds].join(', ') }))}
          note={
            draft.service
              ? noteOf(operations)
              : 'Choose a service to see its span names. Enter uses the name as typed.'
          }
          onChange={(operation) => onChoose({ operation })}
        />
      </div>
    </>
  );
}

function TextField(props: {
  className: string | undefined;
  label: string;
  placeholder: string;
  value: string | undefined;
  error: string | undefined;
  onType: (text: string) => void;
}) {
  const { className, label, placeholder, value, error, onType } = props;
  const id = useId();
  return (
    <div className={className}>
      <div className={classes(controls.field, error && controls.invalid)}>
        <input
          className="mono"
          aria-label={label}
          aria-invalid={error !== undefined}
          aria-describedby={error ? id : undefined}
          title={placeholder}
          placeholder={placeholder}
          autoComplete="off"
          spellCheck={false}
          value={value ?? ''}
          onChange={(event) => onType(event.target.value)}
        />
      </div>
      {error && (
        <div id={id} className={classes(controls.pop, styles.problem)} role="alert">
          {error}
        </div>
      )}
    </div>
  );
}
