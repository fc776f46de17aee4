//! Bytes of the log: how headers, groups and records are written. Pure functions over byte slices; no file is touched here.
//!
//! The format is drawn in [the module above](super).

use std::sync::Arc;

use bytes::Bytes;
use crc32fast::Hasher;

/// Groups begin at multiples of this many bytes, so that writing one never rewrites a sector of the one before.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Bytes of a group's header.
pub(crate) const GROUP_HEADER_BYTES: usize = 40;
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;
/// Version of the format that this code writes, and the only one that it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

const FILE_MAGIC: [u8; 8] = *b"CLEWWAL\0";
const FILE_HEADER_BYTES: usize = 64;
/// Where the second copy of the file header stands.
const HEADER_COPY_AT: usize = PAGE_BYTES / 2;
const GROUP_MAGIC: [u8; 4] = *b"CLWG";
const RUN_BYTES: usize = 12;

/// One payload with what is needed to decode it again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Place in the log; contiguous from 1.
    pub(crate) seq: u64,
    pub(crate) tenant: Arc<str>,
    pub(crate) received_at_unix_nano: u64,
    /// The decoder's number for what the payload is.
    pub(crate) kind: u16,
    /// Version of the decoder that accepted the payload.
    pub(crate) decoder_version: u16,
    /// What admission decided: runs of (spans, weight).
    pub(crate) weights: Vec<(u32, f64)>,
    pub(crate) payload: Bytes,
}

/// What stands at the start of a log file, twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// Random; salts every checksum of the file.
    pub(crate) file_id: [u8; 16],
    /// Process that wrote the file, by its number in the manifest.
    pub(crate) incarnation: u64,
    /// Files are numbered in the order of their making.
    pub(crate) number: u64,
    /// First sequence number in the file. Whatever an older file holds from here on was never acknowledged and is void;
    /// everything below was durable before.
    pub(crate) first_seq: u64,
    /// Version of the manifest when the file was made; a later start must find at least this one.
    pub(crate) manifest_version: u64,
}

/// Checksums of one file: CRC32 over the file id and the contents.
#[derive(Debug, Clone)]
pub(crate) struct Salt(Hasher);

impl Salt {
    pub(crate) fn new(file_id: &[u8; 16]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(file_id);
        Self(hasher)
    }

    pub(crate) fn crc(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(bytes);
        hasher.finalize()
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slice of N bytes makes an array of N bytes")
}

/// The multiple of the page size at or above `bytes`.
pub(crate) fn page_up(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES)
}

impl FileHeader {
    pub(crate) fn salt(&self) -> Salt {
        Salt::new(&self.file_id)
    }

    /// The first page of a file.
    pub(crate) fn encode(&self) -> [u8; PAGE_BYTES] {
        let mut header = [0; FILE_HEADER_BYTES];
        header[0..8].copy_from_slice(&FILE_MAGIC);
        header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[16..32].copy_from_slice(&self.file_id);
        header[32..40].copy_from_slice(&self.incarnation.to_le_bytes());
        header[40..48].copy_from_slice(&self.number.to_le_bytes());
        header[48..56].copy_from_slice(&self.first_seq.to_le_bytes());
        header[56..64].copy_from_slice(&self.manifest_version.to_le_bytes());
        let crc = Self::crc(&header);
        header[12..16].copy_from_slice(&crc.to_le_bytes());
        let mut page = [0; PAGE_BYTES];
        page[..FILE_HEADER_BYTES].copy_from_slice(&header);
        page[HEADER_COPY_AT..HEADER_COPY_AT + FILE_HEADER_BYTES].copy_from_slice(&header);
        page
    }

    /// Reads the header of a file from whichever copy is intact; true when anything else of the first page is damaged.
    pub(crate) fn parse(file: &[u8]) -> Result<(Self, bool), String> {
        let copies = [0, HEADER_COPY_AT]
            .map(|at| Self::parse_copy(file.get(at..at + FILE_HEADER_BYTES).unwrap_or_default()));
        match copies {
            [Ok(first), Ok(second)] if first == second => {
                Ok((first, !file.starts_with(&first.encode())))
            }
            [Ok(header), Err(_)] | [Err(_), Ok(header)] => Ok((header, true)),
            [Err(reason), Err(_)] => Err(reason),
            [Ok(_), Ok(_)] => Err("the two copies of the file header differ".to_owned()),
        }
    }

    fn parse_copy(header: &[u8]) -> Result<Self, String> {
        if header.len() < FILE_HEADER_BYTES {
            return Err("the file is shorter than its header".to_owned());
        }
        if header[0..8] != FILE_MAGIC {
            return Err("the file header does not begin as a log file does".to_owned());
        }
        if u32_at(header, 12) != Self::crc(header) {
            return Err("the checksum of the file header is wrong".to_owned());
        }
        let version = u32_at(header, 8);
        if version != FORMAT_VERSION {
            return Err(format!(
                "format version {version} is not known (this program reads {FORMAT_VERSION})"
            ));
        }
        Ok(Self {
            file_id: array_at(header, 16),
            incarnation: u64_at(header, 32),
            number: u64_at(header, 40),
            first_seq: u64_at(header, 48),
            manifest_version: u64_at(header, 56),
        })
    }

    fn crc(header: &[u8]) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(&header[..12]);
        hasher.update(&header[16..FILE_HEADER_BYTES]);
        hasher.finalize()
    }
}

/// Header of a group, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    /// Bytes of the records after the header.
    pub(crate) body_bytes: usize,
    /// Number of records; 0 for a mark that only tells how far the log is durable.
    pub(crate) count: u32,
    /// Sequence number of the first record.
    pub(crate) first_seq: u64,
    /// Every record up to this one was durable before the group was written.
    pub(crate) durable_seq: u64,
}

impl GroupHeader {
    fn encode(&self, salt: &Salt, out: &mut [u8]) {
        out[0..4].copy_from_slice(&GROUP_MAGIC);
        out[8..16].copy_from_slice(&(self.body_bytes as u64).to_le_bytes());
        out[16..20].copy_from_slice(&self.count.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        out[32..40].copy_from_slice(&self.durable_seq.to_le_bytes());
        let crc = salt.crc(&out[8..GROUP_HEADER_BYTES]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// The header at the start of `bytes`, if one stands there whole.
    pub(crate) fn parse(salt: &Salt, bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..GROUP_HEADER_BYTES)?;
        if header[0..4] != GROUP_MAGIC || u32_at(header, 4) != salt.crc(&header[8..]) {
            return None;
        }
        Some(Self {
            body_bytes: usize::try_from(u64_at(header, 8)).ok()?,
            count: u32_at(header, 16),
            first_seq: u64_at(header, 24),
            durable_seq: u64_at(header, 32),
        })
    }
}

/// Bytes that `record` takes in a group.
pub(crate) fn record_bytes(record: &Record) -> usize {
    RECORD_HEADER_BYTES
        + record.tenant.len()
        + record.weights.len() * RUN_BYTES
        + record.payload.len()
}

/// Appends a group, padded to whole pages, to `out`, whose length must be a multiple of the page size.
///
/// `records` follow each other from `first_seq`; an empty list makes a mark.
pub(crate) fn encode_group(
    salt: &Salt,
    first_seq: u64,
    durable_seq: u64,
    records: &[Record],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.resize(start + GROUP_HEADER_BYTES, 0);
    for record in records {
        encode_record(salt, record, out);
    }
    let header = GroupHeader {
        body_bytes: out.len() - start - GROUP_HEADER_BYTES,
        count: records.len() as u32,
        first_seq,
        durable_seq,
    };
    header.encode(salt, &mut out[start..]);
    out.resize(start + page_up(out.len() - start), 0);
}

fn encode_record(salt: &Salt, record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    let body = start + RECORD_HEADER_BYTES;
    out.resize(body, 0);
    out.extend_from_slice(record.tenant.as_bytes());
    for (spans, weight) in &record.weights {
        out.extend_from_slice(&spans.to_le_bytes());
        out.extend_from_slice(&weight.to_bits().to_le_bytes());
    }
    out.extend_from_slice(&record.payload);
    let body_crc = salt.crc(&out[body..]);
    let header = &mut out[start..body];
    header[4..8].copy_from_slice(&body_crc.to_le_bytes());
    header[8..16].copy_from_slice(&record.seq.to_le_bytes());
    header[16..24].copy_from_slice(&record.received_at_unix_nano.to_le_bytes());
    header[24..26].copy_from_slice(&record.kind.to_le_bytes());
    header[26..28].copy_from_slice(&record.decoder_version.to_le_bytes());
    header[28..32].copy_from_slice(&(record.tenant.len() as u32).to_le_bytes());
    header[32..36].copy_from_slice(&(record.weights.len() as u32).to_le_bytes());
    header[36..40].copy_from_slice(&(record.payload.len() as u32).to_le_bytes());
    let crc = salt.crc(&header[4..]);
    header[0..4].copy_from_slice(&crc.to_le_bytes());
}

/// A record's header, checked: what its body must be.
pub(crate) struct RecordHeader<'a> {
    bytes: &'a [u8],
}

impl<'a> RecordHeader<'a> {
    /// The header at the start of `bytes`, if it is intact.
    pub(crate) fn parse(salt: &Salt, bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..RECORD_HEADER_BYTES)?;
        (u32_at(bytes, 0) == salt.crc(&bytes[4..])).then_some(Self { bytes })
    }

    pub(crate) fn seq(&self) -> u64 {
        u64_at(self.bytes, 8)
    }

    fn tenant_bytes(&self) -> usize {
        u32_at(self.bytes, 28) as usize
    }

    fn runs_bytes(&self) -> usize {
        u32_at(self.bytes, 32) as usize * RUN_BYTES
    }

    /// Bytes of tenant, runs and payload.
    pub(crate) fn body_bytes(&self) -> usize {
        self.tenant_bytes() + self.runs_bytes() + u32_at(self.bytes, 36) as usize
    }

    /// The record, if its body is intact.
    pub(crate) fn record(&self, salt: &Salt, body: &Bytes) -> Option<Record> {
        if u32_at(self.bytes, 4) != salt.crc(body) {
            return None;
        }
        let runs_at = self.tenant_bytes();
        let payload_at = runs_at + self.runs_bytes();
        let runs = body[runs_at..payload_at].chunks_exact(RUN_BYTES);
        Some(Record {
            seq: self.seq(),
            tenant: std::str::from_utf8(&body[..runs_at]).ok()?.into(),
            received_at_unix_nano: u64_at(self.bytes, 16),
            kind: u16_at(self.bytes, 24),
            decoder_version: u16_at(self.bytes, 26),
            weights: runs
                .map(|run| (u32_at(run, 0), f64::from_bits(u64_at(run, 4))))
                .collect(),
            payload: body.slice(payload_at..),
        })
    }
}
