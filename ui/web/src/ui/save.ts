// Saves what the page holds as a file of the reader's.

/** How long the browser may take to read what it saves, ms. */
const KEPT_MS = 10_000;

/** Offers `blob` as the file `name`. */
export function saveAs(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
