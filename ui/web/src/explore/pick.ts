// The traces that are marked for comparison, as they stand in the URL.

/** Their ids, A first. */
export function picked(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .filter((id) => /^[0-9a-f]{32}$/.test(id))
    .slice(0, 2);
}

/** Marks `id`, or takes its mark away; a third trace takes the place of the second. */
export function togglePicked(ids: readonly string[], id: string): string[] {
  if (ids.includes(id)) return ids.filter((other) => other !== id);
  return [...ids.slice(0, 1), id];
}
