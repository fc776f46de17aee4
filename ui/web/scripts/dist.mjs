// Where the build puts its files.

import { fileURLToPath } from 'node:url';

/** The folder that the server embeds. */
export const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
