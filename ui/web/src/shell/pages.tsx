// Pages that stand in for a page: unknown address, broken page, page on its way.

import { Link, type ErrorComponentProps } from '@tanstack/react-router';
import { useEffect, type ReactNode } from 'react';

import { ErrorPanel } from './ErrorPanel';
import styles from './shell.module.css';

/** Id of the element that the skip link leads to. */
export const MAIN_ID = 'main';

/** The page's own part of the screen: content above, bottom line below. */
export function Page({
  title,
  className,
  children,
}: {
  title: string;
  className?: string;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Clew`;
  }, [title]);
  return (
    <main id={MAIN_ID} tabIndex={-1} className={className ?? styles.page}>
      {children}
    </main>
  );
}

/** An address that leads nowhere. */
export function UnknownPage() {
  return (
    <Page title="Not found">
      <div className={styles.center}>
        <h1 className={styles.big}>There is no page here</h1>
        <p className={styles.lead}>
          To open a trace, paste its id into the field at the top. To look for one, go to{' '}
          <Link to="/explore">Explore</Link>.
        </p>
      </div>
    </Page>
  );
}

/** A page that failed to draw. */
export function BrokenPage({ error }: ErrorComponentProps) {
  return (
    <Page title="Error">
      <div className={styles.center}>
        <ErrorPanel
          what="This page could not be shown"
          error={error}
          onRetry={() => location.reload()}
        />
      </div>
    </Page>
  );
}

/** A page on its way. */
export function LoadingPage() {
  return (
    <Page title="Loading">
      <div className={styles.center} aria-busy="true">
        <p className={styles.lead}>Loading…</p>
      </div>
    </Page>
  );
}
