use std::ops::Range;

use arrow::array::RecordBatch;

use super::*;
use crate::StoreError;
use crate::ids::TraceId;

/// All that can be asked of a segment.
#[derive(Debug, PartialEq)]
struct Answers {
    spans: RecordBatch,
    traces: RecordBatch,
    rows: Vec<Option<Range<u32>>>,
    filters: Vec<bool>,
    operations: Arc<Option<Vec<Operation>>>,
}

fn ask(segment: &Segment, ids: &[TraceId]) -> Result<Answers, StoreError> {
    let meta = segment.meta();
    let groups = segment
        .metadata(SegmentTable::Spans)?
        .metadata()
        .num_row_groups();
    Ok(Answers {
        spans: segment.read_rows(SegmentTable::Spans, 0..meta.span_count as u32, None)?,
        traces: segment.read_rows(SegmentTable::Traces, 0..meta.trace_count as u32, None)?,
        rows: ids
            .iter()
            .map(|id| segment.trace_rows(*id))
            .collect::<Result<_, _>>()?,
        filters: (0..groups)
            .map(|group| segment.row_group_may_hold(group, Held::Name("operation 1")))
            .collect::<Result<_, _>>()?,
        operations: segment.operations()?,
    })
}

/// Every answer after the damage is the right one or says `Corrupt`, and `verify` notices.
fn check(sim: &SimEnv, meta: &SegmentMeta, ids: &[TraceId], right: &Answers, what: &str) {
    let segment = open(&sim.env(), meta);
    match ask(&segment, ids) {
        Ok(answers) => assert_eq!(answers, *right, "{what}"),
        Err(StoreError::Corrupt { .. }) => {}
        Err(other) => panic!("{what}: {other:?}"),
    }
    assert!(
        matches!(segment.verify(), Err(StoreError::Corrupt { .. })),
        "{what}"
    );
}

#[test]
fn damage_is_noticed_or_harmless_and_verify_always_notices() {
    let spans = plain(60, 4);
    let ids: Vec<_> = spans
        .iter()
        .map(|span| TraceId(span.trace_id))
        .chain([TraceId([1; 16])])
        .collect();
    let (sim, segment) = stored(&[spans]);
    let right = ask(&segment, &ids).unwrap();
    let meta = segment.meta().clone();
    let mut noticed_by_check = 0;
    for path in Segment::paths(Path::new(DIR), &meta.name) {
        let whole = sim.fs.contents(&path).unwrap();
        let step = whole.len() / 97 + 1;
        let places = (0..whole.len())
            .step_by(step)
            .chain(whole.len() - 48..whole.len());
        for place in places {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            sim.fs.set_contents(&path, &bytes);
            check(
                &sim,
                &meta,
                &ids,
                &right,
                &format!("{} byte {place}", path.display()),
            );
        }
        for length in [0, 1, 31, whole.len() / 2, whole.len() - 1] {
            sim.fs.set_contents(&path, &whole[..length]);
            check(
                &sim,
                &meta,
                &ids,
                &right,
                &format!("{} cut to {length}", path.display()),
            );
            noticed_by_check += usize::from(open(&sim.env(), &meta).check().is_err());
        }
        sim.fs
            .set_contents(&path, &[whole.as_slice(), b"x"].concat());
        check(
            &sim,
            &meta,
            &ids,
            &right,
            &format!("{} longer", path.display()),
        );
        sim.fs.set_contents(&path, &whole);
    }
    assert_eq!(noticed_by_check, 15);
    open(&sim.env(), &meta).verify().unwrap();
}

#[test]
fn files_of_another_segment_are_noticed() {
    let (sim, segment) = stored(&[plain(60, 4)]);
    let other = write(
        &sim.env(),
        &new_segment("default/b"),
        &batches(&[plain(60, 4)]),
        &SHAPE,
        &KeepAll,
    )
    .unwrap()
    .unwrap();
    let [.., index] = Segment::paths(Path::new(DIR), &other.name);
    let [.., own] = Segment::paths(Path::new(DIR), &segment.meta().name);
    sim.fs.set_contents(&own, &sim.fs.contents(&index).unwrap());
    let error = open(&sim.env(), segment.meta()).check().unwrap_err();
    assert!(error.to_string().contains("another segment"), "{error}");
}

#[test]
fn a_missing_file_is_an_error() {
    for place in 0..3 {
        let (sim, segment) = stored(&[plain(5, 4)]);
        sim.env()
            .fs
            .remove_file(&Segment::paths(Path::new(DIR), &segment.meta().name)[place])
            .unwrap();
        let segment = open(&sim.env(), segment.meta());
        assert!(matches!(segment.check(), Err(StoreError::Io { .. })));
        assert!(matches!(segment.verify(), Err(StoreError::Io { .. })));
        assert!(ask(&segment, &[TraceId([1; 16])]).is_err());
    }
}
