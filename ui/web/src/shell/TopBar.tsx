// The bar at the top of every page.

import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { CircleHelp } from 'lucide-react';
import { useState } from 'react';

import { IconButton } from '../ui/controls';
import { HelpDialog } from './HelpDialog';
import { setPreference } from './preferences';
import styles from './shell.module.css';
import { useShortcuts } from './shortcuts';
import { nextTheme, ThemeSwitch } from './ThemeSwitch';
import { TraceJump } from './TraceJump';
import { useZone } from './useZone';
import { ZoneSwitch } from './ZoneSwitch';

function Mark() {
  return (
    <svg
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      aria-hidden="true"
    >
      <circle cx="9" cy="9" r="7" />
      <path d="M3.6 12.6C7.2 11.4 11.6 7.6 13.6 3.8M2.3 8.2c2.6-.4 5.3-2.6 6.4-5.9M6.6 15.5c4-1.2 7.6-4.6 9-8" />
      <path d="M13.4 14.4c1.6 2.2 3.2 3 5.2 2.6" />
    </svg>
  );
}

/** Pages beside Explore. */
const PAGES = [
  { to: '/services', name: 'Services', paths: /^\/services?(\/|$)/ },
  { to: '/map', name: 'Map', paths: /^\/map$/ },
  { to: '/sql', name: 'SQL', paths: /^\/sql$/ },
] as const;

/** See the module. */
export function TopBar() {
  const [help, setHelp] = useState(false);
  const [zone, setZone] = useZone();
  const navigate = useNavigate();
  // A trace belongs to Explore: it is what Explore finds.
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const isExplore = /^\/(explore|trace\/|compare|file)/.test(path);
  useShortcuts({
    '?': () => setHelp(true),
    '\\': () => setPreference('theme', nextTheme()),
    z: () => setZone(zone === 'utc' ? 'local' : 'utc'),
    'g e': () => void navigate({ to: '/explore' }),
    'g s': () => void navigate({ to: '/services' }),
    'g m': () => void navigate({ to: '/map' }),
    'g q': () => void navigate({ to: '/sql' }),
  });
  return (
    <header className={styles.bar}>
      <Link className={styles.brand} to="/explore" aria-label="Clew, to Explore">
        <Mark />
        <span>Clew</span>
      </Link>
      <nav className={styles.nav} aria-label="Main">
        <Link to="/explore" activeOptions={{ includeSearch: false }} data-current={isExplore}>
          Explore
        </Link>
        {PAGES.map(({ to, name, paths }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ includeSearch: false }}
            data-current={paths.test(path)}
          >
            {name}
          </Link>
        ))}
      </nav>
      <span className={styles.space} />
      <TraceJump />
      <ZoneSwitch zone={zone} onChange={setZone} />
      <ThemeSwitch />
      <IconButton icon={CircleHelp} label="Keyboard help (?)" onClick={() => setHelp(true)} />
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </header>
  );
}
