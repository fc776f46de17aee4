// The bar at the top of every page.

import { Link, useNavigate, useRouterState } from '@tanstack/react-router';
import { CircleHelp, Command as CommandIcon } from 'lucide-react';
import { useEffect, useState } from 'react';

import { IconButton } from '../ui/controls';
import { useCommands, type Command } from './commands';
import { CopyLink } from './CopyLink';
import { HelpDialog } from './HelpDialog';
import { opensPalette, Palette } from './Palette';
import { preferences, setPreference } from './preferences';
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
  { to: '/status', name: 'Status', paths: /^\/status$/ },
] as const;

/** Pages that commands lead to. */
const PLACES = [
  { to: '/explore', name: 'Explore', keys: 'g e' },
  { to: '/services', name: 'Services', keys: 'g s' },
  { to: '/map', name: 'Map of calls', keys: 'g m' },
  { to: '/sql', name: 'SQL', keys: 'g q' },
  { to: '/status', name: 'Status', keys: 'g t' },
  { to: '/compare', name: 'Compare two traces', keys: undefined },
  { to: '/file', name: 'Open a file', keys: undefined },
] as const;

/** What the reader can set. */
function settings(showHelp: () => void): Command[] {
  const { singleKeys } = preferences();
  return [
    { name: 'System theme', group: 'Theme', run: () => setPreference('theme', 'system') },
    { name: 'Light theme', group: 'Theme', run: () => setPreference('theme', 'light') },
    { name: 'Dark theme', group: 'Theme', run: () => setPreference('theme', 'dark') },
    {
      name: 'Contrast as the system',
      group: 'Contrast',
      run: () => setPreference('contrast', 'system'),
    },
    { name: 'More contrast', group: 'Contrast', run: () => setPreference('contrast', 'more') },
    { name: 'Normal contrast', group: 'Contrast', run: () => setPreference('contrast', 'normal') },
    {
      name: singleKeys ? 'Switch single-letter keys off' : 'Switch single-letter keys on',
      group: 'Keys',
      run: () => setPreference('singleKeys', !singleKeys),
    },
    { name: 'Keyboard help', group: 'Keys', keys: '?', run: showHelp },
  ];
}

/** Whether the palette is open; its key opens it from anywhere but another dialog. */
function usePalette() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!opensPalette(event) || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, []);
  return [open, setOpen] as const;
}

/** See the module. */
export function TopBar() {
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = usePalette();
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
    'g t': () => void navigate({ to: '/status' }),
  });
  useCommands(() => [
    ...PLACES.map(({ name, keys, to }): Command => ({
      name,
      group: 'Go to',
      keys,
      run: () => void navigate({ to }),
    })),
    { name: 'Times in UTC', group: 'Zone', run: () => setZone('utc') },
    { name: 'Times in the zone of this machine', group: 'Zone', run: () => setZone('local') },
    ...settings(() => setHelp(true)),
  ]);
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
      <IconButton
        icon={CommandIcon}
        label="Commands (Ctrl+K)"
        className="medium-only"
        onClick={() => setPalette(true)}
      />
      <CopyLink />
      <ZoneSwitch zone={zone} onChange={setZone} />
      <ThemeSwitch />
      <IconButton icon={CircleHelp} label="Keyboard help (?)" onClick={() => setHelp(true)} />
      {help && <HelpDialog onClose={() => setHelp(false)} />}
      {palette && <Palette onClose={() => setPalette(false)} />}
    </header>
  );
}
