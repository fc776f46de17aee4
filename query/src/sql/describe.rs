//! `SHOW TABLES`, `SHOW COLUMNS FROM t` and `DESCRIBE t` as the queries over `information_schema` that they are short for.

use datafusion::sql::sqlparser::ast::{DescribeAlias, ObjectName, ShowStatementOptions, Statement};

use super::tables;
use crate::error::QueryError;

/// The query that `statement` is short for; `None` when it is not one of these.
///
/// # Errors
/// When it names a table that is not there.
pub(super) fn as_query(statement: &Statement) -> Result<Option<String>, QueryError> {
    match statement {
        Statement::ShowTables {
            terse: false,
            history: false,
            extended: false,
            full: false,
            external: false,
            show_options,
        } if is_bare(show_options) && show_options.show_in.is_none() => Ok(Some(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
                .to_owned(),
        )),
        Statement::ShowColumns {
            extended: false,
            full: false,
            show_options,
        } if is_bare(show_options) => {
            let place = show_options.show_in.as_ref();
            let place = place.filter(|place| place.parent_type.is_none());
            place
                .and_then(|place| place.parent_name.as_ref())
                .map(columns)
                .transpose()
        }
        Statement::ExplainTable {
            describe_alias: DescribeAlias::Describe | DescribeAlias::Desc,
            hive_format: None,
            has_table_keyword: false,
            table_name,
        } => columns(table_name).map(Some),
        _ => Ok(None),
    }
}

fn is_bare(options: &ShowStatementOptions) -> bool {
    options.starts_with.is_none()
        && options.limit.is_none()
        && options.limit_from.is_none()
        && options.filter_position.is_none()
}

fn columns(table: &ObjectName) -> Result<String, QueryError> {
    let ident = match table.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    };
    let name = ident.map(|ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    });
    match name {
        Some(name) if tables::NAMES.contains(&name.as_str()) => Ok(format!(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = '{name}' ORDER BY ordinal_position"
        )),
        _ => Err(QueryError::invalid_with_hint(
            format!("there is no table `{table}`"),
            format!("the tables are {}", tables::NAMES.join(", ")),
        )),
    }
}
