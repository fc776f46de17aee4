use std::path::{Path, PathBuf};

use super::state::RecentFile;
use super::{Changes, Loaded, Manifest, State, load};
use crate::env::FileSystem;
use crate::env::testing::{Fault, Loss, Operation, SimEnv};
use crate::error::StoreError;
use crate::segment::SegmentMeta;

const DIR: &str = "/manifest";
const CHECKPOINT_VERSIONS: u64 = 4;

fn meta(name: &str) -> SegmentMeta {
    SegmentMeta {
        name: name.to_owned(),
        tenant: "default".to_owned(),
        format: 1,
        wal: (1, 2),
        span_count: 10,
        trace_count: 2,
        file_bytes: [1, 2, 3],
        file_crc: [4, 5, u32::MAX],
        start_time: (i64::MIN, -1),
        ingested_at: (0, i64::MAX),
        services: vec!["a \"quoted\" näme\n".to_owned()],
        merged: None,
        is_pinned: false,
        is_undecided: false,
    }
}

fn add(name: &str, flushed_seq: u64) -> Changes {
    Changes {
        flushed_seq,
        add_segments: vec![meta(name)],
        ..Changes::default()
    }
}

fn sim() -> SimEnv {
    let sim = SimEnv::new(3);
    sim.fs.create_dir_all(Path::new(DIR)).unwrap();
    sim
}

fn loaded(sim: &SimEnv) -> Loaded {
    load(&sim.env(), Path::new(DIR)).unwrap()
}

fn open(sim: &SimEnv) -> Manifest {
    Manifest::new(sim.env(), DIR.into(), loaded(sim), CHECKPOINT_VERSIONS)
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn version_path(version: u64) -> PathBuf {
    path(&format!("{version:020}.json"))
}

fn checkpoint_path(version: u64) -> PathBuf {
    path(&format!("{version:020}.checkpoint"))
}

/// Commits versions up to `last`, each with one more segment.
fn commit_up_to(manifest: &mut Manifest, last: u64) {
    for version in manifest.state().version + 1..=last {
        manifest
            .commit(add(&format!("s{version}"), version))
            .unwrap();
    }
}

fn flip(sim: &SimEnv, path: &Path, byte: usize) {
    let mut contents = sim.fs.contents(path).unwrap();
    contents[byte] ^= 4;
    sim.fs.set_contents(path, &contents);
}

#[test]
fn what_is_committed_is_loaded_again_after_a_power_cut() {
    let sim = sim();
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 3);
    let recent = RecentFile {
        name: "recent/x".to_owned(),
        count: 3,
        newest_unix_nano: u64::MAX,
    };
    let changes = Changes {
        remove_segments: vec!["s2".to_owned()],
        add_recent: vec![recent],
        ..Changes::default()
    };
    let state = manifest.commit(changes).unwrap();
    sim.fs.power_cut(Loss::All);
    let again = loaded(&sim);
    assert_eq!(again.state, *state);
    assert_eq!(again.damaged, Vec::<String>::new());
    assert_eq!(
        (
            again.state.version,
            again.state.flushed_seq,
            again.state.incarnation
        ),
        (4, 3, 1)
    );
    let names: Vec<_> = again.state.segments.iter().map(|meta| &meta.name).collect();
    assert_eq!(names, ["s1", "s3"]);
    assert_eq!(open(&sim).incarnation(), 2);
}

#[test]
fn old_versions_are_pruned_below_the_last_but_one_checkpoint() {
    let sim = sim();
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 14);
    let expected: Vec<_> = [checkpoint_path(8), checkpoint_path(12)]
        .into_iter()
        .chain((9..=14).map(version_path))
        .collect();
    let mut files = sim.fs.files();
    files.sort_by_key(|path| path.extension().map(std::ffi::OsStr::to_os_string));
    assert_eq!(files, expected);
    assert_eq!(loaded(&sim).state, **manifest.state());
    // The next process counts on with what it finds.
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 16);
    assert!(sim.fs.contents(&checkpoint_path(8)).is_none());
}

#[test]
fn any_flipped_bit_is_found_and_the_other_copy_serves() {
    let sim = sim();
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 6);
    for file in [version_path(6), checkpoint_path(4)] {
        let bytes = sim.fs.contents(&file).unwrap();
        for byte in 0..bytes.len() {
            flip(&sim, &file, byte);
            let loaded = loaded(&sim);
            assert_eq!(loaded.state, **manifest.state());
            assert_eq!(loaded.damaged.len(), 1, "byte {byte} of {}", file.display());
            assert!(loaded.damaged[0].contains(&*file.to_string_lossy()));
            sim.fs.set_contents(&file, &bytes);
        }
    }
}

#[test]
fn a_lost_checkpoint_is_done_without_and_a_lost_version_is_not() {
    let sim = sim();
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 10);
    sim.fs.set_contents(&checkpoint_path(8), b"");
    let found = loaded(&sim);
    assert_eq!(found.state, **manifest.state());
    assert_eq!(found.damaged.len(), 1);
    for damaged in [5, 7, 10] {
        let file = version_path(damaged);
        let bytes = sim.fs.contents(&file).unwrap();
        for contents in [&b"{}"[..], &bytes[..bytes.len() / 2 - 1]] {
            sim.fs.set_contents(&file, contents);
            let refused = load(&sim.env(), Path::new(DIR));
            assert!(matches!(refused, Err(StoreError::Corrupt { path, .. }) if path == file));
        }
        sim.fs.remove_file(&file).unwrap();
        let refused = load(&sim.env(), Path::new(DIR));
        assert_eq!(
            refused.is_err(),
            damaged != 10,
            "a missing last version cannot be seen here"
        );
        sim.fs.set_contents(&file, &bytes);
    }
}

#[test]
fn a_newer_format_is_refused_with_a_reason() {
    let sim = sim();
    commit_up_to(&mut open(&sim), 1);
    let text = String::from_utf8(sim.fs.contents(&version_path(1)).unwrap()).unwrap();
    let json = text
        .lines()
        .next()
        .unwrap()
        .replace("\"format\":1", "\"format\":9");
    let copy = format!("{json}\ncrc32 {:08x}\n", crc32fast::hash(json.as_bytes()));
    sim.fs
        .set_contents(&version_path(1), copy.repeat(2).as_bytes());
    let refused = load(&sim.env(), Path::new(DIR)).unwrap_err().to_string();
    assert!(
        refused.contains("newer version of the program"),
        "{refused}"
    );
}

#[test]
fn an_older_process_is_refused() {
    let sim = sim();
    let mut old = open(&sim);
    commit_up_to(&mut old, 1);
    let mut new = open(&sim);
    new.commit(add("new", 2)).unwrap();
    for _ in 0..2 {
        let refused = old.commit(add("old", 2));
        assert!(matches!(
            refused,
            Err(StoreError::Replaced { incarnation: 2, .. })
        ));
    }
    assert_eq!(loaded(&sim).state, **new.state());
    new.commit(add("newer", 3)).unwrap();
}

#[test]
fn a_commit_that_fails_anywhere_can_be_made_again_and_is_then_durable() {
    // One commit takes these operations; at each one, every kind of failure.
    let operations = {
        let sim = sim();
        let mut manifest = open(&sim);
        let before = sim.fs.operations();
        commit_up_to(&mut manifest, 1);
        sim.fs.operations() - before
    };
    assert!(operations >= 6, "{operations}");
    for nth in 1..=operations as u64 {
        for fault in [Fault::Eio, Fault::DiskFull, Fault::ShortWrite] {
            let sim = sim();
            let mut manifest = open(&sim);
            sim.fs.fail_nth(nth, fault);
            let first = manifest.commit(add("a", 1));
            let state = match first {
                Ok(state) => state,
                Err(_) => manifest.commit(add("b", 2)).unwrap(),
            };
            sim.fs.power_cut(Loss::All);
            assert_eq!(loaded(&sim).state, *state, "{fault:?} at operation {nth}");
        }
    }
}

#[test]
fn a_power_cut_at_any_operation_leaves_the_old_version_or_the_new_one() {
    for nth in 1..40 {
        for (seed, loss) in [(1, Loss::All), (2, Loss::Some), (3, Loss::Some)] {
            let sim = SimEnv::new(seed);
            sim.fs.create_dir_all(Path::new(DIR)).unwrap();
            let mut manifest = open(&sim);
            commit_up_to(&mut manifest, 3);
            let before = State::clone(manifest.state());
            sim.fs.fail_nth(nth, Fault::Stop);
            // The fourth version comes with a checkpoint.
            let committed = manifest.commit(add("s4", 4)).is_ok();
            sim.fs.power_cut(loss);
            let found = loaded(&sim).state;
            if committed {
                assert_eq!(found.version, 4);
            } else {
                assert!(found == before || found.version == 4);
            }
            let mut manifest = open(&sim);
            commit_up_to(&mut manifest, 9);
            assert_eq!(loaded(&sim).state, **manifest.state());
        }
    }
}

#[test]
fn a_failed_checkpoint_costs_nothing() {
    let sim = sim();
    let mut manifest = open(&sim);
    commit_up_to(&mut manifest, 3);
    sim.fs.fail_nth_of(Operation::Rename, 1, Fault::Eio);
    commit_up_to(&mut manifest, 9);
    assert!(sim.fs.contents(&checkpoint_path(4)).is_none());
    assert_eq!(loaded(&sim).state, **manifest.state());
    assert_eq!(loaded(&sim).unfinished, Vec::<PathBuf>::new());
}
