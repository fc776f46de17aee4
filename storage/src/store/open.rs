//! Start-up: from a directory to a running store.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::watch;

use super::compact::{self, CompactControl};
use super::disk::DiskGuard;
use super::flush::{self, FlushControl};
use super::ingest::{Ingest, Log};
use super::names;
use super::queue::Queue;
use super::spill;
use super::tail::Tail;
use super::terms::KnownTerms;
use super::trash::Trash;
use super::view::{Counts, Published, View};
use super::{DEFAULT_TENANT, Owner, Recovery, Shared, Store, StoreOptions, lock};
use crate::decoder::{Admission, PayloadKind};
use crate::derived::{DerivedFile, DerivedMeta, PendingCalls, Totals, Wanted};
use crate::env::Env;
use crate::error::{IoContext, StoreError};
use crate::lock::DirLock;
use crate::manifest::{self, Loaded, Manifest, State};
use crate::recent::{Known, PayloadHash, Recent};
use crate::retention::ClockReading;
use crate::segment::{Segment, SegmentCache};
use crate::wal::frame::Record;
use crate::wal::replay::{Position, Replay, replay};
use crate::wal::writer::{LogFiles, Writer, WriterOptions};
use crate::{batch::SpanBatch, measure, quarantine, recent, wal};

pub(super) fn open(options: StoreOptions, with_log: bool) -> Result<(Store, Recovery), StoreError> {
    let start_ns = options.env.clock.monotonic_ns();
    let dir_lock = prepare(&options.env, &options.data_dir)?;
    let manifest_dir = manifest::dir(&options.data_dir);
    let loaded = manifest::load(&options.env, &manifest_dir)?;
    let mut opening = Opening::new(options, &loaded);
    opening.load_recent(&loaded.state);
    let replayed = opening.replay(&loaded.state)?;
    opening.set_damage_aside(&replayed);
    opening.remove_orphans(&loaded, &replayed)?;
    opening.start(loaded, replayed, dir_lock, with_log, start_ns)
}

/// Makes the directories and takes the lock.
fn prepare(env: &Env, data_dir: &Path) -> Result<DirLock, StoreError> {
    env.fs.create_dir_all(data_dir).context(data_dir)?;
    let dir_lock = DirLock::take(env, data_dir)?;
    let mut directories = names::directories(data_dir, &[DEFAULT_TENANT]);
    directories.extend([wal::dir(data_dir), manifest::dir(data_dir)]);
    for dir in directories {
        env.fs.create_dir_all(&dir).context(&dir)?;
    }
    Ok(dir_lock)
}

/// A store that is being put together.
struct Opening {
    options: StoreOptions,
    cache: Arc<SegmentCache>,
    view: View,
    recent: Recent,
    tail: Option<Tail>,
    recovery: Recovery,
}

impl Opening {
    fn new(options: StoreOptions, loaded: &Loaded) -> Self {
        let state = &loaded.state;
        let limits = &options.limits;
        let cache = Arc::new(SegmentCache::new(limits.segment_cache_bytes));
        let mut recovery = Recovery {
            segments: state.segments.len() as u64,
            stored_spans: state.span_count(),
            damaged: loaded.damaged.clone(),
            ..Recovery::default()
        };
        let mut segments = Vec::with_capacity(state.segments.len());
        for meta in &state.segments {
            let segment = Segment::open(&options.env, &options.data_dir, meta.clone(), &cache);
            if let Err(error) = segment.check() {
                recovery.damaged.push(error.to_string());
            }
            segments.push(Arc::new(segment));
        }
        let counts = counts(&options, state, &mut recovery);
        Self {
            view: View::new(limits.clone(), state.version, segments, counts),
            recent: Recent::new(limits.recent_payload_age, limits.recent_payloads_max),
            cache,
            recovery,
            tail: options.tail_sampling.clone().map(Tail::new),
            options,
        }
    }

    fn load_recent(&mut self, state: &State) {
        let now = self.options.env.clock.now_unix_nano();
        let age_ns = self.options.limits.recent_payload_age.as_nanos() as u64;
        for file in &state.recent {
            let is_old = now.saturating_sub(file.newest_unix_nano) > age_ns;
            if is_old && self.tail.is_none() {
                continue;
            }
            match recent::read(&self.options.env, &self.options.data_dir.join(&file.name)) {
                Ok(content) => {
                    if let Some(tail) = &self.tail {
                        let made_at = content.decided_at_unix_nano;
                        tail.load(&content.decisions, made_at, &file.name);
                    }
                    let young = content.known.into_iter().filter(|_| !is_old);
                    young.for_each(|known| {
                        self.recent.insert(known);
                    });
                }
                Err(error) => self.recovery.damaged.push(format!(
                    "{error}; payloads that were flushed before and are sent again may be stored twice, and late spans of traces that tail \
                     sampling decided about are decided about anew"
                )),
            }
        }
    }

    fn replay(&mut self, state: &State) -> Result<Replayed, StoreError> {
        let env = self.options.env.clone();
        let dir = wal::dir(&self.options.data_dir);
        let position = Position {
            flushed_seq: state.flushed_seq,
            manifest_version: state.version,
        };
        let replay = replay(&*env.fs, &dir, position, &mut |record| {
            let known = self.take(&record);
            self.recent.insert(known);
        })?;
        let tail = replay.tail.iter();
        let tail_known = tail.map(|record| self.take(record)).collect();
        self.recovery.torn_tail_bytes = replay.torn_tail_bytes;
        if replay.torn_tail_bytes > 0 {
            tracing::warn!(
                bytes = replay.torn_tail_bytes,
                "the log ends in a write that never ended; it is cut off"
            );
        }
        Ok(Replayed { replay, tail_known })
    }

    /// Publishes one record of the log. One that cannot be decoded is set aside and leaves its number empty.
    fn take(&mut self, record: &Record) -> Known {
        let hash = PayloadHash::of(&record.tenant, record.kind, &record.payload);
        let known = Known {
            hash,
            at_unix_nano: record.received_at_unix_nano,
        };
        let batch = if self.recent.contains(hash) {
            self.recovery.replayed_duplicates += 1;
            None
        } else {
            self.decode(record)
        };
        self.recovery.replayed_records += 1;
        self.recovery.replayed_spans += batch.as_ref().map_or(0, SpanBatch::len) as u64;
        let reserved_bytes = batch.as_ref().map_or(0, SpanBatch::memory_bytes);
        self.view.reserve_replayed(reserved_bytes);
        let published = Published {
            seq: record.seq,
            batch,
            known: Some(known),
            reserved_bytes,
        };
        let now_ns = self.options.env.clock.monotonic_ns();
        self.view.publish(vec![published], now_ns);
        self.view.merge_tiny();
        known
    }

    fn decode(&mut self, record: &Record) -> Option<SpanBatch> {
        let decoder = &self.options.decoder;
        let admission = Admission {
            weights: record.weights.clone(),
        };
        let kind = PayloadKind(record.kind);
        let reason = if record.decoder_version > decoder.version() {
            format!(
                "it was accepted by decoder version {}, this program has {}",
                record.decoder_version,
                decoder.version()
            )
        } else {
            let received_at = record.received_at_unix_nano;
            match decoder.decode(kind, &record.payload, received_at, &admission) {
                Ok(batch) => return Some(batch),
                Err(error) => error.to_string(),
            }
        };
        let reason = format!("log record {}: {reason}", record.seq);
        let name = format!("record-{:020}-kind-{}.payload", record.seq, record.kind);
        self.set_aside(&name, &record.payload, &reason);
        self.recovery.damaged.push(reason);
        None
    }

    fn set_aside(&self, name: &str, bytes: &[u8], reason: &str) {
        let (env, data_dir) = (&self.options.env, &self.options.data_dir);
        if let Err(error) = quarantine::set_aside(env, data_dir, name, bytes, reason) {
            tracing::error!(%error, name, "what is damaged cannot be set aside");
        }
    }

    fn set_damage_aside(&mut self, replayed: &Replayed) {
        let (env, data_dir) = (self.options.env.clone(), self.options.data_dir.clone());
        for damage in &replayed.replay.damage {
            let reason = damage.to_string();
            if !damage.bytes.is_empty() {
                self.set_aside(&damage.quarantine_name(), &damage.bytes, &reason);
            }
            if replayed.replay.unreadable.contains(&damage.path)
                && let Err(error) = quarantine::move_here(&env, &data_dir, &damage.path, &reason)
            {
                tracing::error!(%error, "a damaged log file cannot be set aside");
            }
            self.recovery.damaged.push(reason);
        }
    }

    /// Removes what earlier processes left half-made, and segments that no version names.
    fn remove_orphans(&mut self, loaded: &Loaded, replayed: &Replayed) -> Result<(), StoreError> {
        let (env, data_dir) = (self.options.env.clone(), self.options.data_dir.clone());
        let mut orphans = loaded.unfinished.clone();
        let wal_dir = wal::dir(&data_dir);
        for entry in env.fs.list(&wal_dir).context(&wal_dir)? {
            if wal::is_temporary(&entry.name.to_string_lossy()) {
                orphans.push(wal_dir.join(entry.name));
            }
        }
        let named = named_files(&data_dir, &loaded.state);
        for dir in names::directories(&data_dir, &[DEFAULT_TENANT]) {
            for entry in env.fs.list(&dir).context(&dir)? {
                let path = dir.join(&entry.name);
                let last_seq = names::last_seq(&entry.name.to_string_lossy());
                let Some(last_seq) = last_seq.filter(|_| !named.contains(&path)) else {
                    continue;
                };
                if last_seq < replayed.replay.next_seq {
                    orphans.push(path);
                } else {
                    self.keep_stray(&path, last_seq);
                }
            }
        }
        for path in orphans {
            match env.fs.remove_file(&path) {
                Ok(()) => self.recovery.orphans_removed += 1,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a left-over file cannot be removed");
                }
            }
        }
        Ok(())
    }

    /// A segment of records that neither the manifest nor the log knows may be the only copy of them.
    fn keep_stray(&mut self, path: &Path, last_seq: u64) {
        let reason = format!(
            "{}: no manifest version names this file, and the log does not hold its records (up to {last_seq}); manifest or log files \
             may be missing. It is kept in `quarantine/`",
            path.display()
        );
        let (env, data_dir) = (&self.options.env, &self.options.data_dir);
        if let Err(error) = quarantine::move_here(env, data_dir, path, &reason) {
            tracing::error!(%error, "a stray file cannot be set aside");
        }
        self.recovery.damaged.push(reason);
    }

    fn start(
        mut self,
        loaded: Loaded,
        replayed: Replayed,
        dir_lock: DirLock,
        with_log: bool,
        start_ns: u64,
    ) -> Result<(Store, Recovery), StoreError> {
        let Replayed { replay, tail_known } = replayed;
        let limits = &self.options.limits;
        let env = self.options.env.clone();
        let manifest = Manifest::new(
            env.clone(),
            manifest::dir(&self.options.data_dir),
            loaded,
            limits.manifest_checkpoint_versions,
        );
        let log_files = LogFiles::new(replay.files);
        let next_seq = replay.next_seq - replay.tail.len() as u64;
        let log = if with_log {
            Log::Files(Writer::new(WriterOptions {
                env: env.clone(),
                dir: wal::dir(&self.options.data_dir),
                incarnation: manifest.incarnation(),
                last_number: replay.last_number,
                next_seq,
                file_bytes: limits.wal_segment_bytes,
                files: log_files.clone(),
            }))
        } else {
            Log::Off { next_seq }
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(limits.wal_queue_bytes),
            view: self.view,
            recent: self.recent,
            replayed_tail: Mutex::new(tail_known),
            manifest: Mutex::new(manifest),
            cache: self.cache,
            log_files,
            flush: FlushControl::default(),
            compact: CompactControl::default(),
            disk: DiskGuard::default(),
            tail: self.tail,
            totals: Totals::default(),
            exemplars_wanted: Wanted::default(),
            terms: KnownTerms::default(),
            trash: Trash::default(),
            opened: ClockReading {
                wall_ns: env.clock.now_unix_nano(),
                monotonic_ns: env.clock.monotonic_ns(),
            },
            ingest_ended: watch::Sender::new(false),
            dir_lock: Mutex::new(Some(dir_lock)),
            options: self.options,
        });
        report(&shared, &self.recovery);
        let elapsed_ns = env.clock.monotonic_ns().saturating_sub(start_ns);
        self.recovery.elapsed_ms = elapsed_ns / 1_000_000;
        Ok((run(shared, log, replay.tail)?, self.recovery))
    }
}

/// The counts that the manifest names.
fn counts(options: &StoreOptions, state: &State, recovery: &mut Recovery) -> Counts {
    let open = |meta: &DerivedMeta| {
        let file = DerivedFile::open(&options.env, &options.data_dir, meta.clone());
        Arc::new(file)
    };
    let files: Vec<_> = state.derived.iter().map(open).collect();
    let mut pending = PendingCalls::default();
    for file in files.iter().filter(|file| file.meta().table.is_none()) {
        match file.read_pending() {
            Ok(read) => pending = read,
            Err(error) => recovery.damaged.push(format!(
                "{error}; calls between services whose other side had not arrived are not counted"
            )),
        }
    }
    Counts {
        files: files.into(),
        pending: Arc::new(pending),
    }
}

/// What came of the log.
struct Replayed {
    replay: Replay,
    /// Hashes of the records in the tail.
    tail_known: Vec<Known>,
}

/// Files that the manifest names.
fn named_files(data_dir: &Path, state: &State) -> HashSet<PathBuf> {
    let segments = state.segments.iter();
    let segments = segments.flat_map(|meta| Segment::paths(data_dir, &meta.name));
    let recent = state.recent.iter().map(|file| data_dir.join(&file.name));
    let derived = state.derived.iter().map(|file| data_dir.join(&file.name));
    segments.chain(recent).chain(derived).collect()
}

fn report(shared: &Shared, recovery: &Recovery) {
    measure::limits(&shared.options.limits);
    measure::recovery_damage(recovery.damaged.len());
    for damage in &recovery.damaged {
        tracing::error!(damage, "damage was found at start-up");
    }
    if shared.tail.is_some() {
        spill::tell(&shared.undecided());
    }
    let manifest = lock(&shared.manifest);
    let state = manifest.state();
    let (spans, bytes) = (state.span_count(), state.file_bytes());
    measure::stored(state.version, state.segments.len(), spans, bytes);
    measure::derived(state.derived.len(), state.derived_bytes());
    measure::wal_bytes(shared.log_files.bytes());
}

/// Starts the threads. The first attempt to write is made before they run, so that the status is right from the start.
fn run(shared: Arc<Shared>, log: Log, tail: Vec<Record>) -> Result<Store, StoreError> {
    let mut ingest = Ingest::new(Arc::clone(&shared), log, tail);
    ingest.probe();
    let flusher = Arc::clone(&shared);
    let compactor = Arc::clone(&shared);
    let merges = shared.options.limits.compaction.enabled;
    let owner = Owner {
        shared,
        threads: Mutex::default(),
    };
    owner.spawn("clew-log", move || ingest.run())?;
    owner.spawn("clew-flush", move || flush::run(&flusher))?;
    if merges {
        owner.spawn("clew-compact", move || compact::run(&compactor))?;
    }
    Ok(Store {
        owner: Arc::new(owner),
    })
}

impl Owner {
    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
        let thread = thread.context(&self.shared.options.data_dir)?;
        lock(&self.threads).push(thread);
        Ok(())
    }
}
