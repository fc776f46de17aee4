// The frame around every page: skip link, top bar, the page.

import { Outlet } from '@tanstack/react-router';

import { MAIN_ID } from './pages';
import styles from './shell.module.css';
import { TopBar } from './TopBar';

function skip(event: { preventDefault: () => void }): void {
  // Not a plain fragment link: `<base>` would take it to another page.
  event.preventDefault();
  document.getElementById(MAIN_ID)?.focus();
}

/** See the module. */
export function App() {
  return (
    <div className={styles.app}>
      <a className={styles.skip} href={`#${MAIN_ID}`} onClick={skip}>
        Skip to content
      </a>
      <TopBar />
      <Outlet />
    </div>
  );
}
