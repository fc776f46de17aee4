//! Reading one log file from its bytes: every record that is intact, and what stands where one is not. Touches no file.

use std::ops::Range;

use bytes::Bytes;

use super::frame::{
    FileHeader, GROUP_HEADER_BYTES, GroupHeader, PAGE_BYTES, RECORD_HEADER_BYTES, Record,
    RecordHeader, Salt, page_up,
};

/// Bytes that should hold records and do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Place in the file.
    pub(crate) bytes: Range<usize>,
    /// Sequence numbers of the records that are lost; empty when nothing is.
    pub(crate) seqs: Range<u64>,
    /// What is wrong.
    pub(crate) reason: &'static str,
}

/// A record, or a place that should hold one; in file order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Record(Record),
    Bad(Bad),
}

/// What a log file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    /// Every record up to this one was durable, as the file itself says.
    pub(crate) durable_seq: u64,
    /// What follows the last group and is not zero: the rest of a write that never ended, or damage to the last group.
    pub(crate) tail: Range<usize>,
}

/// Reads all groups of a file whose header is `header`.
pub(crate) fn scan(file: &Bytes, header: &FileHeader) -> Scan {
    let mut scanner = Scanner {
        file,
        salt: header.salt(),
        next_seq: header.first_seq,
        scan: Scan {
            items: Vec::new(),
            durable_seq: header.first_seq.saturating_sub(1),
            tail: 0..0,
        },
    };
    let mut at = PAGE_BYTES;
    while let Some((start, group)) = scanner.next_group(at) {
        if group.first_seq > scanner.next_seq {
            scanner.bad(at..start, group.first_seq, "no intact group header");
        }
        scanner.group(start, &group);
        let end = group.body_bytes.saturating_add(start + GROUP_HEADER_BYTES);
        let end = end.min(file.len());
        at = page_up(end).min(file.len());
        if file[end..at].iter().any(|byte| *byte != 0) {
            let next_seq = scanner.next_seq;
            scanner.bad(end..at, next_seq, "what follows a group is not zero");
        }
    }
    let at = at.min(file.len());
    let end = last_non_zero(file).max(at);
    scanner.scan.tail = at..end;
    scanner.scan
}

/// The end of the last byte that is not zero.
fn last_non_zero(file: &[u8]) -> usize {
    const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
    let mut end = file.len();
    while end > 0 {
        let start = (end - 1) / PAGE_BYTES * PAGE_BYTES;
        if file[start..end] != ZEROS[..end - start] {
            let last = file[start..end].iter().rposition(|byte| *byte != 0);
            return last.map_or(start, |last| start + last + 1);
        }
        end = start;
    }
    0
}

struct Scanner<'a> {
    file: &'a Bytes,
    salt: Salt,
    /// The record that must come next.
    next_seq: u64,
    scan: Scan,
}

impl Scanner<'_> {
    /// The first page at or after `at` where an intact group begins that continues the sequence.
    fn next_group(&self, at: usize) -> Option<(usize, GroupHeader)> {
        let pages = (at..self.file.len()).step_by(PAGE_BYTES);
        let mut groups = pages.filter_map(|start| {
            let group = GroupHeader::parse(&self.salt, &self.file[start..])?;
            (group.first_seq >= self.next_seq).then_some((start, group))
        });
        groups.next()
    }

    fn bad(&mut self, bytes: Range<usize>, seqs_end: u64, reason: &'static str) {
        let seqs = self.next_seq..seqs_end;
        self.next_seq = seqs_end;
        self.scan.items.push(Item::Bad(Bad {
            bytes,
            seqs,
            reason,
        }));
    }

    fn group(&mut self, start: usize, group: &GroupHeader) {
        self.scan.durable_seq = self.scan.durable_seq.max(group.durable_seq);
        let seqs_end = group.first_seq.saturating_add(u64::from(group.count));
        let body = start + GROUP_HEADER_BYTES;
        let body_end = body.saturating_add(group.body_bytes).min(self.file.len());
        let mut at = body;
        while self.next_seq < seqs_end {
            let Some(end) = self.record(at, body_end) else {
                self.bad(at..body_end, seqs_end, "no intact record header");
                return;
            };
            at = end;
        }
    }

    /// Takes the record at `at`; where it ends, or `None` when its header does not say.
    fn record(&mut self, at: usize, body_end: usize) -> Option<usize> {
        let header = RecordHeader::parse(&self.salt, &self.file[at..body_end])?;
        let body = at + RECORD_HEADER_BYTES;
        let end = body + header.body_bytes();
        if header.seq() != self.next_seq || end > body_end {
            return None;
        }
        match header.record(&self.salt, &self.file.slice(body..end)) {
            Some(record) => {
                self.next_seq += 1;
                self.scan.items.push(Item::Record(record));
            }
            None => self.bad(
                at..end,
                self.next_seq + 1,
                "the checksum of the record is wrong",
            ),
        }
        Some(end)
    }
}
