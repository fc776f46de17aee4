// The command palette: everything that can be done here, found by typing; also goes to a trace by its id.

import { useNavigate } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';

import { servicesQuery } from '../api/queries';
import { oneLine } from '../lib/text';
import { parseTraceId } from '../lib/traceId';
import { Kbd } from '../ui/controls';
import { narrowCommands, useAllCommands, type Command } from './commands';
import styles from './palette.module.css';

/** Entries that are drawn. */
const SHOWN_MAX = 60;

/** True for the keys that open the palette: Ctrl+K, on Apple's machines Cmd+K. */
export function opensPalette(event: globalThis.KeyboardEvent): boolean {
  const isApple = /Mac|iP(hone|ad)/.test(navigator.platform);
  const held = isApple ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  return held && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k';
}

/** Forms that no one means as a command: long hex, a UUID, a traceparent, a link to a trace. */
const TRACE_LIKE =
  /^\s*(traceparent:|[0-9a-f]{2}-[0-9a-f]{32}-|[0-9a-f]{16,}\s*$|[0-9a-f]{8}-[0-9a-f]{4}-|https?:\S*\/traces?\/)/i;

/** Commands that follow from the text itself: a trace id, a service. */
function useTyped(text: string): Command[] {
  const navigate = useNavigate();
  const services = useQuery(servicesQuery());
  return useMemo(() => {
    const typed: Command[] = [];
    const parsed = TRACE_LIKE.test(text) ? parseTraceId(text) : undefined;
    if (parsed?.ok) {
      const { traceId, spanId } = parsed;
      typed.push({
        name: `Open trace ${traceId}`,
        group: 'Trace',
        run: () =>
          void navigate({
            to: '/trace/$traceId',
            params: { traceId },
            search: spanId ? { span: spanId } : {},
          }),
      });
    }
    if (text.trim().length >= 2)
      for (const { name } of services.data?.services ?? [])
        typed.push({
          name: oneLine(name, 120),
          group: 'Service',
          run: () => void navigate({ to: '/service/$name', params: { name } }),
        });
    return typed;
  }, [text, services.data, navigate]);
}

/** See the module. */
export function Palette({ onClose }: { onClose: () => void }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const commands = useAllCommands();
  const typed = useTyped(text);
  const [direct, others] = useMemo(() => split(typed), [typed]);
  const found = [...direct, ...narrowCommands([...commands, ...others], text)].slice(0, SHOWN_MAX);
  const at = Math.min(active, found.length - 1);

  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [id, at]);

  const run = (command: Command | undefined): void => {
    if (!command) return;
    // Closed first: what the command focuses must not be taken back by the dialog.
    dialog.current?.close();
    queueMicrotask(command.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      setActive((at + step + found.length) % found.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(found[at]);
    }
  };
  return (
    <dialog ref={dialog} className={styles.palette} aria-label="Commands" onClose={onClose}>
      <input
        role="combobox"
        aria-label="Command, service or trace id"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={found[at] ? `${id}-${at}` : undefined}
        placeholder="Command, service or trace id"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-list`} role="listbox" aria-label="Commands" className={styles.list}>
        {found.map((command, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
          <div
            key={`${command.group} ${command.name}`}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            className={styles.command}
            onPointerMove={() => (i === at ? undefined : setActive(i))}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => run(command)}
          >
            <span className="t3">{command.group}</span>
            <bdi className="ell grow">{command.name}</bdi>
            {command.keys && (
              <span className={styles.caps}>
                {command.keys.split(' ').map((cap) => (
                  <Kbd key={cap}>{cap}</Kbd>
                ))}
              </span>
            )}
          </div>
        ))}
      </div>
      <p className={styles.none} role="status">
        {found.length === 0 ? 'Nothing of this name' : ''}
      </p>
    </dialog>
  );
}

/** A trace id is meant literally and comes first; services are narrowed as commands are. */
function split(typed: readonly Command[]): [direct: Command[], others: Command[]] {
  return [
    typed.filter(({ group }) => group === 'Trace'),
    typed.filter(({ group }) => group !== 'Trace'),
  ];
}
