// The colours of the stylesheet, for canvases. Read again when the theme changes.

import { SERVICE_SLOTS, serviceSlot } from '../lib/service';
import { onPreferences } from '../shell/preferences';

const NAMES = [
  'surface',
  'surface-2',
  'hover',
  'selected',
  'line',
  'line-2',
  'line-control',
  'guide',
  'text',
  'text-2',
  'text-3',
  'ink',
  'accent',
  'error',
  'error-soft',
  'mark',
  'mark-line',
  'heat-1',
  'heat-2',
  'heat-3',
  'heat-4',
  'heat-5',
  'heat-6',
  'heat-7',
] as const;

/** A colour of `tokens.css`. */
export type ColorName = (typeof NAMES)[number];

/** See the module. */
export interface Palette {
  color: Record<ColorName, string>;
  /** Colours of the service slots; place 0 is not used. */
  slots: readonly string[];
  /** The interface's font family. */
  font: string;
}

/** Reads the colours as they are now. */
export function readPalette(): Palette {
  const probe = document.createElement('i');
  probe.style.display = 'none';
  probe.style.setProperty('forced-color-adjust', 'none');
  document.body.append(probe);
  const computed = getComputedStyle(probe);
  const resolve = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return computed.color;
  };
  const color = Object.fromEntries(NAMES.map((name) => [name, resolve(name)])) as Record<
    ColorName,
    string
  >;
  const slots = Array.from({ length: SERVICE_SLOTS + 1 }, (_, slot) =>
    slot === 0 ? '' : resolve(`svc-${slot}`),
  );
  const font = getComputedStyle(document.body).fontFamily;
  probe.remove();
  return { color, slots, font };
}

/** The slot of each service of a trace. */
export function slotsOf(services: readonly string[]): Uint8Array {
  return Uint8Array.from(services, serviceSlot);
}

/** Tells `listener` when the colours may have changed, until the returned function is called. */
export function onPaletteChange(listener: () => void): () => void {
  const queries = [
    '(prefers-color-scheme: dark)',
    '(prefers-contrast: more)',
    '(forced-colors: active)',
  ].map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener('change', listener);
  const off = onPreferences(listener);
  return () => {
    for (const query of queries) query.removeEventListener('change', listener);
    off();
  };
}

/** `color` as red, green, blue, alpha from 0 to 255, packed as `ImageData` wants them on this machine. */
export function packedColor(color: string): number {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return 0;
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0] as number;
}
