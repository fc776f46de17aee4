// What a trace that a search found is opened with: the conditions that its spans met, as the find of the trace's page has them,
// so that the spans that matched are marked there.

import { isAboutTrace } from '../language/check';
import { clauses, grouped, withClause } from '../language/edit';
import type { ExploreSearch, TraceSearch } from '../shell/search';
import { boxOf, durationTerm } from './box';

/**
 * The find of a trace found by `search`. Conditions on whole traces say nothing of a span; where there are no others, nothing
 * is looked for.
 */
export function findOf({ q, sel, unit }: ExploreSearch): TraceSearch {
  const wanted = clauses(q ?? '').filter(({ node }) => !isAboutTrace(node));
  let find = grouped(wanted).join(' ');
  // A box on the heatmap of spans is about them too, with its durations; its times a query cannot say.
  const box = unit === 'spans' ? boxOf(sel) : undefined;
  if (box?.min !== undefined) find = withClause(find, `duration>=${durationTerm(box.min)}`);
  if (box?.max !== undefined) find = withClause(find, `duration<${durationTerm(box.max)}`);
  return find ? { find } : {};
}
