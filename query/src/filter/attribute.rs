//! Functions that look at attributes in a column: a map of attributes, or a list of events or links that each have one.
//!
//! | function | true when some attribute of the key |
//! |---|---|
//! | `attribute_is(column, key, value)` | has this canonical text |
//! | `attribute_exists(column, key)` | is there |
//! | `attribute_matches(column, key, regex)` | has a text in which the regular expression is found |
//! | `attribute_compares(column, key, sign, number)` | reads as a number that compares so, `sign` being `<`, `<=`, `>` or `>=` |
//! | `event_matches(events, regex)` | (no key) an event has such a name |
//!
//! Unlike `column['key']`, which takes the first of equal keys, every entry counts. All arguments but the column are
//! constant. The answer is never null.
//!
//! In a segment the values of a frequent key stand in a column of their own, one a row; the functions take that in the place of
//! a map as well.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, ListArray, MapArray, Scalar,
    StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;
use clew_storage::segment::attributes::double_text;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{Pattern, attribute_number, number_bound, text_compares};
use crate::language::REGEX_BYTES_MAX;
use crate::language::quantity::Number;

/// Name of the function for equality.
pub(crate) const ATTRIBUTE_IS: &str = "attribute_is";

/// What a function asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Is,
    Exists,
    Matches,
    Compares,
    Event,
}

/// All of the functions, and those of numbers.
pub(crate) fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let numbers = [attribute_number(), text_compares()];
    FUNCTIONS.iter().map(Arc::clone).chain(numbers)
}

/// True when `function` is one of these and its second argument is a key that has to be there.
pub(crate) fn tests_attribute_key(function: &str) -> bool {
    reads_attributes(function) && function != Question::Event.name()
}

/// True when `function` is one of these: it reads a wide column.
pub(crate) fn reads_attributes(function: &str) -> bool {
    FUNCTIONS.iter().any(|known| known.name() == function)
}

static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let questions = [
        Question::Is,
        Question::Exists,
        Question::Matches,
        Question::Compares,
        Question::Event,
    ];
    let function = |question: Question| Arc::new(AttributeFunction::new(question).into());
    questions.map(function).into()
});

fn function(question: Question) -> Arc<ScalarUDF> {
    Arc::clone(&FUNCTIONS[question as usize])
}

pub(super) fn attribute_is() -> Arc<ScalarUDF> {
    function(Question::Is)
}

pub(super) fn attribute_exists() -> Arc<ScalarUDF> {
    function(Question::Exists)
}

pub(super) fn attribute_matches() -> Arc<ScalarUDF> {
    function(Question::Matches)
}

pub(super) fn attribute_compares() -> Arc<ScalarUDF> {
    function(Question::Compares)
}

pub(super) fn event_matches() -> Arc<ScalarUDF> {
    function(Question::Event)
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Is => ATTRIBUTE_IS,
            Self::Exists => "attribute_exists",
            Self::Matches => "attribute_matches",
            Self::Compares => "attribute_compares",
            Self::Event => "event_matches",
        }
    }

    /// What it takes after the column.
    fn takes(self) -> &'static str {
        match self {
            Self::Is => "a key and a value",
            Self::Exists => "a key",
            Self::Matches => "a key and a regular expression",
            Self::Compares => "a key, a sign and a number",
            Self::Event => "a regular expression",
        }
    }

    fn constants(self) -> usize {
        match self {
            Self::Exists | Self::Event => 1,
            Self::Is | Self::Matches => 2,
            Self::Compares => 3,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AttributeFunction {
    question: Question,
    signature: Signature,
}

impl AttributeFunction {
    fn new(question: Question) -> Self {
        Self {
            question,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    fn answer(&self, column: &ArrayRef, constants: &[String]) -> Result<BooleanArray> {
        match (self.question, constants) {
            (Question::Is, [key, wanted]) => {
                attributes(column, key, &|value| value == Some(wanted.as_str()))
            }
            (Question::Exists, [key]) => attributes(column, key, &|_| true),
            (Question::Matches, [key, source]) => {
                let pattern = pattern(source)?;
                attributes(column, key, &|value| {
                    value.is_some_and(|value| pattern.matches(value))
                })
            }
            (Question::Compares, [key, sign, bound]) => {
                let (order, bound) = number_bound(sign, bound)?;
                attributes(column, key, &|value| {
                    let number = value.and_then(Number::read);
                    number.is_some_and(|number| order.meets(number.compare(bound)))
                })
            }
            (Question::Event, [source]) => event_names(column, &pattern(source)?),
            _ => exec_err!("{} takes {}", self.name(), self.question.takes()),
        }
    }
}

fn pattern(source: &str) -> Result<Pattern> {
    Pattern::new(source, REGEX_BYTES_MAX)
        .map_err(|error| exec_datafusion_err!("`{source}` is no regular expression: {error}"))
}

impl ScalarUDFImpl for AttributeFunction {
    fn name(&self) -> &str {
        self.question.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [column @ (DataType::Map(..) | DataType::List(_)), rest @ ..]
                if rest.len() == self.question.constants() =>
            {
                let constants = rest.iter().map(|_| DataType::Utf8);
                Ok([column.clone()].into_iter().chain(constants).collect())
            }
            _ => plan_err!(
                "{} takes a column of attributes, events or links, then {}",
                self.name(),
                self.question.takes()
            ),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((column, constants)) = args.args.split_first() else {
            return exec_err!("{} takes a column", self.name());
        };
        let column = column.to_array(args.number_rows)?;
        let constants = constants.iter().map(|value| self.constant(value));
        let Some(constants) = constants.collect::<Result<Option<Vec<String>>>>()? else {
            // No value is null, and no key.
            let never = BooleanArray::from(vec![false; column.len()]);
            return Ok(ColumnarValue::Array(Arc::new(never)));
        };
        let answer = self.answer(&column, &constants)?;
        Ok(ColumnarValue::Array(Arc::new(answer)))
    }
}

impl AttributeFunction {
    fn constant(&self, value: &ColumnarValue) -> Result<Option<String>> {
        match value {
            ColumnarValue::Scalar(scalar) if scalar.is_null() => Ok(None),
            ColumnarValue::Scalar(scalar) => {
                let text = scalar.try_as_str().map(|text| text.map(str::to_owned));
                text.ok_or_else(|| exec_datafusion_err!("{} takes text", self.name()))
            }
            ColumnarValue::Array(_) => exec_err!(
                "{} takes constants behind the column: {}",
                self.name(),
                self.question.takes()
            ),
        }
    }
}

/// Rows in which an attribute `key` has a value that `meets`.
fn attributes(
    column: &ArrayRef,
    key: &str,
    meets: &dyn Fn(Option<&str>) -> bool,
) -> Result<BooleanArray> {
    match column.data_type() {
        DataType::Map(..) => in_map(column.as_map(), key, meets),
        DataType::List(_) => in_list(column.as_list::<i32>(), |items| {
            let Some(inner) = items.column_by_name("attributes") else {
                return exec_err!("attributes are looked for in lists of events or links");
            };
            attributes(inner, key, meets)
        }),
        DataType::Utf8View | DataType::Int64 | DataType::Boolean | DataType::Float64 => {
            in_values(column, meets)
        }
        other => exec_err!("attributes cannot be looked for in {other}"),
    }
}

/// Rows whose one value, if there is one, `meets` as text.
fn in_values(column: &ArrayRef, meets: &dyn Fn(Option<&str>) -> bool) -> Result<BooleanArray> {
    if let Some(texts) = column.as_string_view_opt() {
        let answers = texts.iter().map(|text| Some(text.is_some() && meets(text)));
        return Ok(answers.collect());
    }
    let texts = match column.data_type() {
        DataType::Float64 => double_text(column),
        _ => cast(column, &DataType::Utf8)?.as_string().clone(),
    };
    let answers = texts.iter().map(|text| Some(text.is_some() && meets(text)));
    Ok(answers.collect())
}

fn event_names(column: &ArrayRef, pattern: &Pattern) -> Result<BooleanArray> {
    let Some(events) = column.as_list_opt::<i32>() else {
        return exec_err!("names of events are looked for in events");
    };
    in_list(events, |items| {
        let names = items.column_by_name("name");
        let Some(names) = names.and_then(|names| names.as_string_opt::<i32>()) else {
            return exec_err!("names of events are looked for in events");
        };
        Ok(names
            .iter()
            .map(|name| Some(name.is_some_and(|name| pattern.matches(name))))
            .collect())
    })
}

fn in_map(map: &MapArray, key: &str, meets: &dyn Fn(Option<&str>) -> bool) -> Result<BooleanArray> {
    let (Some(keys), Some(values)) = (
        map.keys().as_string_opt::<i32>(),
        map.values().as_string_opt::<i32>(),
    ) else {
        return exec_err!("attributes are maps of text to text");
    };
    let wanted = Scalar::new(StringArray::from(vec![key]));
    let (first, end) = span(map.offsets());
    let hits = cmp::eq(&keys.slice(first, end - first), &wanted)?;
    let entries = hits.values().set_indices().map(|entry| entry + first);
    let entries =
        entries.filter(|entry| meets(values.is_valid(*entry).then(|| values.value(*entry))));
    Ok(owners(map.offsets(), entries))
}

/// Rows in which an item is one that `items` picks.
fn in_list(
    list: &ListArray,
    items: impl FnOnce(&StructArray) -> Result<BooleanArray>,
) -> Result<BooleanArray> {
    let Some(structs) = list.values().as_struct_opt() else {
        return exec_err!("attributes are looked for in lists of events or links");
    };
    let items = items(structs)?;
    let (first, end) = span(list.offsets());
    let hits = items
        .values()
        .set_indices()
        .filter(|item| (first..end).contains(item));
    Ok(owners(list.offsets(), hits))
}

fn span(offsets: &OffsetBuffer<i32>) -> (usize, usize) {
    let first = offsets.first().copied().unwrap_or(0);
    let end = offsets.last().copied().unwrap_or(0);
    (first as usize, end as usize)
}

/// True for each row whose range of `offsets` holds one of `entries`, which ascend.
fn owners(offsets: &OffsetBuffer<i32>, entries: impl Iterator<Item = usize>) -> BooleanArray {
    let rows = offsets.len() - 1;
    let mut found = BooleanBufferBuilder::new(rows);
    found.append_n(rows, false);
    let mut row = 0;
    for entry in entries {
        while (offsets[row + 1] as usize) <= entry {
            row += 1;
        }
        found.set_bit(row, true);
    }
    BooleanArray::new(found.finish(), None)
}
