// Theme: the system's, light or dark. One button that goes round, in an order that always changes what is seen.

import { Monitor, Moon, Sun } from 'lucide-react';

import { IconButton } from '../ui/controls';
import { preferences, setPreference, usePreferences, type Theme } from './preferences';

const ICONS = { system: Monitor, light: Sun, dark: Moon };
const NAMES: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' };

/** The theme after the present one: the opposite of the system's first, then the other, then the system's again. */
export function nextTheme(): Theme {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const round: Theme[] = dark ? ['system', 'light', 'dark'] : ['system', 'dark', 'light'];
  return round[(round.indexOf(preferences().theme) + 1) % round.length] as Theme;
}

/** See the module. */
export function ThemeSwitch() {
  const { theme } = usePreferences();
  const label = `Theme: ${NAMES[theme]}. Change to ${NAMES[nextTheme()]} (\\)`;
  return (
    <IconButton
      icon={ICONS[theme]}
      label={label}
      onClick={() => setPreference('theme', nextTheme())}
    />
  );
}
