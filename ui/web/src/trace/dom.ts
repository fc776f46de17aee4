// Making elements by hand, where React would be too slow.

/** An element with a class. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className?: string,
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  return element;
}

/** A cell of a row. */
export function makeCell(row: HTMLElement, className?: string): HTMLElement {
  const cell = make('div', className);
  cell.setAttribute('role', 'gridcell');
  row.append(cell);
  return cell;
}

/** A row of a list. */
export function makeRow(className?: string): HTMLElement {
  const row = make('div', className);
  row.setAttribute('role', 'row');
  return row;
}
