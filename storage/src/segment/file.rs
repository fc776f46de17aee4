//! Writing and reading a segment's files with checksums.
//!
//! While a file is written, a CRC32 of the whole and one of each block of [`BLOCK`] bytes are taken. The blocks' checksums of the
//! two Parquet files stand in the index file, so that any range can be read and checked without reading the rest: Parquet's own
//! page checksums leave out the page headers and the footer.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use crc32fast::Hasher;

use super::cache::SegmentCache;
use crate::env::{Env, File};
use crate::error::StoreError;

/// Bytes that one checksum covers.
pub(super) const BLOCK: usize = 4096;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    file: Arc<dyn File>,
    written: u64,
    whole: Hasher,
    block: Hasher,
    blocks: Vec<u32>,
}

/// A file that has been written and is durable, its name aside.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) crc: u32,
    /// CRC32 of each block; the last one may be short.
    pub(super) blocks: Vec<u32>,
}

impl FileWriter {
    pub(super) fn create(env: &Env, path: &Path) -> Result<Self, StoreError> {
        let file = env
            .fs
            .create_new(path)
            .map_err(|source| io_error(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            written: 0,
            whole: Hasher::new(),
            block: Hasher::new(),
            blocks: Vec::new(),
        })
    }

    pub(super) fn finish(mut self) -> Result<Written, StoreError> {
        self.file
            .sync_all()
            .map_err(|source| io_error(&self.path, source))?;
        if !self.written.is_multiple_of(BLOCK as u64) {
            self.end_block();
        }
        Ok(Written {
            bytes: self.written,
            crc: self.whole.finalize(),
            blocks: self.blocks,
        })
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.blocks.push(block.finalize());
    }

    fn digest(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        while !bytes.is_empty() {
            let room = BLOCK - (self.written % BLOCK as u64) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.update(now);
            self.written += now.len() as u64;
            if now.len() == room {
                self.end_block();
            }
            bytes = later;
        }
    }
}

impl io::Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.written)?;
        self.digest(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file of known length that is read in part.
#[derive(Debug)]
pub(super) struct FileReader {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) file: Arc<dyn File>,
    /// Counts what is read.
    pub(super) cache: Arc<SegmentCache>,
}

impl FileReader {
    /// The bytes `range`, unchecked.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        if range.start > range.end || range.end > self.bytes {
            let Range { start, end } = range;
            let message = format!(
                "bytes {start} to {end} are asked for, but it has {}",
                self.bytes
            );
            return Err(self.corrupt(message));
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        match self.file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => {
                self.cache.count_read(bytes.len() as u64);
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.corrupt(format!("is shorter than its {} bytes", self.bytes)))
            }
            Err(source) => Err(io_error(&self.path, source)),
        }
    }

    /// The bytes `range`, checked against the checksums of all blocks that it touches.
    pub(super) fn read_checked(
        &self,
        range: Range<u64>,
        blocks: &[u32],
    ) -> Result<Bytes, StoreError> {
        let block = BLOCK as u64;
        let first = range.start / block;
        let end = range
            .end
            .next_multiple_of(block)
            .min(self.bytes)
            .max(range.start);
        let bytes = self.read(first * block..end)?;
        for (place, content) in bytes.chunks(BLOCK).enumerate() {
            let number = first as usize + place;
            if blocks.get(number) != Some(&crc32fast::hash(content)) {
                return Err(self.corrupt(format!(
                    "checksum of bytes {} and following",
                    number * BLOCK
                )));
            }
        }
        let start = (range.start - first * block) as usize;
        Ok(Bytes::from(bytes).slice(start..start + (range.end - range.start) as usize))
    }

    /// Reads everything and compares length and checksum.
    pub(super) fn verify(&self, crc: u32) -> Result<(), StoreError> {
        self.hash_blocks(crc).map(|_| ())
    }

    /// The same; the checksums of the blocks.
    pub(super) fn hash_blocks(&self, crc: u32) -> Result<Vec<u32>, StoreError> {
        const PIECE: usize = 256 * BLOCK;
        let (mut whole, mut blocks) = (Hasher::new(), Vec::new());
        for start in (0..self.bytes).step_by(PIECE) {
            let piece = self.read(start..(start + PIECE as u64).min(self.bytes))?;
            whole.update(&piece);
            blocks.extend(piece.chunks(BLOCK).map(crc32fast::hash));
        }
        if whole.finalize() != crc {
            return Err(self.corrupt("checksum of the whole file".to_owned()));
        }
        self.check_length().map(|()| blocks)
    }

    pub(super) fn check_length(&self) -> Result<(), StoreError> {
        let bytes = self
            .file
            .len()
            .map_err(|source| io_error(&self.path, source))?;
        if bytes == self.bytes {
            return Ok(());
        }
        Err(self.corrupt(format!("has {bytes} bytes instead of {}", self.bytes)))
    }

    pub(super) fn corrupt(&self, message: String) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            message,
        }
    }
}

pub(super) fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
