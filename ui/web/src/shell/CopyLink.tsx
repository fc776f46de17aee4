// Copies a link to what is shown. Where its range moves with the clock, the reader chooses: moving on, or fixed.

import { Check, Link2 } from 'lucide-react';
import { useEffect, useState } from 'react';

import { Button, classes, Icon } from '../ui/controls';
import controls from '../ui/controls.module.css';
import { copyText } from '../ui/copy';
import { keepInView, usePopover } from '../ui/usePopover';
import { isLive, pinnedLink } from './links';
import styles from './shell.module.css';
import { useShortcuts } from './shortcuts';
import { useZone } from './useZone';
import { useCommands } from './commands';

/** How long the confirmation stays, ms. */
const SAID_MS = 1600;

/** See the module. `y` copies the link as it is. */
export function CopyLink() {
  const [zone] = useZone();
  const { open, setOpen, close, rootRef, buttonRef, rootProps } = usePopover();
  const [said, setSaid] = useState<string>();
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  const copy = async (link: string): Promise<void> => {
    setSaid((await copyText(link)) ? 'Link copied' : 'The link could not be copied');
    if (open) close();
  };
  const asIs = (): void => void copy(location.href);
  const fixed = (): void => void copy(pinnedLink(location.href, zone));
  useShortcuts({ y: asIs });
  useCommands(() => [
    { name: 'Copy link', group: 'Link', keys: 'y', run: asIs },
    ...(isLive(location.href)
      ? [{ name: 'Copy link with the time range fixed', group: 'Link', run: fixed }]
      : []),
  ]);
  return (
    <div className={styles.anchor} ref={rootRef} {...rootProps}>
      <Button
        ref={buttonRef}
        look="ghost"
        iconOnly
        aria-label="Copy a link to this page (y)"
        title="Copy a link to this page (y)"
        aria-expanded={open}
        onClick={() => (isLive(location.href) ? setOpen(!open) : asIs())}
      >
        <Icon of={said ? Check : Link2} />
      </Button>
      <span className="sr" role="status">
        {said}
      </span>
      {open && (
        <div
          ref={keepInView}
          className={classes(controls.pop, styles.menu)}
          role="dialog"
          aria-label="Copy link"
        >
          <h2>Copy link</h2>
          <Button onClick={asIs}>Range moves with the clock</Button>
          <Button onClick={fixed}>Range as it is now</Button>
        </div>
      )}
    </div>
  );
}
