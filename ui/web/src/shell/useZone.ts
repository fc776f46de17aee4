// The time zone that the page speaks: the one in its URL, so that a link shows the same times, else the user's own.

import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

import { knownZone, type Zone } from '../lib/zone';
import { setPreference, usePreferences } from './preferences';

/** The zone and how to change it. */
export function useZone(): readonly [Zone, (zone: Zone) => void] {
  const search = useSearch({ strict: false });
  const own = usePreferences().zone;
  const navigate = useNavigate();
  const change = useCallback(
    (zone: Zone) => {
      setPreference('zone', zone);
      void navigate({ to: '.', search: (previous) => ({ ...previous, tz: zone }), replace: true });
    },
    [navigate],
  );
  return [knownZone(search.tz) ?? own, change];
}
