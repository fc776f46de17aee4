// Copying to the clipboard, with a word of confirmation that is seen and spoken.

import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';

import { Button, Icon } from './controls';

/** Copies `text`; true when it worked. Plain HTTP on another host has no clipboard API, so the old command stands in. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.setAttribute('aria-hidden', 'true');
    area.style.position = 'fixed';
    area.style.opacity = '0';
    const host = document.querySelector('dialog[open]') ?? document.body;
    const focused = document.activeElement;
    host.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}

/** A button that copies; `text` may be worked out on the click. `label` names what is copied. */
export function CopyButton(props: {
  text: string | (() => string);
  label: string;
  words?: string;
  icon?: typeof Copy;
  size?: 'small' | 'normal';
  look?: 'ghost' | 'plain';
}) {
  const { text, label, words, icon = Copy, size = 'small', look = 'ghost' } = props;
  const [done, setDone] = useState<'copied' | 'failed'>();
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(undefined), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    setDone((await copyText(typeof text === 'function' ? text() : text)) ? 'copied' : 'failed');
  };
  const said = done === 'copied' ? 'Copied' : done === 'failed' ? 'Not copied' : undefined;
  return (
    <Button
      look={look}
      size={size}
      iconOnly={!words}
      title={label}
      aria-label={words ? undefined : label}
      onClick={() => void copy()}
    >
      <Icon of={done === 'copied' ? Check : icon} />
      {words && (said ?? words)}
      <span className="sr" role="status">
        {said}
      </span>
    </Button>
  );
}
