//! A file as a stream of plain bytes: decompressed by its magic number, with a look at its beginning.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;

/// Bytes at the beginning that the format is told from.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// Largest zstd window that is accepted, as a power of two: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// A file that is being read.
pub(crate) struct Source {
    head: Vec<u8>,
    reader: Box<dyn BufRead + Send>,
}

impl Source {
    /// Opens `path`, or standard input if it is `-`; bytes that are read from disk are added to `progress`.
    pub(crate) fn open(path: &Path, progress: Arc<AtomicU64>) -> anyhow::Result<Self> {
        let raw: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(|| format!("cannot open {}", path.display()))?)
        };
        let raw = BufReader::with_capacity(
            1 << 18,
            Counted {
                inner: raw,
                progress,
            },
        );
        Self::new(raw).with_context(|| format!("cannot read {}", path.display()))
    }

    fn new(mut raw: impl BufRead + Send + 'static) -> io::Result<Self> {
        let magic = raw.fill_buf()?;
        let reader: Box<dyn BufRead + Send> = if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let mut decoder = zstd::Decoder::with_buffer(raw)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(BufReader::with_capacity(1 << 18, decoder))
        } else if magic.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::with_capacity(
                1 << 18,
                flate2::bufread::MultiGzDecoder::new(raw),
            ))
        } else {
            Box::new(raw)
        };
        let mut source = Self {
            head: Vec::new(),
            reader,
        };
        (&mut source.reader)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut source.head)?;
        // Some editors put a byte-order mark before JSON, which is none of it.
        if source.head.starts_with(b"\xef\xbb\xbf{") || source.head.starts_with(b"\xef\xbb\xbf[") {
            source.head.drain(..3);
        }
        Ok(source)
    }

    /// The first bytes, at most [`HEAD_BYTES`]; all if the file is shorter.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All bytes, from the first.
    pub(crate) fn into_reader(self) -> Box<dyn BufRead + Send> {
        Box::new(io::Cursor::new(self.head).chain(self.reader))
    }
}

/// Adds what is read to a counter.
struct Counted<R> {
    inner: R,
    progress: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Source::new(io::Cursor::new(bytes))?
            .into_reader()
            .read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn plain_zstd_and_gzip_read_the_same() {
        let text: Vec<u8> = (0..300_000_u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        assert_eq!(read(text.clone()).unwrap(), text);
        assert_eq!(read(zstd::encode_all(&text[..], 3).unwrap()).unwrap(), text);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert_eq!(read(gzip.finish().unwrap()).unwrap(), text);
    }

    #[test]
    fn a_cut_off_file_is_an_error_and_not_an_end() {
        let packed = zstd::encode_all(&vec![7_u8; 1 << 20][..], 3).unwrap();
        assert!(read(packed[..packed.len() - 2].to_vec()).is_err());
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        assert_eq!(read(Vec::new()).unwrap(), Vec::<u8>::new());
    }
}
