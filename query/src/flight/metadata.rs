//! What there is to ask: catalogs, schemas, tables, and what the server can do.

use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};

use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, SqlInfo,
};
use tonic::Status;

use super::{FlightSql, failed};
use crate::sql::{CATALOG, SCHEMA};

/// The statement that lists the tables; the cage answers it like any other.
const NAMES: &str = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name";
/// What is stored; the rest is made of it while a statement runs.
const STORED: [&str; 2] = ["spans", "traces"];
/// Types of tables by the names that tools ask for. To `information_schema` all are views, for a statement gets views of one snapshot.
const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";

static INFO: LazyLock<SqlInfoData> = LazyLock::new(|| {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Clew");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, 0_i32);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, false);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.build().expect("each of these values has its place")
});

/// What the server says of itself.
pub(super) fn info() -> &'static SqlInfoData {
    &INFO
}

/// Answers `GetSqlInfo`.
pub(super) fn sql_info(query: CommandGetSqlInfo) -> Result<RecordBatch, Status> {
    query.into_builder(&INFO).build().map_err(internal)
}

/// Answers `GetCatalogs`: there is one.
pub(super) fn catalogs(query: CommandGetCatalogs) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(CATALOG);
    builder.build().map_err(internal)
}

/// Answers `GetDbSchemas`: there is one.
pub(super) fn schemas(query: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    builder.append(CATALOG, SCHEMA);
    builder.build().map_err(internal)
}

/// Answers `GetTableTypes`.
pub(super) fn table_types(query: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for name in [TABLE, VIEW] {
        builder.append(name);
    }
    builder.build().map_err(internal)
}

/// Answers `GetTables`.
pub(super) async fn tables(
    flight: &FlightSql,
    query: CommandGetTables,
) -> Result<RecordBatch, Status> {
    let mut builder = query.into_builder();
    for name in names(flight).await? {
        let stored = STORED.contains(&name.as_str());
        let kind = if stored { TABLE } else { VIEW };
        let schema = if builder.include_schema() {
            flight.schema(&format!("SELECT * FROM {name}")).await?
        } else {
            Arc::new(Schema::empty())
        };
        builder
            .append(CATALOG, SCHEMA, &name, kind, &schema)
            .map_err(|error| Status::internal(error.to_string()))?;
    }
    builder.build().map_err(internal)
}

/// Name of each table.
async fn names(flight: &FlightSql) -> Result<Vec<String>, Status> {
    let service = &flight.service;
    let run = service.sql().run(service, NAMES.to_owned());
    let mut rows = run.await.map_err(|error| failed(&error))?;
    let mut names = Vec::new();
    while let Some(batch) = rows.next().await.map_err(|error| failed(&error))? {
        let column = cast(batch.column(0), &DataType::Utf8).map_err(internal)?;
        let column = column.as_string::<i32>().iter().flatten();
        names.extend(column.map(str::to_owned));
    }
    Ok(names)
}

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
