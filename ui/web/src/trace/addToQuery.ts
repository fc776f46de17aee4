// Takes an attribute of a span over into the search that was last looked at.

import { lastExplore } from '../explore/lastExplore';
import { clauses, standOf } from '../language/edit';
import { printKey } from '../language/print';
import { changed, clauseOfTag, type ExploreSearch } from '../shell/search';

/** The search, narrowed to `key=value`. Values that the key was to have take the new one; a query that cannot be read is given up. */
export function withTag(search: ExploreSearch, key: string, value: string): ExploreSearch {
  const clause = clauseOfTag([key, value]);
  const kept = clauses(search.q ?? '')
    .filter(({ text, node }) => node.is === 'not' || !comparesKey(text, key))
    .map(({ text, node }) => (node.is === 'any' && !text.startsWith('(') ? `(${text})` : text));
  const q = [...kept.filter((text) => text !== clause), clause].join(' ');
  return changed(search, { q, cursor: undefined, sel: undefined });
}

/** True for a condition of the form `key=…`. */
function comparesKey(text: string, key: string): boolean {
  const [clause] = clauses(text);
  const node = clause?.node;
  if (node?.is !== 'term' || node.test.is !== 'compares' || node.test.op !== '=') return false;
  return node.test.values.some(
    (value) => standOf(text, printKey('any', key), value.text) === 'included',
  );
}

/** The search that “add to the query” leads to. */
export function addedToQuery(key: string, value: string): ExploreSearch {
  return withTag(lastExplore(), key, value);
}
