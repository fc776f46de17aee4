//! `percentile_cont`, DataFusion's, with less copying on the way to a group's percentile.
//!
//! An exact percentile needs all values of its group at once. A statement runs in several partitions, and what each has gathered is handed on as
//! lists:
//!
//! ```text
//!  values ─▶ blocks, by group ─▶ a list for each group ─▶ dealt out by group ─▶ the lists themselves, kept ─▶ one group after the other: select
//!           no block is moved    copied once                                    not copied                   copied to where the last one was
//! ```
//!
//! Between two values it interpolates in proportion, not rounded to a millionth of their distance. Everything but groups of doubles, which numbers of
//! all kinds become before, is left to DataFusion: windows, `DISTINCT`, no groups.

use std::mem::size_of;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray};
use arrow::buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::functions_aggregate::percentile_cont::PercentileCont as Theirs;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion::physical_expr::expressions::Literal;

use crate::filter::is_true;

/// Values of a block; those of small groups are fewer, and grow.
const BLOCK_VALUES: usize = 8_192;

/// `percentile_cont`.
pub(super) fn percentile_cont() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(PercentileCont(Theirs::new())))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PercentileCont(Theirs);

impl AggregateUDFImpl for PercentileCont {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.0.accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let of_doubles = *args.expr_fields[0].data_type() == DataType::Float64;
        let percentile = percentile(&args).filter(|_| of_doubles);
        // DataFusion checks the percentile, and says what is wrong with it.
        let theirs = self.0.create_groups_accumulator(args)?;
        Ok(match percentile {
            Some(percentile) => Box::new(Groups {
                percentile,
                groups: Vec::new(),
            }),
            None => theirs,
        })
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.0.simplify()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.0.supports_within_group_clause()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

/// The share of the values that are below what is asked for, from 0 to 1.
fn percentile(args: &AccumulatorArgs<'_>) -> Option<f64> {
    let literal = args.exprs.get(1)?.downcast_ref::<Literal>()?;
    let ScalarValue::Float64(Some(share)) = literal.value() else {
        return None;
    };
    let order = args.order_bys.first();
    let is_descending = order.is_some_and(|order| order.options.descending);
    Some(if is_descending { 1.0 - share } else { *share })
}

/// Values by group.
#[derive(Debug)]
struct Groups {
    percentile: f64,
    groups: Vec<Group>,
}

/// All values of a group, in no order.
#[derive(Debug, Default)]
struct Group {
    full: Vec<ScalarBuffer<f64>>,
    /// Fewer than [`BLOCK_VALUES`].
    open: Vec<f64>,
}

impl Group {
    fn push(&mut self, value: f64) {
        self.open.push(value);
        if self.open.len() == BLOCK_VALUES {
            self.full.push(std::mem::take(&mut self.open).into());
        }
    }

    /// Takes those of `values` that are in `range`, without copying them where they are many.
    fn extend(&mut self, values: &ScalarBuffer<f64>, range: Range<usize>) {
        if range.len() >= BLOCK_VALUES {
            self.full.push(values.slice(range.start, range.len()));
        } else {
            values[range].iter().for_each(|value| self.push(*value));
        }
    }

    fn len(&self) -> usize {
        self.full.iter().map(ScalarBuffer::len).sum::<usize>() + self.open.len()
    }

    fn append_to(&self, all: &mut Vec<f64>) {
        for block in &self.full {
            all.extend_from_slice(block);
        }
        all.extend_from_slice(&self.open);
    }

    fn size(&self) -> usize {
        let full: usize = self.full.iter().map(ScalarBuffer::len).sum();
        (full + self.open.capacity()) * size_of::<f64>()
            + self.full.capacity() * size_of::<ScalarBuffer<f64>>()
    }
}

impl Groups {
    fn resize(&mut self, groups: usize) {
        self.groups.resize_with(groups, Group::default);
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_of: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.resize(groups);
        let values = doubles(values)?;
        let kept = kept(values, filter);
        for (row, (value, group)) in values.values().iter().zip(group_of).enumerate() {
            if kept.as_ref().is_none_or(|kept| kept.value(row)) {
                self.groups[*group].push(*value);
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_of: &[usize],
        groups: usize,
    ) -> Result<()> {
        self.resize(groups);
        let lists = states
            .first()
            .and_then(|states| states.as_list_opt::<i32>());
        let lists = lists.ok_or_else(|| exec_datafusion_err!("a percentile's state is no list"))?;
        let values = doubles(std::slice::from_ref(lists.values()))?.values();
        for (row, (range, group)) in lists.value_offsets().windows(2).zip(group_of).enumerate() {
            if lists.is_valid(row) {
                let range = range[0] as usize..range[1] as usize;
                self.groups[*group].extend(values, range);
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit_to.take_needed(&mut self.groups);
        let count = groups.iter().map(Group::len).sum();
        if i32::try_from(count).is_err() {
            return exec_err!(
                "percentile_cont cannot take {count} values: use approx_percentile_cont"
            );
        }
        let offsets = OffsetBuffer::from_lengths(groups.iter().map(Group::len));
        let mut all = Vec::with_capacity(count);
        for group in groups {
            group.append_to(&mut all);
        }
        lists(offsets, all.into())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut all = Vec::new();
        let of_group = |group: Group| {
            all.clear();
            group.append_to(&mut all);
            of_values(&mut all, self.percentile)
        };
        let groups = emit_to.take_needed(&mut self.groups);
        let percentiles: Float64Array = groups.into_iter().map(of_group).collect();
        Ok(Arc::new(percentiles))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = doubles(values)?;
        let kept = kept(values, filter);
        let kept = kept.unwrap_or_else(|| BooleanBuffer::new_set(values.len()));
        let offsets = OffsetBuffer::from_lengths(kept.iter().map(usize::from));
        let values = compute::filter(values, &BooleanArray::new(kept, None))?;
        let values = Float64Array::new(doubles(&[values])?.values().clone(), None);
        lists(offsets, values)
    }

    fn size(&self) -> usize {
        self.groups.iter().map(Group::size).sum::<usize>()
            + self.groups.capacity() * size_of::<Group>()
    }
}

/// The state that these lists are.
fn lists(offsets: OffsetBuffer<i32>, values: Float64Array) -> Result<Vec<ArrayRef>> {
    let field = Arc::new(Field::new_list_field(DataType::Float64, true));
    let lists = ListArray::try_new(field, offsets, Arc::new(values), None)?;
    Ok(vec![Arc::new(lists)])
}

/// Which of `values` count; all if `None`.
fn kept(values: &Float64Array, filter: Option<&BooleanArray>) -> Option<BooleanBuffer> {
    let set = values.nulls().map(|nulls| nulls.inner().clone());
    match (set, filter.map(is_true)) {
        (Some(set), Some(filter)) => Some(&set & &filter),
        (set, filter) => set.or(filter),
    }
}

fn doubles(values: &[ArrayRef]) -> Result<&Float64Array> {
    let values = values.first();
    let values = values.and_then(|values| values.as_primitive_opt::<Float64Type>());
    values.ok_or_else(|| exec_datafusion_err!("a percentile is of something else than doubles"))
}

/// The value below which the share `percentile` of `values` lies; between two of them, in proportion. It changes the order of the values.
fn of_values(values: &mut [f64], percentile: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = percentile * last as f64;
    let (_, below, rest) = values.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp);
    Some(match above {
        Some(above) if place.fract() > 0.0 => *below + (above - *below) * place.fract(),
        _ => *below,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The percentile of each of `groups`, their values gathered in `parts` partitions.
    fn of(groups: &[Vec<f64>], percentile: f64, parts: usize) -> Vec<Option<f64>> {
        let accumulator = || Groups {
            percentile,
            groups: Vec::new(),
        };
        let every: Vec<usize> = (0..groups.len()).collect();
        let mut last = accumulator();
        for part in 0..parts {
            let mut first = accumulator();
            for (group, values) in groups.iter().enumerate() {
                let values = values.iter().copied().skip(part).step_by(parts);
                let values: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
                let group_of = vec![group; values.len()];
                let updated = first.update_batch(&[values], &group_of, None, groups.len());
                updated.unwrap();
            }
            let state = first.state(EmitTo::All).unwrap();
            last.merge_batch(&state, &every, groups.len()).unwrap();
        }
        let found = last.evaluate(EmitTo::All).unwrap();
        found.as_primitive::<Float64Type>().iter().collect()
    }

    #[test]
    fn a_percentile_is_that_of_the_sorted_values_however_they_come() {
        // Each number below n once, in another order: 7,919 is prime.
        let shuffled = |n: usize| (0..n).map(|k| (k * 7_919 % n) as f64).collect::<Vec<_>>();
        let sizes = [
            0,
            1,
            2,
            3,
            BLOCK_VALUES - 1,
            BLOCK_VALUES,
            BLOCK_VALUES + 1,
            50_001,
        ];
        let groups: Vec<_> = sizes.into_iter().map(shuffled).collect();
        for percentile in [0.0, 0.25, 0.5, 0.95, 1.0] {
            let expected = sizes.map(|n| (n > 0).then(|| (n - 1) as f64 * percentile));
            for parts in [1, 2, 3] {
                for (found, expected) in of(&groups, percentile, parts).into_iter().zip(expected) {
                    let off = found.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
                    assert!(
                        off.abs() < 1e-9,
                        "{percentile}, {parts}: {found:?} {expected:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_null_or_left_out_counts_in_no_way() {
        let mut groups = Groups {
            percentile: 0.5,
            groups: Vec::new(),
        };
        let values: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(1.0),
            None,
            Some(3.0),
            Some(100.0),
            Some(100.0),
        ]));
        let filter =
            BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(false), None]);
        let rows = [values];
        groups
            .update_batch(&rows, &[0, 0, 0, 0, 1], Some(&filter), 2)
            .unwrap();
        let states = groups.convert_to_state(&rows, Some(&filter)).unwrap();
        groups.merge_batch(&states, &[0, 0, 0, 0, 1], 2).unwrap();
        assert!(groups.size() > 0);
        let found = groups.evaluate(EmitTo::All).unwrap();
        let found: Vec<_> = found.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(found, [Some(2.0), None]);
    }
}
