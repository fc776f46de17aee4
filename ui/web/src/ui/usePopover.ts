// What every pop-up does: closes on Escape (focus goes back), on a press outside, and when focus leaves it; and stays within the
// window, wherever its button is.

import {
  useCallback,
  useEffect,
  useRef,
  useState,
  type FocusEvent,
  type KeyboardEvent,
} from 'react';

/** Least distance of a pop-up from the sides of the window, px. */
const MARGIN = 8;

/** Moves a pop-up that reaches over a side of the window back into it. Give it as the `ref` of the pop-up. */
export function keepInView(element: HTMLElement | null): void {
  if (!element) return;
  const { left, right } = element.getBoundingClientRect();
  const over = Math.max(0, right - (document.documentElement.clientWidth - MARGIN));
  // The left side wins: there a text begins.
  const by = Math.max(MARGIN - left, -over);
  if (by !== 0 && (left < MARGIN || over > 0)) element.style.translate = `${by}px 0`;
}

/** State and handlers of a pop-up. Put `rootRef` and `rootProps` on the element that holds both button and pop-up. */
export function usePopover() {
  const [open, setOpen] = useState(false);
  const rootRef = useRef<HTMLDivElement>(null);
  const buttonRef = useRef<HTMLButtonElement>(null);

  const close = useCallback((refocus = true) => {
    setOpen(false);
    if (refocus) buttonRef.current?.focus();
  }, []);

  useEffect(() => {
    if (!open) return undefined;
    const onDown = (event: PointerEvent) => {
      if (!rootRef.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', onDown);
    return () => document.removeEventListener('pointerdown', onDown);
  }, [open]);

  const rootProps = {
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || !open) return;
      event.stopPropagation();
      close();
    },
    onBlur: (event: FocusEvent) => {
      const to = event.relatedTarget as Node | null;
      if (to && !rootRef.current?.contains(to)) setOpen(false);
    },
  };
  return { open, setOpen, close, rootRef, buttonRef, rootProps };
}
