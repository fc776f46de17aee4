//! Ids in and out of hex, and what a span's parent id says.
//!
//! - `hex(id)`: bytes as lower-case hex digits;
//! - `trace_id(text)`, `span_id(text)`: the id in up to 32 or 16 hex digits, padded with zeros on the left;
//! - `is_root(parent_span_id)`: true when the span has no parent.
//!
//! A comparison of an id column with a literal text needs none of these: see [`crate::table::ids`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use clew_storage::{SpanId, TraceId};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::prelude::Expr;

/// All of them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let read = |bytes| Arc::new(ScalarUDF::new_from_impl(ReadId::new(bytes)));
    vec![
        Arc::new(ScalarUDF::new_from_impl(Hex::new())),
        read(16),
        read(8),
        Arc::new(ScalarUDF::new_from_impl(IsRoot::new())),
    ]
}

fn binary_types() -> Vec<DataType> {
    vec![
        DataType::FixedSizeBinary(16),
        DataType::FixedSizeBinary(8),
        DataType::Binary,
        DataType::BinaryView,
        DataType::LargeBinary,
    ]
}

/// Applies `f` to one argument, as an array; a result for a scalar is a scalar again.
fn map_array(
    args: &ScalarFunctionArgs,
    f: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match args.args.as_slice() {
        [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(f(array)?)),
        [ColumnarValue::Scalar(scalar)] => {
            let result = f(&scalar.to_array()?)?;
            let scalar = datafusion::common::ScalarValue::try_from_array(&result, 0)?;
            Ok(ColumnarValue::Scalar(scalar))
        }
        _ => exec_err!("one argument is expected"),
    }
}

/// `hex(id)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Hex {
    signature: Signature,
}

impl Hex {
    fn new() -> Self {
        Self {
            signature: Signature::uniform(1, binary_types(), Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Hex {
    fn name(&self) -> &'static str {
        "hex"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_array(&args, |ids| {
            let ids = cast(ids, &DataType::Binary)?;
            let ids = ids.as_binary::<i32>();
            let mut texts =
                StringBuilder::with_capacity(ids.len(), ids.value_data().len().saturating_mul(2));
            for id in ids {
                texts.append_option(id.map(hex::encode));
            }
            Ok(Arc::new(texts.finish()))
        })
    }
}

/// `trace_id(text)` and `span_id(text)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadId {
    bytes: i32,
    signature: Signature,
}

impl ReadId {
    fn new(bytes: i32) -> Self {
        Self {
            bytes,
            signature: Signature::one_of(vec![TypeSignature::String(1)], Volatility::Immutable),
        }
    }

    fn read(&self, text: &str) -> Result<Vec<u8>> {
        let id = match self.bytes {
            16 => text.parse::<TraceId>().map(|id| id.0.to_vec()),
            _ => text.parse::<SpanId>().map(|id| id.0.to_vec()),
        };
        id.map_err(|error| exec_datafusion_err!("{error}"))
    }
}

impl ScalarUDFImpl for ReadId {
    fn name(&self) -> &'static str {
        if self.bytes == 16 {
            "trace_id"
        } else {
            "span_id"
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::FixedSizeBinary(self.bytes))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_array(&args, |texts| {
            let texts = cast(texts, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            let mut ids = FixedSizeBinaryBuilder::with_capacity(texts.len(), self.bytes);
            for text in texts {
                match text {
                    Some(text) => ids.append_value(self.read(text)?)?,
                    None => ids.append_null(),
                }
            }
            Ok(Arc::new(ids.finish()))
        })
    }
}

/// `is_root(parent_span_id)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IsRoot {
    signature: Signature,
}

impl IsRoot {
    fn new() -> Self {
        Self {
            signature: Signature::uniform(1, binary_types(), Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for IsRoot {
    fn name(&self) -> &'static str {
        "is_root"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn simplify(&self, mut args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // So that it reaches the scan.
        match args.pop() {
            Some(parent) => Ok(ExprSimplifyResult::Simplified(parent.is_null())),
            None => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_array(&args, |parents| {
            Ok(Arc::new(arrow::compute::is_null(parents)?))
        })
    }
}
