use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::frame::{FileHeader, PAGE_BYTES, Record, encode_group, record_bytes};
use super::replay::{Position, Replay, replay};
use super::scan::{Item, scan};
use super::writer::{LogFiles, Writer, WriterOptions};
use crate::env::FileSystem;
use crate::env::testing::{Fault, Loss, Operation, SimEnv};
use crate::error::StoreError;

const DIR: &str = "/wal";
const START: Position = Position {
    flushed_seq: 0,
    manifest_version: 0,
};

fn record(seq: u64, payload: impl Into<Vec<u8>>) -> Record {
    Record {
        seq,
        tenant: "default".into(),
        received_at_unix_nano: 1000 + seq,
        kind: 7,
        decoder_version: 1,
        weights: vec![(3, 1.0), (1, 4.5)],
        payload: Bytes::from(payload.into()),
    }
}

fn records(seqs: std::ops::Range<u64>) -> Vec<Record> {
    seqs.map(|seq| record(seq, format!("payload {seq}")))
        .collect()
}

/// A log in memory.
struct Log {
    sim: SimEnv,
    files: LogFiles,
    writer: Writer,
}

impl Log {
    fn new(file_bytes: u64) -> Self {
        let sim = SimEnv::new(1);
        sim.fs.create_dir_all(Path::new(DIR)).unwrap();
        let files = LogFiles::default();
        let writer = Writer::new(WriterOptions {
            env: sim.env(),
            dir: DIR.into(),
            incarnation: 1,
            last_number: 0,
            next_seq: 1,
            file_bytes,
            files: files.clone(),
        });
        Self { sim, files, writer }
    }

    /// Appends groups of these sizes.
    fn append(&mut self, sizes: &[u64]) -> Vec<Record> {
        let mut all = Vec::new();
        for size in sizes {
            let next = self.writer.next_seq();
            let group = records(next..next + size);
            self.writer.append(&group, 0).unwrap();
            all.extend(group);
        }
        all
    }

    fn log_files(&self) -> Vec<PathBuf> {
        let mut files = self.sim.fs.files();
        files.retain(|path| path.starts_with(DIR));
        files
    }

    fn replay(&self) -> (Vec<Record>, Replay) {
        self.replay_from(START).unwrap()
    }

    /// The durable records, and the rest.
    fn replay_from(&self, position: Position) -> Result<(Vec<Record>, Replay), StoreError> {
        let mut taken = Vec::new();
        let replay = replay(&*self.sim.fs, Path::new(DIR), position, &mut |record| {
            taken.push(record);
        })?;
        Ok((taken, replay))
    }

    /// Everything that is intact, in order.
    fn all(&self) -> (Vec<Record>, Replay) {
        let (mut records, replay) = self.replay();
        records.extend(replay.tail.iter().cloned());
        (records, replay)
    }
}

#[test]
fn what_is_appended_comes_back_in_order_across_files() {
    let mut log = Log::new(5 * PAGE_BYTES as u64);
    let written = log.append(&[1, 2, 1, 3, 1, 1]);
    assert_eq!(log.log_files().len(), 2);
    let (read, replay) = log.all();
    assert_eq!(read, written);
    assert_eq!(replay.next_seq, 10);
    assert_eq!(replay.durable_seq, 8, "the last group is not confirmed yet");
    assert_eq!((replay.damage.len(), replay.torn_tail_bytes), (0, 0));
    log.writer.mark();
    assert_eq!(log.replay().1.durable_seq, 9);
    assert_eq!(log.replay().0, written);
}

#[test]
fn what_the_manifest_has_is_skipped() {
    let mut log = Log::new(1 << 20);
    let written = log.append(&[2, 2]);
    log.writer.mark();
    for flushed_seq in 0..6 {
        let position = Position {
            flushed_seq,
            manifest_version: 0,
        };
        let (read, replay) = log.replay_from(position).unwrap();
        assert_eq!(read, written[4.min(flushed_seq as usize)..]);
        assert_eq!(replay.next_seq, 5.max(flushed_seq + 1));
        assert_eq!(replay.damage, []);
    }
}

#[test]
fn a_tail_torn_at_any_byte_ends_the_log_exactly_there() {
    // One group of three records and one of two, in files with and without preallocated zeros behind.
    for (sizes, whole_before) in [(&[2, 3][..], 2), (&[2, 1, 1, 1], 4)] {
        let mut log = Log::new(1 << 16);
        let written = log.append(sizes);
        let path = &log.log_files()[0];
        let whole = log.sim.fs.contents(path).unwrap();
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let group_start = whole_before.min(2) * PAGE_BYTES;
        for cut in group_start..end {
            let mut zeroed = whole.clone();
            zeroed[cut..].fill(0);
            let mut garbled = whole.clone();
            garbled[cut..end].fill(0xa5);
            for contents in [&whole[..cut], &zeroed, &garbled] {
                log.sim.fs.set_contents(path, contents);
                let (read, replay) = log.all();
                assert_eq!(read, written[..read.len()], "cut at {cut}");
                assert_eq!(
                    read.len(),
                    intact_before(&whole, &written, cut),
                    "cut at {cut}"
                );
                assert_eq!(replay.next_seq, read.len() as u64 + 1);
                let lost_durable = replay.durable_seq > read.len() as u64;
                assert_eq!(!replay.damage.is_empty(), lost_durable, "cut at {cut}");
            }
        }
    }
}

/// How many of `written` lie wholly below `cut`, by a search for their payloads.
fn intact_before(whole: &[u8], written: &[Record], cut: usize) -> usize {
    let end_of = |record: &&Record| {
        let payload = &record.payload[..];
        let start = whole
            .windows(payload.len())
            .position(|window| window == payload);
        start.unwrap() + payload.len() <= cut
    };
    written.iter().take_while(end_of).count()
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is_and_costs_only_what_it_hits() {
    let mut log = Log::new(4 * PAGE_BYTES as u64);
    let written = log.append(&[2, 1, 3]);
    log.writer.mark();
    let files = log.log_files();
    assert_eq!(files.len(), 2);
    for path in &files {
        let whole = log.sim.fs.contents(path).unwrap();
        // Every bit of what is written, and one in 100 of the zeros around it.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap() / PAGE_BYTES * PAGE_BYTES;
        let counts = |bit: &usize| {
            whole[bit / 8] != 0 || bit.is_multiple_of(100) && bit / 8 < end + PAGE_BYTES
        };
        for bit in (0..whole.len() * 8).filter(counts) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            log.sim.fs.set_contents(path, &flipped);
            let (read, replay) = log.all();
            let foreign = read.iter().find(|record| !written.contains(record));
            assert_eq!(foreign, None, "bit {bit} of {}", path.display());
            // Only the mark and the zeros behind it look like a write that never ended.
            let behind = replay.torn_tail_bytes > 0 && read.len() == written.len();
            assert!(
                !replay.damage.is_empty() || behind,
                "bit {bit} of {} is not found",
                path.display()
            );
            assert_eq!(replay.next_seq, 7);
        }
        log.sim.fs.set_contents(path, &whole);
    }
}

#[test]
fn a_damaged_record_is_reported_with_its_place_and_the_others_stay() {
    let mut log = Log::new(1 << 16);
    let written = log.append(&[3, 1]);
    let path = &log.log_files()[0];
    let mut contents = log.sim.fs.contents(path).unwrap();
    let payload = contents
        .windows(9)
        .position(|window| window == b"payload 2")
        .unwrap();
    contents[payload] ^= 1;
    log.sim.fs.set_contents(path, &contents);
    let (read, replay) = log.all();
    assert_eq!(read, [&written[..1], &written[2..]].concat());
    let [damage] = &replay.damage[..] else {
        panic!("{:?}", replay.damage)
    };
    assert!(
        damage.reason.ends_with("records 2 to 2 are lost"),
        "{damage}"
    );
    assert!(
        damage.bytes.windows(8).any(|window| window == b"qayload "),
        "{damage}"
    );
    assert!(damage.offset <= payload as u64);
}

#[test]
fn damage_to_the_last_group_is_a_torn_tail_without_a_mark_and_corruption_with_one() {
    for marked in [false, true] {
        let mut log = Log::new(1 << 16);
        log.append(&[1, 1]);
        if marked {
            log.writer.mark();
        }
        let path = &log.log_files()[0];
        let mut contents = log.sim.fs.contents(path).unwrap();
        contents[2 * PAGE_BYTES + 60] ^= 1;
        log.sim.fs.set_contents(path, &contents);
        let (read, replay) = log.all();
        assert_eq!(read.len(), 1);
        assert_eq!(replay.damage.len(), usize::from(marked));
        assert_eq!(replay.torn_tail_bytes > 0, !marked);
        assert_eq!(replay.next_seq, if marked { 3 } else { 2 });
    }
}

#[test]
fn a_missing_file_is_reported() {
    let mut log = Log::new(3 * PAGE_BYTES as u64);
    let written = log.append(&[1, 1, 1]);
    let files = log.log_files();
    assert_eq!(files.len(), 3);
    log.sim.fs.remove_file(&files[1]).unwrap();
    let (read, replay) = log.all();
    assert_eq!(read, [written[0].clone(), written[2].clone()]);
    assert!(
        replay.damage[0]
            .reason
            .contains("records 2 to 2 are in no log file")
    );
}

#[test]
fn a_lost_file_header_costs_that_file_only() {
    let mut log = Log::new(3 * PAGE_BYTES as u64);
    let written = log.append(&[1, 1, 1]);
    let path = log.log_files()[1].clone();
    let mut contents = log.sim.fs.contents(&path).unwrap();
    contents[40] ^= 1;
    log.sim.fs.set_contents(&path, &contents);
    assert_eq!(log.all().0, written, "the copy serves");
    contents[PAGE_BYTES / 2 + 40] ^= 1;
    log.sim.fs.set_contents(&path, &contents);
    let (read, replay) = log.all();
    assert_eq!(read, [written[0].clone(), written[2].clone()]);
    assert_eq!(replay.unreadable, [path]);
    assert_eq!(replay.last_number, 3, "its number is not used again");
}

#[test]
fn a_log_newer_than_the_manifest_is_refused() {
    let mut log = Log::new(1 << 16);
    log.writer.append(&records(1..2), 5).unwrap();
    let found = log.replay_from(START).map(|_| ());
    assert!(
        matches!(found, Err(StoreError::Corrupt { message, .. }) if message.contains("version 5"))
    );
}

#[test]
fn after_a_failed_sync_the_group_is_in_a_new_file_and_the_old_end_is_void() {
    for operation in [Operation::Write, Operation::SyncData] {
        let mut log = Log::new(1 << 16);
        let mut written = log.append(&[2]);
        log.sim.fs.fail_nth_of(operation, 1, Fault::Eio);
        written.extend(log.append(&[1, 1]));
        assert_eq!(log.log_files().len(), 2);
        assert_eq!(log.all().0, written);
        log.sim.fs.power_cut(Loss::All);
        assert_eq!(log.all().0, written, "after {operation:?} failed");
        assert_eq!(log.replay().1.damage, []);
    }
}

#[test]
fn a_refused_group_leaves_its_numbers_to_the_next_one() {
    let mut log = Log::new(1 << 16);
    let mut written = log.append(&[2]);
    // The sync of the old file and the making of the new one fail; the group is in the old file's cache.
    log.sim.fs.fail_nth_of(Operation::SyncData, 1, Fault::Eio);
    log.sim
        .fs
        .fail_nth_of(Operation::CreateNew, 1, Fault::DiskFull);
    let refused = vec![record(3, "refused"), record(4, "refused too")];
    let error = log.writer.append(&refused, 0).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }));
    assert_eq!(log.writer.next_seq(), 3);
    written.extend(log.append(&[1]));
    assert_eq!(log.all().0, written);
    assert_eq!(log.all().1.next_seq, 4);
}

#[test]
fn a_new_file_whose_name_may_be_lost_is_given_up() {
    let mut log = Log::new(3 * PAGE_BYTES as u64);
    let mut written = log.append(&[1]);
    log.sim.fs.fail_nth_of(Operation::SyncDir, 1, Fault::Eio);
    assert!(log.writer.append(&records(2..3), 0).is_err());
    written.extend(log.append(&[1]));
    log.sim.fs.power_cut(Loss::All);
    assert_eq!(log.all().0, written);
}

#[test]
fn flushed_files_are_dropped_oldest_first_and_the_newest_stays() {
    let mut log = Log::new(3 * PAGE_BYTES as u64);
    log.append(&[2, 2, 2]);
    let env = log.sim.env();
    let dir = Path::new(DIR);
    for (flushed_seq, with_newest, left) in [
        (1, false, 3),
        (2, false, 2),
        (3, false, 2),
        (6, false, 1),
        (6, true, 0),
    ] {
        log.files
            .drop_flushed(&env, dir, flushed_seq, with_newest)
            .unwrap();
        assert_eq!(log.log_files().len(), left, "flushed up to {flushed_seq}");
    }
    assert_eq!(log.files.bytes(), 0);
}

#[test]
fn a_group_larger_than_a_file_gets_a_file_of_its_size() {
    let mut log = Log::new(PAGE_BYTES as u64);
    let large = vec![record(1, vec![9; 10 * PAGE_BYTES])];
    log.writer.append(&large, 0).unwrap();
    log.append(&[1]);
    assert_eq!(log.log_files().len(), 2);
    assert_eq!(log.all().0[0], large[0]);
    assert!(record_bytes(&large[0]) > 10 * PAGE_BYTES);
}

fn header() -> FileHeader {
    FileHeader {
        file_id: *b"an id of a file.",
        incarnation: 1,
        number: 1,
        first_seq: 1,
        manifest_version: 0,
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let weights = prop::collection::vec((any::<u32>(), any::<f64>().prop_map(f64::abs)), 0..4);
    let payload = prop::collection::vec(any::<u8>(), 0..6000);
    let numbers = (any::<u64>(), any::<u16>(), any::<u16>());
    ("\\PC{0,20}", numbers, weights, payload).prop_map(
        |(tenant, (received_at_unix_nano, kind, decoder_version), weights, payload)| Record {
            seq: 0,
            tenant: Arc::from(tenant),
            received_at_unix_nano,
            kind,
            decoder_version,
            weights,
            payload: payload.into(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_groups_are_read_back(
        groups in prop::collection::vec(prop::collection::vec(any_record(), 0..4), 0..5),
        padding in 0..3_usize,
    ) {
        let header = header();
        let mut bytes = header.encode().to_vec();
        let mut seq = 1;
        let mut written = Vec::new();
        for mut group in groups {
            let first = seq;
            for record in &mut group {
                record.seq = seq;
                seq += 1;
            }
            encode_group(&header.salt(), first, first - 1, &group, &mut bytes);
            written.extend(group.into_iter().map(Item::Record));
        }
        bytes.resize(bytes.len() + padding * PAGE_BYTES / 2, 0);
        prop_assert_eq!(FileHeader::parse(&bytes), Ok((header, false)));
        let scan = scan(&bytes.into(), &header);
        prop_assert_eq!(scan.tail.len(), 0);
        prop_assert_eq!(scan.items, written);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_invent_a_record(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let header = header();
        let mut bytes = header.encode().to_vec();
        let first = records(1..4);
        let second = records(4..6);
        encode_group(&header.salt(), 1, 0, &first, &mut bytes);
        encode_group(&header.salt(), 4, 3, &second, &mut bytes);
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = FileHeader::parse(&bytes);
        for item in scan(&bytes.into(), &header).items {
            if let Item::Record(record) = item {
                prop_assert!(first.contains(&record) || second.contains(&record));
            }
        }
    }
}
