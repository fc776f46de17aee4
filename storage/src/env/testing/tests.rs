use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Fault, Loss, Operation, SimFs};
use crate::env::FileSystem;

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// A file `/f` that holds `synced` durably and `unsynced` after it.
fn half_synced(fs: &SimFs, synced: &[u8], unsynced: &[u8]) {
    let file = fs.create_new(Path::new("/f")).unwrap();
    file.write_all_at(synced, 0).unwrap();
    file.sync_data().unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file.write_all_at(unsynced, synced.len() as u64).unwrap();
}

#[test]
fn a_power_cut_loses_unsynced_contents_and_a_kill_keeps_them() {
    let fs = SimFs::new(1);
    half_synced(&fs, b"ab", b"cd");
    fs.kill();
    assert_eq!(fs.contents(Path::new("/f")).unwrap(), b"abcd");
    fs.power_cut(Loss::All);
    assert_eq!(fs.contents(Path::new("/f")).unwrap(), b"ab");
}

#[test]
fn a_power_cut_in_part_keeps_some_sectors_without_those_before() {
    let mut with_hole = 0;
    for seed in 0..64 {
        let fs = SimFs::new(seed);
        half_synced(&fs, b"", &[1; 4096]);
        fs.power_cut(Loss::Some);
        let contents = fs.contents(Path::new("/f")).unwrap();
        assert!(contents.len() <= 4096);
        let first_zero = contents.iter().position(|byte| *byte == 0);
        let last_one = contents.iter().rposition(|byte| *byte == 1);
        with_hole += u32::from(first_zero < last_one && first_zero.is_some());
    }
    assert!(with_hole > 16, "{with_hole} of 64 have a hole");
}

#[test]
fn unsynced_names_are_lost() {
    let fs = SimFs::new(1);
    half_synced(&fs, b"x", b"");
    fs.rename(Path::new("/f"), Path::new("/g")).unwrap();
    fs.create_new(Path::new("/h")).unwrap().sync_all().unwrap();
    assert_eq!(fs.files(), [path("/g"), path("/h")]);
    fs.power_cut(Loss::All);
    assert_eq!(fs.files(), [path("/f")]);
}

#[test]
fn a_failed_sync_loses_the_pages_although_the_next_succeeds() {
    let fs = SimFs::new(1);
    half_synced(&fs, b"ab", b"cd");
    let file = fs.open_write(Path::new("/f")).unwrap();
    fs.fail_nth_of(Operation::SyncData, 1, Fault::Eio);
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
    file.sync_data().unwrap();
    assert_eq!(fs.contents(Path::new("/f")).unwrap(), b"abcd");
    fs.power_cut(Loss::All);
    assert_eq!(fs.contents(Path::new("/f")).unwrap(), b"ab");
}

#[test]
fn a_failed_sync_of_a_directory_loses_the_names() {
    let fs = SimFs::new(1);
    half_synced(&fs, b"x", b"");
    fs.hard_link(Path::new("/f"), Path::new("/g")).unwrap();
    fs.fail_nth_of(Operation::SyncDir, 1, Fault::Eio);
    assert!(fs.sync_dir(Path::new("/")).is_err());
    fs.sync_dir(Path::new("/")).unwrap();
    fs.power_cut(Loss::All);
    assert_eq!(fs.files(), [path("/f")]);
}

#[test]
fn the_nth_operation_fails_and_the_others_do_not() {
    let fs = SimFs::new(1);
    let file = fs.create_new(Path::new("/f")).unwrap();
    fs.fail_nth(2, Fault::DiskFull);
    fs.fail_nth(4, Fault::ShortWrite);
    file.write_all_at(b"1", 0).unwrap();
    let full = file.write_all_at(b"2", 1).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    file.sync_all().unwrap();
    assert!(file.write_all_at(b"4567", 1).is_err());
    assert_eq!(fs.contents(Path::new("/f")).unwrap(), b"145");
    file.write_all_at(b"8", 3).unwrap();
    assert_eq!(fs.operations(), 6);
}

#[test]
fn a_stopped_machine_answers_nothing_until_it_is_restarted() {
    let fs = SimFs::new(1);
    half_synced(&fs, b"ab", b"");
    let file = fs.open_write(Path::new("/f")).unwrap();
    fs.fail_nth(1, Fault::Stop);
    assert!(file.sync_data().is_err());
    assert!(file.read_at(&mut [0; 2], 0).is_err());
    assert!(fs.open(Path::new("/f")).is_err());
    fs.power_cut(Loss::All);
    assert!(file.read_at(&mut [0; 2], 0).is_err(), "handle is dead");
    let file = fs.open(Path::new("/f")).unwrap();
    assert_eq!(file.read_at(&mut [0; 9], 0).unwrap(), 2);
}

#[test]
fn capacity_is_exact_and_read_only_refuses_changes() {
    let fs = SimFs::new(1);
    let file = fs.create_new(Path::new("/f")).unwrap();
    fs.set_capacity(Some(10));
    file.preallocate(10).unwrap();
    let full = file.preallocate(11).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    fs.set_read_only(true);
    let refused = file.write_all_at(b"x", 0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(file.len().unwrap(), 10);
}

#[test]
fn a_lock_is_exclusive_until_dropped_or_killed() {
    let fs = SimFs::new(1);
    let held = fs.lock(Path::new("/lock")).unwrap();
    assert!(held.is_some());
    assert!(fs.lock(Path::new("/lock")).unwrap().is_none());
    drop(held);
    let held = fs.lock(Path::new("/lock")).unwrap();
    assert!(held.is_some());
    fs.kill();
    let next = fs.lock(Path::new("/lock")).unwrap();
    assert!(next.is_some(), "the holder is dead");
    drop(held);
    assert!(
        fs.lock(Path::new("/lock")).unwrap().is_none(),
        "a dead handle releases nothing"
    );
}

#[test]
fn a_process_gets_nothing_done_after_its_life() {
    let fs = SimFs::new(1);
    let ends: [fn(&SimFs); 2] = [|fs| fs.power_cut(Loss::All), SimFs::kill];
    for end in ends {
        let process = fs.process();
        process.create_new(Path::new("/f")).unwrap();
        end(&fs);
        let done = fs.operations();
        assert!(process.sync_dir(Path::new("/")).is_err());
        assert!(process.create_new(Path::new("/g")).is_err());
        assert!(process.rename(Path::new("/f"), Path::new("/g")).is_err());
        assert!(process.open(Path::new("/f")).is_err());
        assert!(process.list(Path::new("/")).is_err());
        assert_eq!(fs.operations(), done);
        fs.process().list(Path::new("/")).unwrap();
        fs.power_cut(Loss::All);
    }
}
