//! Keys of tables: there are none. Tools that draw or browse tables ask all the same, and take an error for a fault.

use std::sync::Arc;

use arrow::datatypes::DataType::{Int32, UInt8, Utf8};
use arrow::datatypes::{Field, Schema, SchemaRef};

/// Schema of the answer to `GetPrimaryKeys`.
pub(super) fn primary() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", Utf8, true),
        Field::new("db_schema_name", Utf8, true),
        Field::new("table_name", Utf8, false),
        Field::new("column_name", Utf8, false),
        Field::new("key_name", Utf8, true),
        Field::new("key_sequence", Int32, false),
    ]))
}

/// Schema of the answers to `GetExportedKeys`, `GetImportedKeys` and `GetCrossReference`.
pub(super) fn foreign() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("pk_catalog_name", Utf8, true),
        Field::new("pk_db_schema_name", Utf8, true),
        Field::new("pk_table_name", Utf8, false),
        Field::new("pk_column_name", Utf8, false),
        Field::new("fk_catalog_name", Utf8, true),
        Field::new("fk_db_schema_name", Utf8, true),
        Field::new("fk_table_name", Utf8, false),
        Field::new("fk_column_name", Utf8, false),
        Field::new("key_sequence", Int32, false),
        Field::new("fk_key_name", Utf8, true),
        Field::new("pk_key_name", Utf8, true),
        Field::new("update_rule", UInt8, false),
        Field::new("delete_rule", UInt8, false),
    ]))
}
