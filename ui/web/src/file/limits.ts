// Bounds of opened files: the page must stay usable whatever is dropped on it.

/** Bytes of all files of one opening, unpacked. */
export const BYTES_MAX = 256 * 1024 * 1024;

/** Spans of one opening. */
export const SPANS_MAX = 500_000;

/** Nesting of attribute values, and of messages in protobuf. */
export const DEPTH_MAX = 32;

/** Files of one opening. */
export const FILES_MAX = 50;
