//! What a start does with what it finds: logs, locks, orphans, payloads that cannot be decoded, damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clew_storage::env::testing::{Loss, SimEnv};
use clew_storage::env::{Env, FileSystem};
use clew_storage::store::{Append, Claim};
use clew_storage::{
    Admission, DecodeError, Decoder, Limits, PayloadKind, SpanBatch, Store, StoreError,
};

use crate::common::{
    DATA_DIR, KIND, ToyDecoder, limits, once, open, options, payload, runtime, send, spans,
};

fn files_below(sim: &SimEnv, dir: &str) -> Vec<PathBuf> {
    let mut files = sim.fs.files();
    files.retain(|path| path.starts_with(Path::new(DATA_DIR).join(dir)));
    files
}

#[test]
fn replay_gives_decoder_and_admission_what_was_appended() {
    /// Notes what it is asked to decode.
    struct Noting(std::sync::Mutex<Vec<(u16, Bytes, u64, Admission)>>);
    impl Decoder for Noting {
        fn decode(
            &self,
            kind: PayloadKind,
            payload: &Bytes,
            received_at: u64,
            admission: &Admission,
        ) -> Result<SpanBatch, DecodeError> {
            let asked = (kind.0, payload.clone(), received_at, admission.clone());
            self.0.lock().unwrap().push(asked);
            ToyDecoder.decode(kind, payload, received_at, admission)
        }
    }
    let sim = SimEnv::new(1);
    let admission = Admission {
        weights: vec![(1, 0.0), (7, 16.5)],
    };
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let payload = payload(0, 2, 0);
        let Claim::New(ticket) = store.claim(KIND, &payload) else {
            panic!("nobody has it");
        };
        let append = Append {
            kind: KIND,
            received_at_unix_nano: 77,
            batch: ToyDecoder.decode(KIND, &payload, 77, &admission).unwrap(),
            admission: admission.clone(),
            payload,
        };
        store.append(ticket, append).await.unwrap();
    });
    sim.fs.kill();
    let noting = Arc::new(Noting(Vec::new().into()));
    let mut options = options(sim.env(), DATA_DIR, limits());
    options.decoder = Arc::<Noting>::clone(&noting);
    let (store, recovery) = Store::open(options).unwrap();
    assert_eq!((recovery.replayed_records, recovery.replayed_spans), (1, 2));
    assert_eq!(spans(&store.snapshot()), once(2));
    let asked = noting.0.lock().unwrap();
    assert_eq!(*asked, [(1, payload(0, 2, 0), 77, admission)]);
}

#[test]
fn a_payload_that_cannot_be_decoded_is_set_aside_and_the_rest_replayed() {
    /// As the toy decoder, but of another version or refusing.
    struct Changed {
        version: u16,
    }
    impl Decoder for Changed {
        fn version(&self) -> u16 {
            self.version
        }
        fn decode(
            &self,
            kind: PayloadKind,
            payload: &Bytes,
            received_at: u64,
            admission: &Admission,
        ) -> Result<SpanBatch, DecodeError> {
            if payload.starts_with(b"1+") {
                let message = "no longer understood".to_owned();
                return Err(DecodeError { kind, message });
            }
            ToyDecoder.decode(kind, payload, received_at, admission)
        }
    }
    for (version, kept, reason) in [
        (1, vec![0, 2], "no longer understood"),
        (
            0,
            vec![],
            "accepted by decoder version 1, this program has 0",
        ),
    ] {
        let sim = SimEnv::new(1);
        runtime().block_on(async {
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            for number in 0..3 {
                send(&store, payload(number, 1, 0)).await.unwrap();
            }
            sim.fs.kill();
            drop(store);
            let mut options = options(sim.env(), DATA_DIR, limits());
            options.decoder = Arc::new(Changed { version });
            let (store, recovery) = Store::open(options).unwrap();
            let found: Vec<_> = spans(&store.snapshot()).into_keys().collect();
            assert_eq!(found, kept);
            assert_eq!(recovery.damaged.len(), 3 - kept.len());
            assert!(
                recovery.damaged[0].contains(reason),
                "{:?}",
                recovery.damaged
            );
            // The flush goes on past it, and the payload stays in quarantine.
            store.close().await.unwrap();
            let aside = files_below(&sim, "quarantine");
            assert_eq!(aside.len(), 2 * (3 - kept.len()), "{aside:?}");
            let lost = payload(u64::from(version == 1), 1, 0);
            assert_eq!(sim.fs.contents(&aside[0]).unwrap(), lost);
            let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            assert_eq!(recovery.damaged, Vec::<String>::new());
            assert_eq!(spans(&store.snapshot()).len(), kept.len());
        });
    }
}

#[test]
fn a_second_process_is_refused_with_the_first_ones_id() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&Env::system(), dir.path()).unwrap();
    let refused = open(&Env::system(), dir.path()).map(|_| ()).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Locked { pid, .. } if *pid == std::process::id()),
        "{refused}"
    );
    drop(first);
    open(&Env::system(), dir.path()).unwrap();
}

#[test]
fn orphans_of_flushes_are_removed_and_strangers_stay() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        store.close().await.unwrap();
    });
    let segments = files_below(&sim, "segments");
    assert_eq!(segments.len(), 3);
    let orphan = |stem: &str, ending: &str| {
        Path::new(DATA_DIR)
            .join("segments/default")
            .join(format!("{stem}.{ending}"))
    };
    let left_over = [
        orphan(
            "0000000001-00000000000000000001-00000000000000000001-deadbeef",
            "index",
        ),
        Path::new(DATA_DIR).join("wal/0000000001-0000000009.log.tmp"),
        Path::new(DATA_DIR).join("manifest/commit-0123.tmp"),
        Path::new(DATA_DIR)
            .join("recent/0000000001-00000000000000000001-00000000000000000001-deadbeef.recent"),
    ];
    let strangers = [
        orphan("notes", "txt"),
        orphan("1-1-1-deadbeef", "index"),
        Path::new(DATA_DIR).join("wal/README"),
    ];
    for path in left_over.iter().chain(&strangers) {
        sim.fs.set_contents(path, b"x");
    }
    let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    assert_eq!(recovery.orphans_removed, left_over.len() as u64);
    assert_eq!(recovery.damaged, Vec::<String>::new());
    let files = sim.fs.files();
    assert!(
        left_over.iter().all(|path| !files.contains(path)),
        "{files:?}"
    );
    assert!(
        strangers
            .iter()
            .chain(&segments)
            .all(|path| files.contains(path)),
        "{files:?}"
    );
    assert_eq!(spans(&store.snapshot()), once(1));
}

#[test]
fn segments_that_only_a_lost_manifest_knew_are_kept_in_quarantine() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        store.close().await.unwrap();
    });
    // The version that names the segment disappears without a trace, and with it the position in the log.
    let versions = files_below(&sim, "manifest");
    sim.fs.remove_file(versions.last().unwrap()).unwrap();
    let (_store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    assert_eq!(recovery.segments, 0);
    assert_eq!(recovery.orphans_removed, 0);
    let kept = files_below(&sim, "quarantine");
    let kept = kept
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending != "reason"));
    assert_eq!(
        kept.count(),
        5,
        "three files of the segment, the counts and the recent hashes"
    );
    assert_eq!(recovery.damaged.len(), 5);
    assert!(recovery.damaged[0].contains("no manifest version names this file"));
}

#[test]
fn a_damaged_manifest_is_refused_and_nothing_is_changed() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        store.close().await.unwrap();
    });
    let newest = files_below(&sim, "manifest").pop().unwrap();
    let whole = sim.fs.contents(&newest).unwrap();
    sim.fs.set_contents(&newest, &vec![b' '; whole.len()]);
    let files = sim.fs.files();
    let refused = open(&sim.env(), Path::new(DATA_DIR))
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::Corrupt { path, .. } if *path == newest),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("restore this file from a backup"),
        "{refused}"
    );
    assert_eq!(sim.fs.files(), files);
    sim.fs.set_contents(&newest, &whole);
    let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    assert_eq!(spans(&store.snapshot()), once(1));
}

#[test]
fn a_lost_log_file_behind_a_newer_manifest_is_reported() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        for number in 0..4 {
            send(&store, payload(number, 1, 40_000)).await.unwrap();
        }
        sim.fs.kill();
    });
    let log_files = files_below(&sim, "wal");
    assert_eq!(log_files.len(), 4);
    sim.fs.remove_file(&log_files[1]).unwrap();
    let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    let found: Vec<_> = spans(&store.snapshot()).into_keys().collect();
    assert_eq!(found, [0, 2, 3]);
    assert_eq!(recovery.damaged.len(), 1);
    assert!(recovery.damaged[0].contains("records 2 to 2 are in no log file and are lost"));
}

#[test]
fn a_log_larger_than_the_window_is_replayed() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        for number in 0..20 {
            send(&store, payload(4 * number, 4, 0)).await.unwrap();
        }
        sim.fs.power_cut(Loss::All);
        drop(store);
        let small = Limits {
            hot_window_bytes: 1,
            epoch_bytes: 1,
            ..limits()
        };
        let (store, recovery) = Store::open(options(sim.env(), DATA_DIR, small)).unwrap();
        assert_eq!(recovery.replayed_spans, 80);
        store.flush().await.unwrap();
        assert_eq!(store.status().hot_bytes, 0);
        assert_eq!(spans(&store.snapshot()), once(80));
    });
}

#[test]
fn a_start_counts_what_is_stored_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (store, recovery) = open(&Env::system(), dir.path()).unwrap();
        assert_eq!(
            recovery.segments + recovery.replayed_records + recovery.stored_spans,
            0
        );
        send(&store, payload(0, 5, 0)).await.unwrap();
        store.flush().await.unwrap();
        send(&store, payload(5, 2, 0)).await.unwrap();
        drop(store);
        let (store, recovery) = open(&Env::system(), dir.path()).unwrap();
        assert_eq!((recovery.segments, recovery.stored_spans), (1, 5));
        assert_eq!((recovery.replayed_records, recovery.replayed_spans), (1, 2));
        assert_eq!((recovery.torn_tail_bytes, recovery.damaged.len()), (0, 0));
        assert_eq!(spans(&store.snapshot()), once(7));
        let status = store.status();
        assert_eq!(
            (status.segments, status.stored_spans, status.hot_spans),
            (1, 5, 2)
        );
        assert!(status.stored_bytes > 0 && status.wal_bytes > 0);
    });
}
