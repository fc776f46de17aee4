// What can be done from the palette. The shell has commands of its own; a page gives its own while it is shown.

import { useEffect, useRef, useSyncExternalStore } from 'react';

/** One thing to be done. */
export interface Command {
  name: string;
  /** Where it belongs, such as the name of the page. */
  group: string;
  /** Its keys, as the help shows them. */
  keys?: string | undefined;
  run: () => void;
}

const given = new Set<{ read: () => readonly Command[] }>();
const listeners = new Set<() => void>();
let version = 0;

function changed(): void {
  version++;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Offers `commands` while the component is shown. The list is read when the palette opens. */
export function useCommands(commands: () => readonly Command[]): void {
  const latest = useRef(commands);
  useEffect(() => {
    latest.current = commands;
  });
  useEffect(() => {
    const entry = { read: () => latest.current() };
    given.add(entry);
    changed();
    return () => {
      given.delete(entry);
      changed();
    };
  }, []);
}

/** All commands of the moment; those of the page first. */
export function useAllCommands(): Command[] {
  useSyncExternalStore(subscribe, () => version);
  return [...given].toReversed().flatMap(({ read }) => read());
}

/** Commands that have every word of `text` in name or group, best first: names that begin with it, then the others. */
export function narrowCommands(commands: readonly Command[], text: string): Command[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = commands.filter(({ name, group }) => {
    const all = `${group} ${name}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const starts = ({ name }: Command): boolean => name.toLowerCase().startsWith(words[0] ?? '');
  return [...found.filter(starts), ...found.filter((command) => !starts(command))];
}
