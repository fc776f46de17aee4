// Spans of the stand-in: the same as those of an opened file, put together by the same rule.

export {
  assemble,
  fileSpan as mockSpan,
  type FileSpan as MockSpan,
  type FileTrace as MockTrace,
} from '../src/file/spans';
