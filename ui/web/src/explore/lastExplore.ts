// The search that was last looked at, so that other pages can lead back to it.

import type { ExploreSearch } from '../shell/search';

let last: ExploreSearch = {};

/** The search that was last looked at; without conditions when there was none. */
export function lastExplore(): ExploreSearch {
  return last;
}

/** Takes note of the search that is looked at. */
export function rememberExplore(search: ExploreSearch): void {
  last = search;
}
