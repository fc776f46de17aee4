//! Slices that a merge takes over as they are, and those that it does not.

use super::*;
use crate::segment::attributes::AttributeOwner;
use crate::segment::tests::EvenTwice;

#[test]
fn slices_of_one_input_are_taken_over_as_they_are() {
    let world = World::slicing(400);
    let lists = [shop(0, 350), shop(350, 450)];
    let inputs = world.flush(&lists);
    let merged = world.merge(&inputs, &limits());
    assert_eq!(merged.len(), 1);
    // They meet within a slice, and the one behind it was not cut off in an input that has less of it.
    let copied = world.copied_spans.take();
    assert!((3200 - 2 * 400..3200).contains(&copied), "{copied}");
    check_outputs(&merged);
    assert_eq!(traces(&merged), traces(&inputs));
    // Now all of them lie in one input.
    let again = world.merge(&merged, &limits());
    assert_eq!(world.copied_spans.take(), 3200);
    check_outputs(&again);
    let tables = [SegmentTable::Spans, SegmentTable::Traces];
    for which in tables {
        assert_eq!(table(&again[0], which), table(&merged[0], which));
    }
    let (again, merged) = (again[0].meta(), merged[0].meta());
    assert_eq!(again.start_time, merged.start_time);
    assert_eq!(again.ingested_at, merged.ingested_at);
    assert_eq!(again.services, merged.services);
}

#[test]
fn what_a_footer_says_of_attributes_stays_true_of_rows_that_are_taken_over() {
    let world = World::slicing(400);
    // One span in fifty has a key that no other one has.
    let inputs = world.flush(&[shop(0, 400)]);
    let layout = |segment: &Segment| segment.attribute_layout().unwrap();
    let merged = world.merge(&inputs, &limits());
    assert_eq!(world.copied_spans.take(), 1600);
    assert_eq!(layout(&merged[0]), layout(&inputs[0]));
    let rare = layout(&merged[0]);
    let rare = rare.owner(AttributeOwner::Span);
    assert!(rare.residue_of("rare 50").is_some());
    assert!(rare.residue_of("rare 51").is_none());
}

#[test]
fn rows_are_put_together_where_they_cannot_be_taken_over() {
    let whole = |world: &World, inputs: &[Arc<Segment>], limits: &CompactionLimits| {
        let merged = world.merge(inputs, limits);
        check_outputs(&merged);
        assert_eq!(traces(&merged), traces(inputs));
        world.copied_spans.take()
    };
    // The columns of the merged segment are not those of the inputs.
    let world = World::slicing(400);
    let mut plain = shop(400, 400);
    for span in &mut plain {
        span.attributes.retain(|(key, _)| key == "route");
        let text = crate::attributes::AttributeValue::String("x".to_owned());
        span.attributes.push(("other".to_owned(), text));
    }
    let inputs = world.flush(&[shop(0, 400), plain]);
    assert_eq!(whole(&world, &inputs, &limits()), 0);
    // Every trace has a part in both.
    let world = World::slicing(400);
    let (even, odd): (Vec<_>, Vec<_>) = shop(0, 400)
        .into_iter()
        .enumerate()
        .partition(|(place, _)| place.is_multiple_of(2));
    let spans = |list: Vec<(usize, TestSpan)>| list.into_iter().map(|(_, span)| span).collect();
    let inputs = world.flush(&[spans(even), spans(odd)]);
    assert_eq!(whole(&world, &inputs, &limits()), 0);
    // So it is where they are too long to be put together.
    let apart = CompactionLimits {
        trace_spans_max: 1,
        ..limits()
    };
    assert_eq!(whole(&world, &inputs, &apart), 0);
}

#[test]
fn a_merge_that_drops_or_weighs_takes_nothing_over() {
    let world = World::slicing(400);
    let inputs = world.flush(&[shop(0, 400)]);
    let (env, limits) = (world.sim.env(), limits());
    let all = world.plan(&env, &inputs, &limits);
    assert_eq!(all.run().unwrap().copied_spans, 1600);
    let merge = Merge {
        policy: &EvenTwice,
        ..world.plan(&env, &inputs, &limits)
    };
    assert_eq!(merge.run().unwrap().copied_spans, 0);
}
