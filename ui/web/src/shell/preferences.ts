// What this browser remembers of its user: theme, time zone, single-key shortcuts, and how wide the panes are.

import { useSyncExternalStore } from 'react';

import { knownZone, type Zone } from '../lib/zone';

/** Chosen theme; `system` follows the operating system. */
export type Theme = 'system' | 'light' | 'dark';

/** Contrast; `system` follows the operating system. */
export type Contrast = 'system' | 'more' | 'normal';

/** See the module. */
export interface Preferences {
  theme: Theme;
  contrast: Contrast;
  zone: Zone;
  /** Shortcuts of one letter can be switched off (WCAG 2.1.4). */
  singleKeys: boolean;
  /** Width of the tree beside the waterfall's bars, px; 0 for the usual share. */
  treeWidth: number;
  /** Width of the span panel, px; 0 for the usual one. */
  panelWidth: number;
}

const DEFAULTS: Preferences = {
  theme: 'system',
  contrast: 'system',
  zone: 'local',
  singleKeys: true,
  treeWidth: 0,
  panelWidth: 0,
};
const PREFIX = 'clew.';

function read(name: keyof Preferences): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

function width(text: string | null): number {
  const px = Number(text);
  return Number.isFinite(px) && px > 0 ? Math.min(px, 4000) : 0;
}

function load(): Preferences {
  const theme = read('theme');
  const contrast = read('contrast');
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : DEFAULTS.theme,
    contrast: contrast === 'more' || contrast === 'normal' ? contrast : DEFAULTS.contrast,
    zone: knownZone(read('zone')) ?? DEFAULTS.zone,
    singleKeys: read('singleKeys') !== 'false',
    treeWidth: width(read('treeWidth')),
    panelWidth: width(read('panelWidth')),
  };
}

let current: Preferences | undefined;
const listeners = new Set<() => void>();

/** The preferences of the moment. */
export function preferences(): Preferences {
  current ??= load();
  return current;
}

/** Changes one preference, here and in every other tab. */
export function setPreference<K extends keyof Preferences>(name: K, value: Preferences[K]): void {
  current = { ...preferences(), [name]: value };
  try {
    localStorage.setItem(PREFIX + name, String(value));
  } catch {
    // Storage is closed to this page: the choice holds until it is left.
  }
  announce();
}

function announce(): void {
  applyTheme();
  for (const listener of listeners) listener();
}

/** Writes theme and contrast where the stylesheet reads them. */
export function applyTheme(): void {
  const { theme, contrast } = preferences();
  const { dataset } = document.documentElement;
  if (theme === 'system') delete dataset['theme'];
  else dataset['theme'] = theme;
  if (contrast === 'system') delete dataset['contrast'];
  else dataset['contrast'] = contrast;
}

function onOtherTab(event: StorageEvent): void {
  if (event.key !== null && !event.key.startsWith(PREFIX)) return;
  current = undefined;
  announce();
}

/** Tells `listener` of every change until the returned function is called. */
export function onPreferences(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener('storage', onOtherTab);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.removeEventListener('storage', onOtherTab);
  };
}

/** The preferences, for components. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(onPreferences, preferences);
}
