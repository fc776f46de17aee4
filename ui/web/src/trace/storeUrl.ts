// The state of a trace on the page as its URL says it.

import type { TraceSearch } from '../shell/search';
import { GROUPINGS } from './figures';
import type { TimeRange } from './layout';
import type { TraceStore } from './store';
import { VIEWS } from './views';

/** What the URL says of the state of `store`. */
export function searchOf(store: TraceStore): TraceSearch {
  const search: TraceSearch = {};
  if (store.wanted) search.span = store.wanted;
  else if (store.panelOpen && store.cursor >= 0)
    search.span = store.skeleton.reference(store.cursor);
  if (store.find.text) search.find = store.find.text;
  if (store.onlyMatches) search.only = '1';
  const { from, to } = store.range;
  if (store.range !== store.full) search.range = `${Math.round(from)},${Math.round(to)}`;
  if (store.view !== 'waterfall') search.view = store.view;
  const { group, pick, sort } = store.table;
  if (group) search.group = group;
  if (group && pick) search.pick = writeNames(pick);
  if (sort) search.sort = sort;
  if (!store.critical) search.cp = '0';
  if (store.cutIdle) search.gaps = '1';
  if (!store.visible.folding) search.fold = '0';
  const hide = store.hiddenNames();
  if (hide.length > 0) search.hide = writeNames(hide);
  return search;
}

/** Gives `store` the state that the URL says, where it is another one. */
export function applySearch(store: TraceStore, search: TraceSearch): void {
  const { span, find = '', only, range, cp, gaps, fold, hide, view, group, pick, sort } = search;
  const present = searchOf(store);
  if (view !== present.view) store.setView(VIEWS.find((each) => each === view) ?? 'waterfall');
  if (group !== present.group || pick !== present.pick || sort !== present.sort) {
    const by = GROUPINGS.find((each) => each === group);
    store.setTable({ group: by, pick: by && pick ? readNames(pick) : undefined, sort });
  }
  if (cp !== present.cp) store.setCritical(cp !== '0');
  if (gaps !== present.gaps) store.setCutIdle(gaps === '1');
  if (fold !== present.fold) store.setFolding(fold !== '0');
  if (hide !== present.hide) store.setHidden(readNames(hide));
  if (range !== present.range) store.setRange(parseRange(range) ?? store.full);
  if (find !== store.find.text) store.setFind(find);
  if (only !== present.only) store.setOnlyMatches(only === '1');
  if (span === present.span) return;
  if (span) store.select(span);
  else store.setPanel(false);
}

/** Names in one text; a comma within a name is escaped. */
function writeNames(names: readonly string[]): string {
  return names.map(encodeURIComponent).join(',');
}

function readNames(text: string | undefined): string[] {
  try {
    return text ? text.split(',').map(decodeURIComponent) : [];
  } catch {
    return [];
  }
}

function parseRange(text: string | undefined): TimeRange | undefined {
  const match = /^(-?\d{1,19}),(-?\d{1,19})$/.exec(text ?? '');
  if (!match) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2]);
  return to > from ? { from, to } : undefined;
}
