use std::collections::HashSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::attributes::AttributeValue;
use crate::env::{DirEntry, File, FileSystem};
use crate::ids::TraceId;
use crate::testing::Attributes;

fn row_groups(segment: &Segment) -> std::ops::Range<usize> {
    0..segment
        .metadata(SegmentTable::Spans)
        .unwrap()
        .metadata()
        .num_row_groups()
}

fn attributes(span: &TestSpan) -> impl Iterator<Item = &(String, AttributeValue)> {
    let lists: Vec<&Attributes> = [&span.attributes, &span.group.resource, &span.group.scope]
        .into_iter()
        .chain(span.events.iter().map(|event| &event.2))
        .chain(span.links.iter().map(|link| &link.attributes))
        .collect();
    lists.into_iter().flatten()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn filters_and_index_miss_nothing(parts in parts()) {
        let (_sim, segment) = stored(&parts);
        let operations = segment.operations().unwrap();
        let operations: HashSet<_> = operations.as_ref().as_ref().unwrap().iter().collect();
        let any = |ask: &dyn Fn(usize) -> bool| row_groups(&segment).any(ask);
        for span in parts.iter().flatten() {
            prop_assert!(segment.trace_rows(TraceId(span.trace_id)).unwrap().is_some());
            prop_assert!(any(&|group| segment.row_group_may_hold_name(group, &span.name).unwrap()));
            for (key, value) in attributes(span) {
                prop_assert!(any(&|group| segment.row_group_may_hold(group, key, &value.to_text()).unwrap()));
                prop_assert!(any(&|group| segment.row_group_may_hold_key(group, key).unwrap()));
            }
        }
        for service in &segment.meta().services {
            prop_assert!(any(&|group| segment.row_group_may_hold_service(group, service).unwrap()));
            prop_assert!(operations.iter().any(|operation| operation.service_name == *service));
        }
        let expected: HashSet<_> = parts.iter().flatten().map(|span| (span.name.clone(), crate::span::kind_text(span.kind).into_owned())).collect();
        let listed: HashSet<_> = operations.iter().map(|operation| (operation.name.clone(), operation.kind.clone())).collect();
        prop_assert_eq!(listed, expected);
    }
}

#[test]
fn filters_tell_row_groups_apart() {
    let mut spans = plain(20_000, 7);
    spans[3].attributes = vec![(
        "order.id".to_owned(),
        AttributeValue::String("needle".to_owned()),
    )];
    let (_sim, segment) = stored(&[spans]);
    let holding = row_groups(&segment).filter(|group| {
        segment
            .row_group_may_hold(*group, "order.id", "needle")
            .unwrap()
    });
    assert_eq!(holding.count(), 1);
    let holding = row_groups(&segment)
        .filter(|group| segment.row_group_may_hold_key(*group, "order.id").unwrap());
    assert_eq!(holding.count(), 1);
    assert!(
        row_groups(&segment)
            .all(|group| !segment.row_group_may_hold_service(group, "nobody").unwrap())
    );
}

#[test]
fn strangers_are_not_found() {
    let (_sim, segment) = stored(&[plain(1000, 2)]);
    let found = (0..10_000u32).filter(|n| {
        segment
            .trace_rows(TraceId([
                *n as u8,
                1,
                (*n >> 8) as u8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                1,
            ]))
            .unwrap()
            .is_some()
    });
    assert_eq!(found.count(), 0);
}

/// Files whose read bytes are counted.
struct Counting {
    inner: Arc<dyn FileSystem>,
    bytes: Arc<AtomicU64>,
    opened: Mutex<u64>,
}

#[derive(Debug)]
struct CountingFile {
    inner: Arc<dyn File>,
    bytes: Arc<AtomicU64>,
}

impl File for CountingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.inner.read_at(buf, offset)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        unimplemented!()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        unimplemented!()
    }

    fn preallocate(&self, _: u64) -> io::Result<()> {
        unimplemented!()
    }

    fn sync_data(&self) -> io::Result<()> {
        unimplemented!()
    }

    fn sync_all(&self) -> io::Result<()> {
        unimplemented!()
    }
}

impl FileSystem for Counting {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        *self.opened.lock().unwrap() += 1;
        Ok(Arc::new(CountingFile {
            inner: self.inner.open(path)?,
            bytes: Arc::clone(&self.bytes),
        }))
    }

    fn create_new(&self, _: &Path) -> io::Result<Arc<dyn File>> {
        unimplemented!()
    }

    fn open_write(&self, _: &Path) -> io::Result<Arc<dyn File>> {
        unimplemented!()
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Arc<dyn File>>> {
        unimplemented!()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        unimplemented!()
    }

    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        unimplemented!()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        unimplemented!()
    }

    fn list(&self, _: &Path) -> io::Result<Vec<DirEntry>> {
        unimplemented!()
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        unimplemented!()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        unimplemented!()
    }
}

#[test]
fn looking_up_a_trace_reads_little() {
    let sim = SimEnv::new(1);
    let spans = plain(20_000, 5);
    let id = TraceId(spans[77_777].trace_id);
    let meta = write_all(&sim.env(), &[spans]);
    let bytes = Arc::new(AtomicU64::new(0));
    let files = Counting {
        inner: sim.env().fs,
        bytes: Arc::clone(&bytes),
        opened: Mutex::new(0),
    };
    let files = Arc::new(files);
    let segment = open(
        &Env {
            fs: Arc::clone(&files) as Arc<dyn FileSystem>,
            ..sim.env()
        },
        &meta,
    );
    assert_eq!(bytes.load(Ordering::Relaxed), 0);
    assert_eq!(segment.trace_rows(TraceId([9; 16])).unwrap(), None);
    let opening = bytes.swap(0, Ordering::Relaxed);
    assert!(opening < 64 << 10, "opening read {opening} bytes");
    segment.metadata(SegmentTable::Spans).unwrap();
    segment.read_rows(SegmentTable::Spans, 0..1, None).unwrap();
    bytes.store(0, Ordering::Relaxed);
    let rows = segment.trace_rows(id).unwrap().unwrap();
    assert_eq!(
        segment
            .read_rows(SegmentTable::Spans, rows, None)
            .unwrap()
            .num_rows(),
        5
    );
    let reading = bytes.load(Ordering::Relaxed);
    assert!(reading < 512 << 10, "a trace read {reading} bytes");
    assert_eq!(*files.opened.lock().unwrap(), 2);
}
