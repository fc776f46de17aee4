// Takes an attribute of a span over into the search that was last looked at.

import { lastExplore } from '../explore/lastExplore';
import { formatTags, parseTags } from '../lib/logfmt';
import type { ExploreSearch } from '../shell/search';

/** The last search, narrowed to `key=value`. A tag of the same key is replaced; tags that cannot be read are given up. */
export function withTag(search: ExploreSearch, key: string, value: string): ExploreSearch {
  const parsed = parseTags(search.tags ?? '');
  const others = parsed.ok ? parsed.tags.filter(([name]) => name !== key) : [];
  const { cursor: _, ...rest } = search;
  return { ...rest, tags: formatTags([...others, [key, value]]) };
}

/** The search that “add to the query” leads to. */
export function addedToQuery(key: string, value: string): ExploreSearch {
  return withTag(lastExplore(), key, value);
}
