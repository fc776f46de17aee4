//! Attributes as numbers.
//!
//! | function | result |
//! |---|---|
//! | `attribute_number(text)` | the number that a text reads as, a double; null where it reads as none |
//! | `text_compares(text, sign, number)` | whether the number that a text reads as compares so, `sign` being `<`, `<=`, `>` or `>=`, without rounding; null where it reads as none |
//!
//! The second is what `attributes['k'] > 500` becomes.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::language::Order;
use crate::language::quantity::Number;

/// Name of the function that compares.
pub(crate) const TEXT_COMPARES: &str = "text_compares";

static NUMBER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::exact(vec![DataType::Utf8], Volatility::Immutable);
    Arc::new(NumberOf(signature).into())
});

static COMPARES: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::exact(vec![DataType::Utf8; 3], Volatility::Immutable);
    Arc::new(TextCompares(signature).into())
});

/// Gives the number that a text reads as.
pub(crate) fn attribute_number() -> Arc<ScalarUDF> {
    Arc::clone(&NUMBER)
}

/// Compares the number that a text reads as.
pub(crate) fn text_compares() -> Arc<ScalarUDF> {
    Arc::clone(&COMPARES)
}

/// Order and number of a comparison that is written as texts.
///
/// # Errors
/// When they are none.
pub(crate) fn number_bound(sign: &str, bound: &str) -> Result<(Order, Number)> {
    let orders = [Order::Below, Order::AtMost, Order::Above, Order::AtLeast];
    let order = orders.into_iter().find(|order| order.sign() == sign);
    let order = order.ok_or_else(|| exec_datafusion_err!("`{sign}` is not <, <=, > or >="))?;
    let bound =
        Number::read(bound).ok_or_else(|| exec_datafusion_err!("`{bound}` is no number"))?;
    Ok((order, bound))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberOf(Signature);

impl ScalarUDFImpl for NumberOf {
    fn name(&self) -> &'static str {
        "attribute_number"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return exec_err!("attribute_number takes one value");
        };
        let texts = texts(value, args.number_rows)?;
        let numbers = texts.as_string::<i32>().iter().map(|text| {
            Number::read(text?).map(|number| match number {
                Number::Int(int) => int as f64,
                Number::Float(float) => float,
            })
        });
        let numbers: Float64Array = numbers.collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextCompares(Signature);

impl ScalarUDFImpl for TextCompares {
    fn name(&self) -> &'static str {
        TEXT_COMPARES
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [
            value,
            ColumnarValue::Scalar(sign),
            ColumnarValue::Scalar(bound),
        ] = args.args.as_slice()
        else {
            return exec_err!(
                "{TEXT_COMPARES} takes a value, then a sign and a number as constants"
            );
        };
        let (Some(sign), Some(bound)) = (sign.try_as_str().flatten(), bound.try_as_str().flatten())
        else {
            return exec_err!("{TEXT_COMPARES} takes a value, a sign and a number");
        };
        let (order, bound) = number_bound(sign, bound)?;
        let texts = texts(value, args.number_rows)?;
        let answers = texts.as_string::<i32>().iter().map(|text| {
            let number = Number::read(text?)?;
            Some(order.meets(number.compare(bound)))
        });
        let answers: BooleanArray = answers.collect();
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

fn texts(value: &ColumnarValue, rows: usize) -> Result<ArrayRef> {
    let texts = value.to_array(rows)?;
    Ok(if texts.data_type() == &DataType::Utf8 {
        texts
    } else {
        cast(&texts, &DataType::Utf8)?
    })
}
