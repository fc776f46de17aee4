// The attributes that facets are shown for, as they stand in the URL: a key may have blanks, so each is encoded.

/** Reads them. */
export function facetKeys(text: string | undefined): string[] {
  const keys: string[] = [];
  for (const word of (text ?? '').split(' ')) {
    try {
      const key = decodeURIComponent(word);
      if (key && !keys.includes(key)) keys.push(key);
    } catch {
      // Half of an encoded sign: someone cut the link.
    }
  }
  return keys;
}

/** Writes them. */
export function facetsText(keys: readonly string[]): string | undefined {
  return keys.map(encodeURIComponent).join(' ') || undefined;
}
