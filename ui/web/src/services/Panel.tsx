// A panel of a service's page: a title, its figure, and what it shows.

import type { ReactNode } from 'react';

import { classes } from '../ui/controls';
import styles from './services.module.css';

/** See the module. */
export function Panel(props: {
  title: string;
  note?: string;
  figure?: ReactNode;
  aside?: ReactNode;
  wide?: boolean;
  full?: boolean;
  children: ReactNode;
}) {
  const { title, note, figure, aside, wide, full, children } = props;
  return (
    <section
      className={classes(styles.panel, wide && styles.wide, full && styles.full)}
      aria-label={title}
    >
      <div className={styles.panelHead}>
        <h2>{title}</h2>
        {figure && <b className={styles.figure}>{figure}</b>}
        {note && <span className="t3 ell">{note}</span>}
        <span className="grow" />
        {aside}
      </div>
      {children}
    </section>
  );
}
