//! Rows of a statement as Arrow data.
//!
//! Text and bytes go out in their plain Arrow types: not every client knows the view types that are read here.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::utils::batches_to_flight_data;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tonic::Status;

use super::failed;
use super::running::Run;
use crate::sql::SqlRows;

/// What `DoGet` answers.
pub(super) type Data = BoxStream<'static, Result<FlightData, Status>>;

/// The rows of a statement, until they end, fail or are cancelled.
pub(super) fn stream(rows: SqlRows, run: Run) -> Data {
    let schema = plain_schema(rows.schema());
    let state = Some((rows, run, Arc::clone(&schema)));
    let batches = stream::unfold(state, async |state| {
        let (mut rows, run, schema) = state?;
        let next = async { rows.next().await.map_err(|error| failed(&error)) };
        let next = run.until_cancelled(next).await.and_then(|next| next);
        let batch = match next {
            Ok(Some(batch)) => plain(&batch, &schema),
            Ok(None) => return cut(&rows).map(|status| (Err(status), None)),
            Err(status) => Err(status),
        };
        match batch {
            Ok(batch) => Some((Ok(batch), Some((rows, run, schema)))),
            Err(status) => Some((Err(status), None)),
        }
    });
    encode(batches.boxed(), schema)
}

/// The error for rows that a limit cut off.
fn cut(rows: &SqlRows) -> Option<Status> {
    let stats = rows.stats();
    stats.truncated_by.map(|limit| {
        Status::resource_exhausted(format!(
            "the result has more than {} rows, the limit on {limit}; aggregate, add a LIMIT, or raise query.sql.rows_max",
            stats.rows
        ))
    })
}

/// One batch.
pub(super) fn of(batch: RecordBatch) -> Data {
    let schema = batch.schema();
    encode(stream::iter([Ok(batch)]).boxed(), schema)
}

/// The messages of `batches`. An answer without rows has one empty batch, for clients that take the columns from the batches.
fn encode(batches: BoxStream<'static, Result<RecordBatch, Status>>, schema: SchemaRef) -> Data {
    let messages = FlightDataEncoderBuilder::new()
        .with_schema(Arc::clone(&schema))
        .build(batches.map_err(|status| FlightError::Tonic(Box::new(status))))
        .map_err(Status::from);
    let state = Some((messages.boxed(), 0_usize));
    stream::unfold(state, move |state| {
        let schema = Arc::clone(&schema);
        async move {
            let (mut messages, sent) = state?;
            match messages.next().await {
                Some(message) => Some((message, Some((messages, sent + 1)))),
                // The first message is the schema.
                None if sent == 1 => Some((empty(&schema), None)),
                None => None,
            }
        }
    })
    .boxed()
}

/// A message of no rows.
fn empty(schema: &SchemaRef) -> Result<FlightData, Status> {
    let batch = RecordBatch::new_empty(Arc::clone(schema));
    let messages = batches_to_flight_data(schema, vec![batch]);
    let last = messages.map(|mut messages| messages.pop());
    match last {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Status::internal("an empty batch has no message")),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

/// `schema` without view types.
pub(super) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields: Fields = schema.fields().iter().map(plain_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let plain = plain_type(field.data_type());
    if plain == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::clone(field).with_data_type(plain))
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => {
            DataType::LargeList(plain_field(item))
        }
        DataType::FixedSizeList(item, length) => {
            DataType::FixedSizeList(plain_field(item), *length)
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}

fn plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Status> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(Arc::clone(column))
        } else {
            cast(column, field.data_type())
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .and_then(|columns| {
            RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        })
        .map_err(|error| Status::internal(format!("rows cannot be sent: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_view_type_is_left_at_any_depth() {
        let text = Arc::new(Field::new("item", DataType::Utf8View, true));
        let nested = DataType::Struct(vec![Field::new("l", DataType::List(text), true)].into());
        let schema = Schema::new(vec![
            Field::new("a", DataType::Utf8View, false),
            Field::new("b", nested, true),
            Field::new("c", DataType::Int64, true),
        ]);
        let plain = plain_schema(&schema);
        assert!(!format!("{plain:?}").contains("View"));
        assert_eq!(plain.field(0).data_type(), &DataType::Utf8);
        assert_eq!(plain.field(2), schema.field(2));
    }
}
