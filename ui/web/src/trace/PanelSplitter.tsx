// The edge of the span panel: drags its width, or moves it by arrow keys. The width is set on the element around both,
// without React; it is remembered when the edge is let go.

import { useCallback, useEffect, useRef, type KeyboardEvent } from 'react';

import { preferences, setPreference } from '../shell/preferences';
import styles from './trace.module.css';

/** Bounds of the width, px; beyond half of the window the waterfall has no room. */
export const PANEL_MIN = 280;
const PANEL_MAX = 1200;
const STEP = 24;
/** The width unless another was chosen; the same stands in the stylesheet. */
const USUAL = 372;

/** The width that `wanted` becomes in a window of `inner` px. */
export function panelWidth(wanted: number, inner: number): number {
  return Math.round(Math.max(PANEL_MIN, Math.min(wanted, PANEL_MAX, inner / 2)));
}

/** See the module. Stands beside the panel. */
export function PanelSplitter() {
  const edge = useRef<HTMLDivElement>(null);
  const apply = useCallback((wanted: number): number | undefined => {
    const around = edge.current?.parentElement;
    if (!around) return undefined;
    if (wanted === 0) {
      around.style.removeProperty('--panel');
      edge.current?.setAttribute('aria-valuenow', String(USUAL));
      return 0;
    }
    const width = panelWidth(wanted, innerWidth);
    around.style.setProperty('--panel', `${width}px`);
    edge.current?.setAttribute('aria-valuenow', String(width));
    return width;
  }, []);
  useEffect(() => {
    const around = edge.current?.parentElement;
    apply(preferences().panelWidth);
    return () => {
      around?.style.removeProperty('--panel');
    };
  }, [apply]);

  const keep = (wanted: number): void => {
    const width = apply(wanted);
    if (width !== undefined) setPreference('panelWidth', width);
  };
  const at = (x: number): number =>
    (edge.current?.parentElement?.getBoundingClientRect().right ?? innerWidth) - x;
  const present = (): number => {
    const { left = 0, width = 0 } = edge.current?.getBoundingClientRect() ?? {};
    return at(left + width / 2);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowLeft' ? STEP : event.key === 'ArrowRight' ? -STEP : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    keep(present() + by);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a separator that can be moved is a control
    <div
      ref={edge}
      className={styles.panelSplitter}
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label="Width of the span panel"
      aria-valuemin={PANEL_MIN}
      aria-valuemax={PANEL_MAX}
      aria-valuenow={USUAL}
      onKeyDown={onKeyDown}
      onDoubleClick={() => keep(0)}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) apply(at(event.clientX));
      }}
      onPointerUp={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) keep(at(event.clientX));
      }}
    />
  );
}
