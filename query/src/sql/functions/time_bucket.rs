//! `time_bucket(width, time [, origin])`: the start of the interval of `width` that `time` lies in.
//!
//! Like `date_bin`, but a comparison of its result with a time becomes a range of `time` while the statement is planned, so
//! that `time_bucket(INTERVAL '1 minute', start_time) >= '…'` prunes segments. The width is a constant without months.
//! Times at the edges of what 64 bits hold stay there.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, IntervalUnit, TimestampNanosecondType};
use clew_storage::schema;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::sql) struct TimeBucket {
    signature: Signature,
}

impl TimeBucket {
    pub(in crate::sql) fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

/// A constant width and origin, ns.
#[derive(Clone, Copy)]
struct Grid {
    width: i64,
    origin: i64,
}

impl Grid {
    fn new(width: &ScalarValue, origin: Option<&ScalarValue>) -> Result<Option<Self>> {
        let origin = match origin {
            None => Some(0),
            Some(ScalarValue::TimestampNanosecond(origin, _)) => *origin,
            Some(other) => return plan_err!("time_bucket cannot begin at {other}"),
        };
        let ScalarValue::IntervalMonthDayNano(Some(width)) = width else {
            return Ok(None);
        };
        if width.months != 0 {
            return plan_err!(
                "time_bucket has no months: their lengths differ; use date_trunc('month', …)"
            );
        }
        let days = i64::from(width.days).checked_mul(DAY_NS);
        let width = days.and_then(|days| days.checked_add(width.nanoseconds));
        match (width, origin) {
            (Some(width), Some(origin)) if width > 0 => Ok(Some(Self { width, origin })),
            (_, None) => Ok(None),
            _ => plan_err!("time_bucket needs a width above 0 that 64 bits of nanoseconds hold"),
        }
    }

    /// The start of the interval of `time`.
    fn floor(self, time: i64) -> i64 {
        let near = time.checked_sub(self.origin);
        let start = near.and_then(|since| time.checked_sub(since.rem_euclid(self.width)));
        start.unwrap_or_else(|| self.floor_afar(time))
    }

    /// The same where 64 bits do not hold what lies between.
    #[cold]
    fn floor_afar(self, time: i64) -> i64 {
        let (width, time) = (i128::from(self.width), i128::from(time));
        let origin = i128::from(self.origin);
        let start = (time - origin).div_euclid(width) * width + origin;
        i64::try_from(start).unwrap_or(i64::MIN)
    }
}

fn interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &'static str {
        "time_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let width = |data_type: &DataType| {
            matches!(data_type, DataType::Interval(_) | DataType::Null) || data_type.is_string()
        };
        let time = |data_type: &DataType| {
            matches!(
                data_type,
                DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null
            ) || data_type.is_string()
        };
        match types {
            [first, rest @ ..]
                if width(first) && (1..=2).contains(&rest.len()) && rest.iter().all(time) =>
            {
                let mut types = vec![interval()];
                types.resize(rest.len() + 1, schema::timestamp());
                Ok(types)
            }
            _ => plan_err!(
                "time_bucket takes an interval and a time, as in time_bucket(INTERVAL '1 minute', start_time)"
            ),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(schema::timestamp())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (width, times, origin) = match args.args.as_slice() {
            [ColumnarValue::Scalar(width), times] => (width, times, None),
            [
                ColumnarValue::Scalar(width),
                times,
                ColumnarValue::Scalar(origin),
            ] => (width, times, Some(origin)),
            _ => return exec_err!("the width and the origin of time_bucket are constants"),
        };
        let Some(grid) = Grid::new(width, origin)? else {
            let null = ScalarValue::try_from(schema::timestamp())?;
            return Ok(ColumnarValue::Scalar(null));
        };
        let floor = |times: &ArrayRef| -> ArrayRef {
            let times = times.as_primitive::<TimestampNanosecondType>();
            let starts: TimestampNanosecondArray = times.unary(|time| grid.floor(time));
            Arc::new(starts.with_data_type(schema::timestamp()))
        };
        Ok(match times {
            ColumnarValue::Array(times) => ColumnarValue::Array(floor(times)),
            ColumnarValue::Scalar(time) => {
                let start = floor(&time.to_array()?);
                ColumnarValue::Scalar(ScalarValue::try_from_array(&start, 0)?)
            }
        })
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        _info: &SimplifyContext,
    ) -> Result<PreimageResult> {
        let (width, time, origin) = match args {
            [Expr::Literal(width, _), time] => (width, time, None),
            [Expr::Literal(width, _), time, Expr::Literal(origin, _)] => {
                (width, time, Some(origin))
            }
            _ => return Ok(PreimageResult::None),
        };
        let Expr::Literal(ScalarValue::TimestampNanosecond(Some(start), zone), _) = literal else {
            return Ok(PreimageResult::None);
        };
        let Some(grid) = Grid::new(width, origin)? else {
            return Ok(PreimageResult::None);
        };
        match start.checked_add(grid.width) {
            // A time that no interval starts at has no times, which a range cannot say.
            Some(end) if grid.floor(*start) == *start => {
                let bound = |time| ScalarValue::TimestampNanosecond(Some(time), zone.clone());
                Ok(PreimageResult::Range {
                    expr: time.clone(),
                    interval: Box::new(Interval::try_new(bound(*start), bound(end))?),
                })
            }
            _ => Ok(PreimageResult::None),
        }
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        Ok(input
            .get(1)
            .map_or(SortProperties::Unordered, |time| time.sort_properties))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_to_the_start_of_its_interval() {
        let grid = |width, origin| Grid { width, origin };
        for (time, expected) in [
            (0, 0),
            (59, 0),
            (60, 60),
            (-1, -60),
            (-60, -60),
            (-61, -120),
        ] {
            assert_eq!(grid(60, 0).floor(time), expected, "{time}");
        }
        assert_eq!(grid(60, -7).floor(i64::MAX), i64::MAX - 14);
        assert_eq!(grid(60, 7).floor(66), 7);
        assert_eq!(grid(60, 7).floor(67), 67);
        assert_eq!(grid(60, 0).floor(i64::MIN), i64::MIN);
        assert_eq!(grid(i64::MAX, i64::MAX).floor(i64::MIN), i64::MIN);
    }

    #[test]
    fn widths_of_no_fixed_length_are_refused() {
        let width = |months, days, ns| ScalarValue::new_interval_mdn(months, days, ns);
        assert_eq!(
            Grid::new(&width(0, 1, 5), None).unwrap().unwrap().width,
            DAY_NS + 5
        );
        for refused in [
            width(1, 0, 0),
            width(0, 0, 0),
            width(0, -1, 0),
            width(0, i32::MAX, 0),
        ] {
            assert!(Grid::new(&refused, None).is_err(), "{refused}");
        }
    }
}
