// The frame around every page: skip link, top bar, the page.

import { Outlet, useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';

import { MAIN_ID } from './pages';
import styles from './shell.module.css';
import { TopBar } from './TopBar';

function skip(event: { preventDefault: () => void }): void {
  // Not a plain fragment link: `<base>` would take it to another page.
  event.preventDefault();
  document.getElementById(MAIN_ID)?.focus();
}

/** A file that is dropped on any page is opened; without this the browser would leave for it. */
function useDroppedFiles(): void {
  const navigate = useNavigate();
  useEffect(() => {
    const hasFiles = ({ dataTransfer }: DragEvent): boolean =>
      dataTransfer?.types.includes('Files') ?? false;
    const onOver = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault();
    };
    const onDrop = (event: DragEvent) => {
      // A page that takes files itself has done so.
      if (event.defaultPrevented || !hasFiles(event)) return;
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      void navigate({ to: '/file' });
      void import('../file/opened').then(({ open }) => open(files));
    };
    window.addEventListener('dragover', onOver);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('drop', onDrop);
    };
  }, [navigate]);
}

/** See the module. */
export function App() {
  useDroppedFiles();
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
