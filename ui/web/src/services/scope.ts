// What the panels of a service's page are about.

import type { Zone } from '../lib/zone';
import { changed, type ExploreSearch, type ServiceSearch } from '../shell/search';
import type { Kinds } from './model';
import type { Bounds, Role } from './statements';

/** One service, the spans of it that count, and the range. */
export interface Scope {
  name: string;
  role: Role;
  bounds: Bounds;
  axis: { from: number; to: number };
  zone: Zone;
  search: ServiceSearch;
  onSort: (sort: string | undefined) => void;
}

/** The spans that count: the chosen ones, else those that answer requests, else all. */
export function roleOf(search: ServiceSearch, kinds: Kinds | undefined): Role {
  if (search.kind === 'client' || search.kind === 'all') return search.kind;
  return kinds && kinds.entry === 0 ? 'all' : 'entry';
}

/** The range as Explore understands it. */
export function exploreRange({ from, to }: Bounds): Pick<ExploreSearch, 'from' | 'to'> {
  return changed<ExploreSearch>({}, { from: from?.toString(), to: to?.toString() });
}
