//! Taking payloads: many at once, twice, too many, too large, and none any more.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clew_storage::env::testing::{Fault, Operation, SimEnv};
use clew_storage::env::{DirEntry, Env, File, FileSystem};
use clew_storage::store::{Append, Claim, Ticket};
use clew_storage::{Admission, Decoder, Limits, Store, StoreError};

use crate::common::{
    DATA_DIR, KIND, ToyDecoder, limits, once, open, options, payload, runtime, send, spans,
};

fn ticket(store: &Store, payload: &Bytes) -> Ticket {
    match store.claim(KIND, payload) {
        Claim::New(ticket) => ticket,
        Claim::Duplicate(_) => panic!("the payload is not known"),
    }
}

fn append(payload: &Bytes) -> Append {
    let admission = Admission::default();
    Append {
        kind: KIND,
        payload: payload.clone(),
        received_at_unix_nano: 5,
        batch: ToyDecoder.decode(KIND, payload, 5, &admission).unwrap(),
        admission,
    }
}

#[test]
fn what_is_answered_is_visible_at_once_and_before_the_answer_nothing_is() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let before = store.snapshot();
        for number in 0..40 {
            send(&store, payload(number, 1, 0)).await.unwrap();
            assert_eq!(spans(&store.snapshot()), once(number + 1));
        }
        assert_eq!(spans(&before), once(0), "a snapshot does not change");
        assert!(
            store.snapshot().hot().len() < 20,
            "tiny batches are put together"
        );
        assert_eq!(store.status().hot_spans, 40);
        assert_eq!(store.status().durable_seq, 40);
    });
}

#[test]
fn many_tasks_on_real_files_lose_nothing_and_are_grouped() {
    let dir = tempfile::tempdir().unwrap();
    let small = Limits {
        epoch_bytes: 64 << 10,
        ..limits()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let open = || {
        Store::open(options(Env::system(), dir.path(), small.clone()))
            .unwrap()
            .0
    };
    let (tasks, each) = (50, 20);
    runtime.block_on(async {
        let store = open();
        let tasks = (0..tasks).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..each {
                    let first = (task * each + number) * 2;
                    send(&store, payload(first, 2, 100)).await.unwrap();
                    let found = spans(&store.snapshot());
                    assert_eq!(
                        (found.get(&first), found.get(&(first + 1))),
                        (Some(&1), Some(&1))
                    );
                }
            })
        });
        for task in futures::future::join_all(tasks).await {
            task.unwrap();
        }
        assert_eq!(spans(&store.snapshot()), once(tasks_spans(50, 20)));
        assert!(store.status().segments > 1, "epochs were flushed meanwhile");
    });
    let store = open();
    assert_eq!(spans(&store.snapshot()), once(tasks_spans(tasks, each)));
}

fn tasks_spans(tasks: u64, each: u64) -> u64 {
    tasks * each * 2
}

#[test]
fn a_duplicate_waits_for_the_first_copy() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let payload = payload(0, 3, 0);
        let first = ticket(&store, &payload);
        let Claim::Duplicate(duplicate) = store.claim(KIND, &payload) else {
            panic!("the first copy is under way");
        };
        let waiting = tokio::time::timeout(Duration::from_millis(50), duplicate.durable());
        assert!(waiting.await.is_err(), "nothing is stored yet");
        let Claim::Duplicate(duplicate) = store.claim(KIND, &payload) else {
            panic!("the first copy is under way");
        };
        store.append(first, append(&payload)).await.unwrap();
        duplicate.durable().await.unwrap();
        send(&store, payload).await.unwrap();
        assert_eq!(spans(&store.snapshot()), once(3));
    });
}

#[test]
fn a_duplicate_of_a_copy_that_failed_is_told_to_try_again() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let payload = payload(0, 1, 0);
        // Once the ticket is dropped, once the append fails.
        for fails in [false, true] {
            let first = ticket(&store, &payload);
            let Claim::Duplicate(duplicate) = store.claim(KIND, &payload) else {
                panic!("the first copy is under way");
            };
            if fails {
                sim.fs.fail_nth_of(Operation::CreateNew, 1, Fault::DiskFull);
                assert!(store.append(first, append(&payload)).await.is_err());
            } else {
                drop(first);
            }
            let told = duplicate.durable().await;
            assert!(matches!(told, Err(StoreError::Unavailable { .. })));
        }
        crate::common::send_until_taken(&store, &payload).await;
        assert_eq!(spans(&store.snapshot()), once(1));
    });
}

#[test]
fn duplicates_are_known_across_flush_and_restart_until_they_are_too_old() {
    let sim = SimEnv::new(1);
    let age = limits().recent_payload_age;
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        sim.clock.advance(age / 2);
        send(&store, payload(1, 1, 0)).await.unwrap();
        sim.fs.kill();
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!((recovery.segments, recovery.replayed_records), (1, 1));
        for number in 0..2 {
            send(&store, payload(number, 1, 0)).await.unwrap();
        }
        assert_eq!(spans(&store.snapshot()), once(2), "both are known again");
        store.close().await.unwrap();
        drop(store);
        sim.clock.advance(age / 2 + Duration::from_secs(1));
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        for number in 0..2 {
            send(&store, payload(number, 1, 0)).await.unwrap();
        }
        let found = spans(&store.snapshot());
        assert_eq!(
            (found[&0], found[&1]),
            (2, 1),
            "the first is too old, the second is not"
        );
    });
}

#[test]
fn a_payload_is_taken_at_the_limit_and_refused_above() {
    let sim = SimEnv::new(1);
    let record = |padding| payload(0, 1, padding);
    // Header, tenant and payload.
    let bytes = 40 + "default".len() + record(0).len() + 500;
    let limits = Limits {
        wal_record_bytes_max: bytes,
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits)).unwrap();
        let refused = send(&store, record(501)).await;
        let expected_bytes = bytes + 1;
        assert!(matches!(
            refused,
            Err(StoreError::TooLarge { bytes: found, max }) if found == expected_bytes && max == bytes
        ));
        send(&store, record(500)).await.unwrap();
        assert_eq!(spans(&store.snapshot()), once(1));
    });
}

#[test]
fn the_hot_window_is_filled_to_the_limit_and_not_beyond() {
    let sim = SimEnv::new(1);
    let size = append(&payload(0, 4, 0)).batch.memory_bytes();
    for (room, taken) in [(3 * size, 3), (3 * size - 1, 2), (size - 1, 1)] {
        let limits = Limits {
            hot_window_bytes: room,
            ..limits()
        };
        let dir = format!("/data{room}");
        runtime().block_on(async {
            let (store, _) = Store::open(options(sim.env(), dir, limits)).unwrap();
            for number in 0..taken {
                send(&store, payload(4 * number, 4, 0)).await.unwrap();
            }
            // Flushing fails, so the window stays as it is.
            sim.fs.set_capacity(Some(sim.fs.used_bytes()));
            let refused = send(&store, payload(4 * taken, 4, 0)).await;
            assert!(
                matches!(
                    refused,
                    Err(StoreError::Overloaded {
                        what: "hot window",
                        ..
                    })
                ),
                "{refused:?} with room for {room}"
            );
            assert_eq!(spans(&store.snapshot()), once(4 * taken));
            // The next one of this size need not be decoded to be refused.
            let bytes = payload(4 * taken, 4, 0).len();
            let told = store.check_room(bytes);
            assert!(
                matches!(told, Err(StoreError::Overloaded { .. })),
                "{told:?}"
            );
            // Being full makes the flusher work, and there is room again.
            sim.fs.set_capacity(None);
            while send(&store, payload(4 * taken, 4, 0)).await.is_err() {
                // The pause after the failed flush passes.
                sim.clock.advance(Duration::from_millis(1));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(spans(&store.snapshot()), once(4 * taken + 4));
            store.flush().await.unwrap();
            assert!(store.check_room(bytes).is_ok());
        });
    }
}

/// Files whose syncs wait until they are let go.
struct HeldFiles {
    inner: Arc<dyn FileSystem>,
    held: Arc<AtomicBool>,
}

#[derive(Debug)]
struct HeldFile {
    inner: Arc<dyn File>,
    held: Arc<AtomicBool>,
}

impl HeldFiles {
    fn hold(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        let held = Arc::clone(&self.held);
        Arc::new(HeldFile { inner, held })
    }
}

impl FileSystem for HeldFiles {
    fn space(&self, dir: &Path) -> std::io::Result<clew_storage::env::DiskSpace> {
        self.inner.space(dir)
    }

    fn create_new(&self, path: &Path) -> std::io::Result<Arc<dyn File>> {
        self.inner.create_new(path).map(|file| self.hold(file))
    }
    fn open(&self, path: &Path) -> std::io::Result<Arc<dyn File>> {
        self.inner.open(path)
    }
    fn open_write(&self, path: &Path) -> std::io::Result<Arc<dyn File>> {
        self.inner.open_write(path)
    }
    fn lock(&self, path: &Path) -> std::io::Result<Option<Arc<dyn File>>> {
        self.inner.lock(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.inner.rename(from, to)
    }
    fn hard_link(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.inner.hard_link(from, to)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        self.inner.remove_file(path)
    }
    fn list(&self, dir: &Path) -> std::io::Result<Vec<DirEntry>> {
        self.inner.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> std::io::Result<()> {
        self.inner.create_dir_all(dir)
    }
    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        self.inner.sync_dir(dir)
    }
}

impl File for HeldFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.inner.read_at(buf, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.inner.write_all_at(bytes, offset)
    }
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.inner.set_len(len)
    }
    fn preallocate(&self, len: u64) -> std::io::Result<()> {
        self.inner.preallocate(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        while self.held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.inner.sync_data()
    }
    fn sync_all(&self) -> std::io::Result<()> {
        self.inner.sync_all()
    }
}

fn held(sim: &SimEnv) -> (Env, Arc<AtomicBool>) {
    let held = Arc::new(AtomicBool::new(false));
    let env = Env {
        fs: Arc::new(HeldFiles {
            inner: sim.env().fs,
            held: Arc::clone(&held),
        }),
        ..sim.env()
    };
    (env, held)
}

#[test]
fn behind_a_slow_disk_the_queue_fills_to_its_limit_and_refuses_then() {
    let sim = SimEnv::new(1);
    let (env, held) = held(&sim);
    let bytes_each = 40 + "default".len() + payload(1, 1, 100).len();
    let limits = Limits {
        wal_queue_bytes: 4 * bytes_each,
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(env, DATA_DIR, limits)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        held.store(true, Ordering::SeqCst);
        let mut waiting = Vec::new();
        for number in 1..=4 {
            let mut send = Box::pin(send(&store, payload(number, 1, 100)));
            let soon = tokio::time::timeout(Duration::from_millis(5), &mut send);
            assert!(soon.await.is_err(), "payload {number} waits for the disk");
            waiting.push(send);
        }
        assert_eq!(
            spans(&store.snapshot()),
            once(1),
            "nothing is shown before it is durable"
        );
        let refused = send(&store, payload(5, 1, 100)).await;
        assert!(matches!(
            refused,
            Err(StoreError::Overloaded {
                what: "log queue",
                ..
            })
        ));
        let syncs = |sim: &SimEnv| {
            let journal = sim.fs.journal();
            journal
                .iter()
                .filter(|(operation, _)| *operation == Operation::SyncData)
                .count()
        };
        let before = syncs(&sim);
        held.store(false, Ordering::SeqCst);
        for answer in futures::future::join_all(waiting).await {
            answer.unwrap();
        }
        assert!(syncs(&sim) - before <= 2, "those who waited share a sync");
        assert_eq!(spans(&store.snapshot()), once(5));
        send(&store, payload(5, 1, 100)).await.unwrap();
    });
}

#[test]
fn close_writes_what_waits_flushes_and_refuses_the_rest() {
    let sim = SimEnv::new(1);
    let (env, held) = held(&sim);
    runtime().block_on(async {
        let (store, _) = Store::open(options(env, DATA_DIR, limits())).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        held.store(true, Ordering::SeqCst);
        let mut waiting = Vec::new();
        for number in 1..5 {
            let mut send = Box::pin(send(&store, payload(number, 1, 0)));
            assert!(
                tokio::time::timeout(Duration::from_millis(2), &mut send)
                    .await
                    .is_err()
            );
            waiting.push(send);
        }
        let mut close = Box::pin(store.close());
        assert!(
            tokio::time::timeout(Duration::from_millis(20), &mut close)
                .await
                .is_err()
        );
        let refused = send(&store, payload(5, 1, 0)).await;
        assert!(matches!(refused, Err(StoreError::Closed)));
        let locked = open(&sim.env(), Path::new(DATA_DIR));
        assert!(matches!(locked, Err(StoreError::Locked { .. })));
        held.store(false, Ordering::SeqCst);
        close.await.unwrap();
        for answer in futures::future::join_all(waiting).await {
            answer.unwrap();
        }
        store.close().await.unwrap();
        assert!(matches!(store.flush().await, Ok(())));
        let mut log_files = sim.fs.files();
        log_files.retain(|path| path.starts_with("/data/wal"));
        assert_eq!(
            log_files,
            Vec::<std::path::PathBuf>::new(),
            "all is in segments"
        );
        // The directory is free although this handle is still held.
        let (again, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!((recovery.replayed_records, recovery.stored_spans), (0, 5));
        assert_eq!(spans(&again.snapshot()), once(5));
        assert_eq!(
            spans(&store.snapshot()),
            once(5),
            "reads go on after a close"
        );
    });
}

#[test]
fn epochs_are_flushed_by_age_and_the_log_is_dropped_behind_them() {
    let sim = SimEnv::new(1);
    let limits = Limits {
        epoch_age: Duration::from_secs(30),
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits)).unwrap();
        for number in 0..4 {
            send(&store, payload(number, 1, 40_000)).await.unwrap();
        }
        let log_bytes = store.status().wal_bytes;
        sim.clock.advance(Duration::from_secs(29));
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(store.status().segments, 0, "the epoch is not old enough");
        sim.clock.advance(Duration::from_secs(1));
        for _ in 0..2000 {
            if store.status().segments == 1 && store.status().wal_bytes < log_bytes {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let status = store.status();
        assert_eq!(
            (status.segments, status.stored_spans, status.hot_spans),
            (1, 4, 0)
        );
        assert!(
            status.wal_bytes < log_bytes,
            "{} of {log_bytes}",
            status.wal_bytes
        );
        assert_eq!(spans(&store.snapshot()), once(4));
    });
}
