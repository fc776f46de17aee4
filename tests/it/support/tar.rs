//! Reads the corpus' `.tar.zst` archives: plain ustar, regular files, short names.

use std::io::Read;
use std::path::Path;

/// One file of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// File name with its folders.
    pub(crate) path: String,
    /// Content.
    pub(crate) bytes: Vec<u8>,
}

impl Entry {
    /// File name without its folder.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// All regular files of the archive at `path`, in archive order.
pub(crate) fn read(path: &Path) -> Vec<Entry> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut raw = Vec::new();
    zstd::Decoder::new(file)
        .expect("zstd")
        .read_to_end(&mut raw)
        .expect("zstd");
    let mut entries = Vec::new();
    let mut at = 0;
    while raw.len() >= at + 512 && raw[at] != 0 {
        let header = &raw[at..at + 512];
        let size = usize::from_str_radix(field(&header[124..136]).trim(), 8).expect("octal size");
        let body = at + 512;
        if matches!(header[156], b'0' | 0) {
            entries.push(Entry {
                path: field(&header[..100]).to_owned(),
                bytes: raw[body..body + size].to_vec(),
            });
        }
        at = body + size.div_ceil(512) * 512;
    }
    entries
}

fn field(bytes: &[u8]) -> &str {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).expect("ASCII header")
}
