//! A segment's index file: what lets a query leave out files and rows that cannot hold what it looks for.
//!
//! ```text
//!   magic "CLEWIX01"
//!   sections, one behind the other
//!   directory: [kind u32 | number u32 | offset u64 | length u64 | crc32 u32] for each section
//!   trailer, 32 bytes: offset of the directory u64 | its length u64 | format u32 | crc32 u32 | magic "CLEWIX01"
//!
//!   section (kind)       content
//!   Name (1)             name of the segment, so that a file of another segment is noticed
//!   TraceFilter (2)      filter over trace ids                                            see `filter`
//!   TraceRows (3)        rows of each trace, sorted by id                                 see `traces`
//!   Values (4, number)   filter over what row group `number` holds; empty: may be all     see `values`, `paged`
//!   Operations (5)       services, span names and kinds                                   see `operations`
//!   Blocks (6, number)   crc32 u32 of each 4096 bytes of file `number` (0 spans, 1 traces)
//!   Salts (7)            u64 for each row group: what the hashes in its filter are mixed with    see `values`
//! ```
//!
//! Numbers are little endian. A section's checksum is checked when it is read, but for `TraceRows` and `Values`, whose blocks and pages have their
//! own. The trailer's checksum covers the directory and the trailer up to it. Everything here can be made anew from the Parquet files.
//!
//! A row group that was taken over from another segment keeps its filter, and so its salt. In format 2 salts follow from the name of the
//! segment and the number of the row group. In format 1 a section `Values` is a `filter` in one piece, whose hashes are not salted.

mod filter;
mod operations;
mod paged;
mod traces;
pub(super) mod values;

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::file::{FileReader, FileWriter, Written, io_error};
use crate::error::StoreError;
use crate::ids::TraceId;
use filter::Filter;
pub(super) use operations::OPERATIONS_MAX;
pub use operations::Operation;
use paged::Place;
use values::{Salt, SaltedFilter};

/// Version of the index file's layout.
const FORMAT: u32 = 3;
/// Salts are not written down.
const FORMAT_NAMED_SALTS: u32 = 2;
/// Filters over values are whole and without salt.
const FORMAT_WHOLE_FILTERS: u32 = 1;
const MAGIC: &[u8; 8] = b"CLEWIX01";
const TRAILER: usize = 32;
const DIRECTORY_ENTRY: usize = 28;
/// Bytes of a directory at most: far more row groups than 2^32 rows can have.
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
/// Bits for each trace: about one stranger in 1,000 gets through.
const TRACE_BITS: usize = 16;

/// What a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    Name = 1,
    TraceFilter = 2,
    TraceRows = 3,
    Values = 4,
    Operations = 5,
    Blocks = 6,
    Salts = 7,
}

/// What goes into an index file.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    pub(super) name: &'a str,
    /// Rows of each trace, sorted by id.
    pub(super) traces: &'a [(TraceId, Range<u32>)],
    /// Filter of each row group.
    pub(super) values: &'a [SaltedFilter],
    /// Service, name and kind; `None` when they are too many.
    pub(super) operations: Option<&'a [(&'a str, &'a str, &'a str)]>,
    /// Blocks' checksums of the two Parquet files.
    pub(super) blocks: [&'a [u32]; 2],
}

/// Writes an index file.
pub(super) fn write(
    mut file: FileWriter,
    path: &Path,
    contents: &Contents<'_>,
) -> Result<Written, StoreError> {
    let written = file.write_all(&encode(contents));
    written.map_err(|source| io_error(path, source))?;
    file.finish()
}

fn encode(contents: &Contents<'_>) -> Vec<u8> {
    let hashes: Vec<u64> = contents
        .traces
        .iter()
        .map(|(id, _)| xxh3_64(&id.0))
        .collect();
    let mut sections = Sections {
        bytes: MAGIC.to_vec(),
        directory: Vec::new(),
    };
    sections.push(Kind::Name, 0, contents.name.as_bytes());
    sections.push(Kind::TraceFilter, 0, &filter::build(&hashes, TRACE_BITS));
    sections.push(Kind::TraceRows, 0, &traces::build(contents.traces));
    for (row_group, filter) in contents.values.iter().enumerate() {
        sections.push(Kind::Values, row_group as u32, &filter.bytes);
    }
    let salts = contents.values.iter().map(|filter| filter.salt);
    let salts: Vec<u8> = salts.flat_map(Salt::to_le_bytes).collect();
    sections.push(Kind::Salts, 0, &salts);
    sections.push(Kind::Operations, 0, &operations::build(contents.operations));
    for (file, blocks) in contents.blocks.iter().enumerate() {
        let bytes: Vec<u8> = blocks.iter().flat_map(|crc| crc.to_le_bytes()).collect();
        sections.push(Kind::Blocks, file as u32, &bytes);
    }
    sections.finish()
}

struct Sections {
    bytes: Vec<u8>,
    directory: Vec<u8>,
}

impl Sections {
    fn push(&mut self, kind: Kind, number: u32, content: &[u8]) {
        self.directory.extend((kind as u32).to_le_bytes());
        self.directory.extend(number.to_le_bytes());
        self.directory
            .extend((self.bytes.len() as u64).to_le_bytes());
        self.directory.extend((content.len() as u64).to_le_bytes());
        self.directory
            .extend(crc32fast::hash(content).to_le_bytes());
        self.bytes.extend(content);
    }

    fn finish(mut self) -> Vec<u8> {
        let offset = self.bytes.len();
        self.bytes.extend(&self.directory);
        self.bytes.extend((offset as u64).to_le_bytes());
        self.bytes
            .extend((self.directory.len() as u64).to_le_bytes());
        self.bytes.extend(FORMAT.to_le_bytes());
        let crc = crc32fast::hash(&self.bytes[offset..]);
        self.bytes.extend(crc.to_le_bytes());
        self.bytes.extend(MAGIC);
        self.bytes
    }
}

/// Where a section stands.
#[derive(Debug, Clone)]
struct Section {
    kind: u32,
    number: u32,
    range: Range<u64>,
    crc: u32,
}

/// What is kept in memory of an index file: where its sections are, the filter over trace ids, and salts.
#[derive(Debug)]
pub(super) struct Index {
    format: u32,
    sections: Vec<Section>,
    trace_filter: Filter,
    /// Of each row group, where the file has them.
    salts: Vec<Salt>,
}

impl Index {
    /// Reads the directory and the trace filter of the index of segment `name`.
    pub(super) fn open(file: &FileReader, name: &str) -> Result<Self, StoreError> {
        let (format, sections) = read_directory(file)?;
        let mut index = Self {
            format,
            sections,
            trace_filter: no_filter(),
            salts: Vec::new(),
        };
        if index.read(file, Kind::Name, 0)? != name.as_bytes() {
            return Err(file.corrupt("belongs to another segment".to_owned()));
        }
        index.trace_filter = filter_of(file, index.read(file, Kind::TraceFilter, 0)?)?;
        if format > FORMAT_NAMED_SALTS {
            let bytes = index.read(file, Kind::Salts, 0)?;
            let (salts, _) = bytes.as_chunks::<8>();
            index.salts = salts.iter().copied().map(Salt::from_le_bytes).collect();
        }
        Ok(index)
    }

    /// False only when trace `id` is not here.
    pub(super) fn may_hold_trace(&self, id: TraceId) -> bool {
        self.trace_filter.may_hold(xxh3_64(&id.0))
    }

    /// The rows of trace `id`.
    pub(super) fn trace_rows(
        &self,
        file: &FileReader,
        id: TraceId,
    ) -> Result<Option<Range<u32>>, StoreError> {
        let section = self.section(file, Kind::TraceRows, 0)?;
        let place = |block: u64| section.range.start + block * traces::BLOCK as u64;
        let read = |block| file.read(place(block)..place(block + 1));
        let damaged =
            |block| file.corrupt(format!("checksum of the traces at byte {}", place(block)));
        let bytes = section.range.end - section.range.start;
        traces::find(id, bytes / traces::BLOCK as u64, read, damaged)
    }

    /// False only when nothing of the hash is in row group `row_group` of `segment`.
    pub(super) fn may_hold(
        &self,
        file: &FileReader,
        segment: &str,
        row_group: u32,
        hash: u64,
    ) -> Result<bool, StoreError> {
        if self.format == FORMAT_WHOLE_FILTERS {
            let filter = filter_of(file, self.read(file, Kind::Values, row_group)?)?;
            return Ok(filter.may_hold(hash));
        }
        let Some((hash, place)) = self.place(file, segment, row_group, hash)? else {
            return Ok(true);
        };
        let held = place.may_hold(hash, &file.read(place.page.clone())?);
        held.ok_or_else(|| {
            let start = place.page.start;
            file.corrupt(format!("checksum of the filter at byte {start}"))
        })
    }

    /// What [`Index::may_hold`] reads; `None` when that is nothing, or a whole filter.
    pub(super) fn page(
        &self,
        file: &FileReader,
        segment: &str,
        row_group: u32,
        hash: u64,
    ) -> Result<Option<Range<u64>>, StoreError> {
        if self.format == FORMAT_WHOLE_FILTERS {
            return Ok(None);
        }
        let place = self.place(file, segment, row_group, hash)?;
        Ok(place.map(|(_, place)| place.page))
    }

    /// The hash with the salt of row group `row_group` of `segment`, and the place for it in the filter, as the file counts bytes; `None` when there
    /// is no filter.
    fn place(
        &self,
        file: &FileReader,
        segment: &str,
        row_group: u32,
        hash: u64,
    ) -> Result<Option<(u64, Place)>, StoreError> {
        let section = &self.section(file, Kind::Values, row_group)?.range;
        if section.is_empty() {
            return Ok(None);
        }
        let hash = self.salt(file, segment, row_group)?.apply(hash);
        let mut place = Place::of(hash, section.end - section.start)
            .ok_or_else(|| file.corrupt("a filter has part of a page".to_owned()))?;
        place.page = section.start + place.page.start..section.start + place.page.end;
        Ok(Some((hash, place)))
    }

    fn salt(&self, file: &FileReader, segment: &str, row_group: u32) -> Result<Salt, StoreError> {
        if self.format == FORMAT_NAMED_SALTS {
            return Ok(Salt::of(segment, row_group));
        }
        let salt = self.salts.get(row_group as usize).copied();
        salt.ok_or_else(|| file.corrupt(format!("has no salt of row group {row_group}")))
    }

    /// The filter of row group `row_group` of `segment`; `None` when it has none that another segment could take over.
    pub(super) fn filter(
        &self,
        file: &FileReader,
        segment: &str,
        row_group: u32,
    ) -> Result<Option<SaltedFilter>, StoreError> {
        if self.format == FORMAT_WHOLE_FILTERS {
            return Ok(None);
        }
        let salt = self.salt(file, segment, row_group)?;
        let bytes = self.read(file, Kind::Values, row_group)?;
        Ok(Some(SaltedFilter { salt, bytes }))
    }

    /// The operations, `None` when there are too many to be listed.
    pub(super) fn operations(
        &self,
        file: &FileReader,
    ) -> Result<Option<Vec<Operation>>, StoreError> {
        let bytes = self.read(file, Kind::Operations, 0)?;
        operations::parse(&bytes).map_err(|_| file.corrupt("operations make no sense".to_owned()))
    }

    /// The checksums of the blocks of Parquet file `number`.
    pub(super) fn blocks(&self, file: &FileReader, number: u32) -> Result<Vec<u32>, StoreError> {
        let bytes = self.read(file, Kind::Blocks, number)?;
        let (blocks, _) = bytes.as_chunks::<4>();
        Ok(blocks.iter().map(|crc| u32::from_le_bytes(*crc)).collect())
    }

    fn section(&self, file: &FileReader, kind: Kind, number: u32) -> Result<&Section, StoreError> {
        let found = self
            .sections
            .iter()
            .find(|section| section.kind == kind as u32 && section.number == number);
        found.ok_or_else(|| file.corrupt(format!("has no section {kind:?} {number}")))
    }

    fn read(&self, file: &FileReader, kind: Kind, number: u32) -> Result<Vec<u8>, StoreError> {
        let section = self.section(file, kind, number)?;
        let bytes = file.read(section.range.clone())?;
        if crc32fast::hash(&bytes) != section.crc {
            return Err(file.corrupt(format!("checksum of section {kind:?} {number}")));
        }
        Ok(bytes)
    }
}

fn no_filter() -> Filter {
    Filter::new(Bytes::new()).expect("no byte is a whole number of blocks")
}

fn filter_of(file: &FileReader, bytes: Vec<u8>) -> Result<Filter, StoreError> {
    Filter::new(bytes.into()).ok_or_else(|| file.corrupt("a filter has part of a block".to_owned()))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(number)
}

/// The format and the sections.
fn read_directory(file: &FileReader) -> Result<(u32, Vec<Section>), StoreError> {
    file.check_length()?;
    let Some(trailer_start) = file.bytes.checked_sub(TRAILER as u64) else {
        return Err(file.corrupt("is too short for an index".to_owned()));
    };
    let trailer = file.read(trailer_start..file.bytes)?;
    let (offset, length) = (number::<8>(&trailer, 0), number::<8>(&trailer, 8));
    if trailer[24..] != *MAGIC
        || length > DIRECTORY_BYTES_MAX
        || offset.checked_add(length) != Some(trailer_start)
    {
        return Err(file.corrupt("does not end as an index does".to_owned()));
    }
    let directory = file.read(offset..trailer_start)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&directory);
    crc.update(&trailer[..20]);
    if u64::from(crc.finalize()) != number::<4>(&trailer, 20) {
        return Err(file.corrupt("checksum of the directory".to_owned()));
    }
    let format = number::<4>(&trailer, 16) as u32;
    if !(FORMAT_WHOLE_FILTERS..=FORMAT).contains(&format) {
        let reads = format!("{FORMAT_WHOLE_FILTERS} to {FORMAT}");
        return Err(file.corrupt(format!("has format {format}; this version reads {reads}")));
    }
    let (entries, rest) = directory.as_chunks::<DIRECTORY_ENTRY>();
    let sections: Vec<_> = entries
        .iter()
        .filter_map(|entry| parse_entry(entry, offset))
        .collect();
    if !rest.is_empty() || sections.len() < entries.len() {
        return Err(file.corrupt("a section reaches beyond the file".to_owned()));
    }
    Ok((format, sections))
}

/// An entry of the directory; `None` when the section ends behind `end`.
fn parse_entry(entry: &[u8; DIRECTORY_ENTRY], end: u64) -> Option<Section> {
    let (offset, length) = (number::<8>(entry, 8), number::<8>(entry, 16));
    let range = offset..offset.checked_add(length)?;
    (range.end <= end).then_some(Section {
        kind: number::<4>(entry, 0) as u32,
        number: number::<4>(entry, 4) as u32,
        range,
        crc: number::<4>(entry, 24) as u32,
    })
}
