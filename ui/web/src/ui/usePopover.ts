// What every pop-up does: closes on Escape (focus goes back), on a press outside, and when focus leaves it.

import {
  useCallback,
  useEffect,
  useRef,
  useState,
  type FocusEvent,
  type KeyboardEvent,
} from 'react';

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
