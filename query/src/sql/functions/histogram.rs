//! Exponential histograms in SQL: made of durations, merged, and asked for quantiles.
//!
//! - `histogram(duration_ns [, weight])`, an aggregate;
//! - `histogram_merge(scale, zero_count, offset, counts)` or `histogram_merge(histogram)`, an aggregate;
//! - `histogram_quantile(q, histogram)` or `histogram_quantile(q, scale, zero_count, offset, counts)`.
//!
//! A histogram is a struct of four fields, those that `span_metrics` and `service_edges` have as columns. See
//! [`clew_storage::histogram`] for what it holds and how exact it is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Float64Builder, Int32Array, ListArray, StructArray,
    UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float64Type, Int32Type, Int64Type, UInt64Type,
};
use clew_storage::histogram::{Buckets, Histogram};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl,
    Signature, TypeSignature, Volatility,
};

/// `histogram`.
pub(in crate::sql) fn histogram() -> Arc<AggregateUDF> {
    let signature = Signature::one_of(
        vec![
            TypeSignature::Exact(vec![DataType::Int64]),
            TypeSignature::Exact(vec![DataType::Int64, DataType::Float64]),
        ],
        Volatility::Immutable,
    );
    Arc::new(AggregateUDF::new_from_impl(Gather {
        input: Input::Values,
        signature,
    }))
}

/// `histogram_merge` of counts that are not rounded.
pub(in crate::sql) fn merge_unrounded() -> Arc<AggregateUDF> {
    let parts = part_types(&DataType::Float64).to_vec();
    Arc::new(AggregateUDF::new_from_impl(Gather {
        input: Input::Unrounded,
        signature: Signature::exact(parts, Volatility::Immutable),
    }))
}

/// `histogram_merge`.
pub(super) fn merge() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Gather {
        input: Input::Histograms,
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

fn counts_type(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

/// Types of a histogram's parts, given that of its counts.
fn part_types(count: &DataType) -> [DataType; 4] {
    [
        DataType::Int32,
        count.clone(),
        DataType::Int32,
        counts_type(count.clone()),
    ]
}

fn fields() -> Fields {
    let names = ["scale", "zero_count", "offset", "counts"];
    let fields = names.into_iter().zip(part_types(&DataType::UInt64));
    fields
        .map(|(name, data_type)| Field::new(name, data_type, false))
        .collect()
}

/// The types to which the parts of a histogram, or the struct, are cast.
fn coerce(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [DataType::Struct(given)] if given.len() == 4 => Ok(vec![DataType::Struct(fields())]),
        [
            _,
            _,
            _,
            DataType::List(_) | DataType::LargeList(_) | DataType::Null,
        ] => Ok(part_types(&DataType::UInt64).to_vec()),
        _ => plan_err!(
            "{name} takes a histogram, or histogram_scale, histogram_zero_count, histogram_offset and histogram_counts"
        ),
    }
}

/// The histograms in some columns.
struct Histograms {
    scale: Int32Array,
    zero_count: UInt64Array,
    offset: Int32Array,
    counts: ListArray,
    /// The struct that they are the fields of.
    whole: Option<StructArray>,
}

impl Histograms {
    fn new(columns: &[ArrayRef]) -> Result<Self> {
        let whole = match columns {
            [one] => Some(one.as_struct().clone()),
            _ => None,
        };
        let parts = whole.as_ref().map_or(columns, StructArray::columns);
        let [scale, zero_count, offset, counts] = parts else {
            return exec_err!("a histogram has four parts");
        };
        Ok(Self {
            scale: scale.as_primitive::<Int32Type>().clone(),
            zero_count: zero_count.as_primitive::<UInt64Type>().clone(),
            offset: offset.as_primitive::<Int32Type>().clone(),
            counts: counts.as_list::<i32>().clone(),
            whole,
        })
    }

    /// The histogram in a row; `None` when it or a part of it is null.
    fn get(&self, row: usize) -> Result<Option<Histogram>> {
        let null = self.whole.as_ref().is_some_and(|whole| whole.is_null(row))
            || self.scale.is_null(row)
            || self.zero_count.is_null(row)
            || self.offset.is_null(row)
            || self.counts.is_null(row);
        if null {
            return Ok(None);
        }
        let counts = self.counts.value(row);
        let counts = counts.as_primitive::<UInt64Type>();
        let histogram = Histogram::from_parts(
            self.scale.value(row),
            self.zero_count.value(row) as f64,
            self.offset.value(row),
            counts.iter().map(|count| count.unwrap_or(0) as f64),
        );
        let wrong = || exec_datafusion_err!("these scale, offset and counts are no histogram");
        histogram.map(Some).ok_or_else(wrong)
    }
}

/// What an aggregate gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Input {
    Values,
    Histograms,
    /// Histograms in four columns, whose counts are not rounded.
    Unrounded,
}

/// An aggregate whose result is a histogram.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Gather {
    input: Input,
    signature: Signature,
}

impl AggregateUDFImpl for Gather {
    fn name(&self) -> &'static str {
        match self.input {
            Input::Values => "histogram",
            Input::Histograms => "histogram_merge",
            Input::Unrounded => "histogram_merge_unrounded",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(self.name(), types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Gathered {
            input: self.input,
            histogram: Histogram::default(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |name, data_type| {
            let name = format_state_name(args.name, name);
            Arc::new(Field::new(name, data_type, false))
        };
        Ok(vec![
            field("scale", DataType::Int32),
            field("zero", DataType::Float64),
            field("offset", DataType::Int32),
            field("counts", counts_type(DataType::Float64)),
        ])
    }
}

/// A histogram that is being gathered.
#[derive(Debug)]
struct Gathered {
    input: Input,
    histogram: Histogram,
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        match (self.input, columns) {
            (Input::Histograms, columns) => {
                let histograms = Histograms::new(columns)?;
                for row in 0..columns[0].len() {
                    if let Some(histogram) = histograms.get(row)? {
                        self.histogram.merge(&histogram);
                    }
                }
            }
            (Input::Unrounded, columns) => self.merge_batch(columns)?,
            (Input::Values, [values]) => {
                for value in values.as_primitive::<Int64Type>().iter().flatten() {
                    self.histogram.record(value, 1.0);
                }
            }
            (Input::Values, [values, weights]) => {
                let values = values.as_primitive::<Int64Type>().iter();
                let weights = weights.as_primitive::<Float64Type>().iter();
                for (value, weight) in values.zip(weights) {
                    if let (Some(value), Some(weight)) = (value, weight) {
                        if !(weight.is_finite() && weight >= 0.0) {
                            return exec_err!("{weight} is no weight");
                        }
                        self.histogram.record(value, weight);
                    }
                }
            }
            _ => return exec_err!("histogram takes a value and a weight"),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Struct(Arc::new(finished(
            &self.histogram.finish(),
        ))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.histogram.heap_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (scale, zero, offset, counts) = self.histogram.parts();
        let mut values = Float64Builder::with_capacity(counts.len());
        values.append_slice(counts);
        let counts = one_list(DataType::Float64, Arc::new(values.finish()));
        Ok(vec![
            ScalarValue::from(scale),
            ScalarValue::from(zero),
            ScalarValue::from(offset),
            ScalarValue::List(Arc::new(counts)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [scales, zeros, offsets, counts] = states else {
            return exec_err!("the state of a histogram has four parts");
        };
        let scales = scales.as_primitive::<Int32Type>();
        let zeros = zeros.as_primitive::<Float64Type>();
        let offsets = offsets.as_primitive::<Int32Type>();
        let counts = counts.as_list::<i32>();
        for row in 0..scales.len() {
            let counts = counts.value(row);
            let counts: &Float64Array = counts.as_primitive();
            let part = Histogram::from_parts(
                scales.value(row),
                zeros.value(row),
                offsets.value(row),
                counts.values().iter().copied(),
            );
            let part = part.ok_or_else(|| exec_datafusion_err!("a histogram's state is broken"))?;
            self.histogram.merge(&part);
        }
        Ok(())
    }
}

/// A list of one row.
fn one_list(item: DataType, values: ArrayRef) -> ListArray {
    let field = Arc::new(Field::new("item", item, false));
    ListArray::new(
        field,
        OffsetBuffer::from_lengths([values.len()]),
        values,
        None,
    )
}

/// A histogram as a struct of one row.
fn finished(buckets: &Buckets) -> StructArray {
    let counts = UInt64Array::from(buckets.counts.clone());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![buckets.scale])),
        Arc::new(UInt64Array::from(vec![buckets.zero_count])),
        Arc::new(Int32Array::from(vec![buckets.offset])),
        Arc::new(one_list(DataType::UInt64, Arc::new(counts))),
    ];
    StructArray::new(fields(), columns, None)
}

/// `histogram_quantile`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Quantile {
    signature: Signature,
}

impl Quantile {
    pub(super) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Quantile {
    fn name(&self) -> &'static str {
        "histogram_quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let Some((_, histogram)) = types.split_first() else {
            return plan_err!("histogram_quantile takes a share from 0 to 1 and a histogram");
        };
        let mut coerced = coerce(self.name(), histogram)?;
        coerced.insert(0, DataType::Float64);
        Ok(coerced)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let Some((shares, histogram)) = columns.split_first() else {
            return exec_err!("histogram_quantile takes a share and a histogram");
        };
        let shares = shares.as_primitive::<Float64Type>();
        let histograms = Histograms::new(histogram)?;
        let quantile = |(row, share): (usize, Option<f64>)| match share {
            None => Ok(None),
            Some(share) if !(0.0..=1.0).contains(&share) => {
                exec_err!("{share} is no share: it is not between 0 and 1")
            }
            Some(share) => {
                let histogram = histograms.get(row)?;
                Ok(histogram.and_then(|histogram| histogram.finish().quantile(share)))
            }
        };
        let values = shares.iter().enumerate().map(quantile);
        let values: Float64Array = values.collect::<Result<Vec<_>>>()?.into();
        let is_array = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Array(_));
        if args.args.iter().any(is_array) {
            return Ok(ColumnarValue::Array(Arc::new(values)));
        }
        let value = ScalarValue::try_from_array(&values, 0)?;
        Ok(ColumnarValue::Scalar(value))
    }
}
