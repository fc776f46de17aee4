//! Attributes in the expressions of a scan: what the table calls `attributes['k']` lies in each file where its layout says.
//!
//! A statement knows one map for the span and one for its resource. A file has columns for frequent keys, and maps for the
//! rest ([`AttributeLayout`]). [`FileExprs`] rewrites every expression that a scan evaluates on a file, from the top down:
//!
//! | in the statement | in the file |
//! |---|---|
//! | `attributes['k'] = 'v'`, `IN`, `IS NULL`, comparisons with a number | the same on the column of `k`, with constants of its type |
//! | `CAST(attributes['k'] AS BIGINT)` | the column of `k`, where it is of integers |
//! | `attributes['k']` elsewhere | the column's text; where the residue holds more of `k`: that, where the column is null |
//! | the same, `k` having no column | a look-up in the residue map that `k` belongs to, or null when the file does not have `k` |
//! | `attribute_is(attributes, 'k', 'v')` and its like | the same question to the column, or to the residue, or to both |
//! | `attributes` by itself | the whole map, put together from columns, residue and layout |
//! | `span_id`, `parent_span_id` | the half of one column of both, where the file has that ([`super::joined_ids`]) |
//! | `parent_span_id IS NULL` | `NOT has_parent` there |
//!
//! Comparisons on columns reach the Parquet reader: they prune row groups by statistics and drop rows in the decoder. Every
//! rewritten expression gives the rows that the expression gives on the map: a column only holds a key's first value in a list.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use clew_storage::attributes::{AttributeType, AttributeValue};
use clew_storage::segment::attributes::{AttributeLayout, AttributeOwner};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{Operator, ScalarUDF};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal, TryCastExpr,
    case, cast, in_list, is_not_null, is_null, lit, not,
};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;

use super::functions::Function;
use super::sparse::where_set;
use crate::filter::{TEXT_COMPARES, number_bound, tests_attribute_key};
use crate::language::Order;
use crate::language::quantity::Number;

pub(crate) type Expr = Arc<dyn PhysicalExpr>;

/// Makes the expressions of a scan of `spans` fit its files.
#[derive(Debug)]
pub(crate) struct SpanFiles;

impl PhysicalExprAdapterFactory for SpanFiles {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let then = DefaultPhysicalExprAdapterFactory.create(table, Arc::clone(&file))?;
        let layout = AttributeLayout::of_file(&file);
        let layout =
            layout.map_err(|error| exec_datafusion_err!("a segment cannot be read: {error}"))?;
        let exprs = FileExprs::new(file, Arc::new(layout));
        Ok(Arc::new(Adapter { exprs, then }))
    }
}

#[derive(Debug)]
struct Adapter {
    exprs: FileExprs,
    then: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Expr) -> Result<Expr> {
        let expr = self.then.rewrite(self.exprs.rewrite(expr)?)?;
        where_set(expr, &self.exprs.file)
    }
}

/// Rewrites expressions over `spans` into expressions over one file.
#[derive(Debug)]
pub(crate) struct FileExprs {
    file: SchemaRef,
    pub(super) layout: Arc<AttributeLayout>,
    config: Arc<ConfigOptions>,
}

/// Where a file keeps the values of a key; places are those of the file's columns.
enum Place {
    Column {
        place: usize,
        kind: AttributeType,
        /// More values of the key, other than the first of its type.
        residue: Option<usize>,
    },
    Residue(usize),
    Nowhere,
}

impl FileExprs {
    /// For the file of the schema `file`, which keeps attributes where `layout` says.
    pub(crate) fn new(file: SchemaRef, layout: Arc<AttributeLayout>) -> Self {
        Self {
            file,
            layout,
            config: Arc::default(),
        }
    }

    /// `expr`, whose columns are called as in the table, over the columns of the file.
    ///
    /// # Errors
    /// When a column is neither in the table nor in the file.
    pub(crate) fn rewrite(&self, expr: Expr) -> Result<Expr> {
        expr.transform_down(|expr| {
            let rewritten = match self.special(&expr)? {
                Some(special) => Some(special),
                None => self.column(&expr)?,
            };
            Ok(match rewritten {
                // It speaks of the file already.
                Some(rewritten) => Transformed::new(rewritten, true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            })
        })
        .data()
    }

    fn column(&self, expr: &Expr) -> Result<Option<Expr>> {
        let Some(column) = expr.downcast_ref::<Column>() else {
            return Ok(None);
        };
        if let Some(owner) = AttributeOwner::of_map(column.name()) {
            return Ok(Some(self.whole_map(owner)));
        }
        match self.joined_id(column.name()) {
            Some(id) => Ok(Some(id)),
            None => Ok(Some(self.at(self.file.index_of(column.name())?))),
        }
    }

    /// What has a better form in the file than its parts have.
    fn special(&self, expr: &Expr) -> Result<Option<Expr>> {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return Ok(self.comparison(binary));
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            return self.in_list(list);
        }
        if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
            if let Some(has_parent) = self.has_parent(test.arg()) {
                return not(has_parent).map(Some);
            }
            let column = self.only_column(test.arg());
            return column.map(|(column, _)| is_null(column)).transpose();
        }
        if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
            if let Some(has_parent) = self.has_parent(test.arg()) {
                return Ok(Some(has_parent));
            }
            let column = self.only_column(test.arg());
            return column.map(|(column, _)| is_not_null(column)).transpose();
        }
        if let Some(integer) = self.integer(expr) {
            return Ok(Some(integer));
        }
        let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else {
            return Ok(None);
        };
        if let Some((owner, key)) = look_up(expr) {
            return self.text(owner, key).map(Some);
        }
        if call.fun().name() == TEXT_COMPARES {
            return Ok(self.text_compares(call));
        }
        if tests_attribute_key(call.fun().name()) {
            return self.question(call);
        }
        Ok(None)
    }

    /// A comparison of a look-up with a constant, where one column holds all values.
    fn comparison(&self, binary: &BinaryExpr) -> Option<Expr> {
        let (side, op, constant) = match (text_of(binary.left()), text_of(binary.right())) {
            (None, Some(text)) => (binary.left(), Some(*binary.op()), text),
            (Some(text), None) => (binary.right(), binary.op().swap(), text),
            _ => return None,
        };
        let (Some((column, kind)), Some(op)) = (self.only_column(side), op) else {
            return None;
        };
        let is_order = matches!(
            op,
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
        );
        let is_text = data_type(kind) == DataType::Utf8View;
        if !(matches!(op, Operator::Eq | Operator::NotEq) || is_order && is_text) {
            return None;
        }
        constant_of(kind, constant).map(|constant| binary_expr(column, op, lit(constant)))
    }

    /// A look-up in a column of integers, cast to an integer: the column itself.
    fn integer(&self, expr: &Expr) -> Option<Expr> {
        let (side, target) = if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            (cast.expr(), cast.target_field().data_type())
        } else {
            let cast = expr.downcast_ref::<TryCastExpr>()?;
            (cast.expr(), cast.cast_type())
        };
        let (column, kind) = self.only_column(side)?;
        (kind == AttributeType::Int && *target == DataType::Int64).then_some(column)
    }

    fn in_list(&self, list: &InListExpr) -> Result<Option<Expr>> {
        let Some((column, kind)) = self.only_column(list.expr()) else {
            return Ok(None);
        };
        let texts: Option<Vec<&str>> = list.list().iter().map(text_of).collect();
        // A text that is no value of the column's type is equal to none of its values.
        let constants: Vec<Expr> = texts
            .unwrap_or_default()
            .into_iter()
            .filter_map(|text| constant_of(kind, text))
            .map(lit)
            .collect();
        if constants.is_empty() {
            return Ok(None);
        }
        in_list(column, constants, &list.negated(), &self.file).map(Some)
    }

    /// `text_compares(look-up, sign, number)` on a column of numbers.
    fn text_compares(&self, call: &ScalarFunctionExpr) -> Option<Expr> {
        let [side, sign, bound] = call.args() else {
            return None;
        };
        let (column, kind) = self.only_column(side)?;
        let (order, bound) = number_bound(text_of(sign)?, text_of(bound)?).ok()?;
        number_compares(column, kind, order, bound)
    }

    /// One of the functions that ask for attributes in a column.
    fn question(&self, call: &ScalarFunctionExpr) -> Result<Option<Expr>> {
        let Some((column, constants)) = call.args().split_first() else {
            return Ok(None);
        };
        let name = column.downcast_ref::<Column>().map(Column::name);
        let texts: Option<Vec<&str>> = constants.iter().map(text_of).collect();
        let (Some(name), Some(texts)) = (name, texts) else {
            return Ok(None);
        };
        let Some(key) = texts.first() else {
            return Ok(None);
        };
        let Some(owner) = AttributeOwner::of_map(name) else {
            let keys = match name {
                "scope_attributes" => &self.layout.scope_keys,
                "events" => &self.layout.event_keys,
                "links" => &self.layout.link_keys,
                _ => return Ok(None),
            };
            let absent = keys.as_ref().is_some_and(|keys| !keys.contains(*key));
            return Ok(absent.then(|| lit(false)));
        };
        Ok(Some(match self.place(owner, key) {
            Place::Nowhere => lit(false),
            Place::Residue(place) => self.ask(call, place),
            Place::Column {
                place,
                kind,
                residue,
            } => {
                let meets = self.column_meets(call, &texts, place, kind)?;
                match residue {
                    Some(residue) => binary_expr(meets, Operator::Or, self.ask(call, residue)),
                    None => meets,
                }
            }
        }))
    }

    /// What `call` asks, of column `place` of the file.
    fn ask(&self, call: &ScalarFunctionExpr, place: usize) -> Expr {
        let mut args = vec![self.at(place)];
        args.extend(call.args().iter().skip(1).map(Arc::clone));
        self.call(Arc::new(call.fun().clone()), args, DataType::Boolean, false)
    }

    /// The same of a column with values of type `kind`; never null.
    fn column_meets(
        &self,
        call: &ScalarFunctionExpr,
        constants: &[&str],
        place: usize,
        kind: AttributeType,
    ) -> Result<Expr> {
        let column = self.at(place);
        let there = is_not_null(Arc::clone(&column))?;
        let and = |compares| binary_expr(Arc::clone(&there), Operator::And, compares);
        Ok(match (call.fun().name(), constants) {
            ("attribute_exists", _) => there,
            ("attribute_is", [_, value]) => constant_of(kind, value).map_or_else(
                || lit(false),
                |value| and(binary_expr(column, Operator::Eq, lit(value))),
            ),
            ("attribute_compares", [_, sign, bound]) => {
                let (order, bound) = number_bound(sign, bound)?;
                number_compares(column, kind, order, bound)
                    .map_or_else(|| self.ask(call, place), and)
            }
            _ => self.ask(call, place),
        })
    }

    /// Canonical text of the first value of `key`.
    fn text(&self, owner: AttributeOwner, key: &str) -> Result<Expr> {
        match self.place(owner, key) {
            Place::Nowhere => Ok(lit(ScalarValue::Utf8(None))),
            Place::Residue(place) => Ok(self.get(place, key)),
            Place::Column {
                place,
                kind,
                residue,
            } => {
                let column = self.at(place);
                let there = is_not_null(Arc::clone(&column))?;
                let text = if kind == AttributeType::Double {
                    self.of_file(Function::DoubleText, vec![column], true)
                } else {
                    cast(column, &self.file, DataType::Utf8)?
                };
                match residue {
                    Some(residue) => case(None, vec![(there, text)], Some(self.get(residue, key))),
                    None => Ok(text),
                }
            }
        }
    }

    fn get(&self, place: usize, key: &str) -> Expr {
        let args = vec![self.at(place), lit(key)];
        let get_field = datafusion::functions::core::get_field();
        self.call(get_field, args, DataType::Utf8, true)
    }

    fn whole_map(&self, owner: AttributeOwner) -> Expr {
        let places = std::iter::once(owner.place()).chain(self.layout.places(owner));
        let args = places.map(|place| self.at(place)).collect();
        let whole = Function::WholeMap(self.layout.owner(owner).clone());
        self.of_file(whole, args, false)
    }

    fn place(&self, owner: AttributeOwner, key: &str) -> Place {
        let layout = self.layout.owner(owner);
        let first = self.layout.places(owner).start;
        let residue = layout
            .residue_of(key)
            .map(|place| first + layout.columns.len() + place);
        match (layout.column_of(key), residue) {
            (Some(column), residue) => Place::Column {
                place: first + column,
                kind: layout.columns[column].kind(),
                residue: residue.filter(|_| layout.columns[column].elsewhere),
            },
            (None, Some(residue)) => Place::Residue(residue),
            (None, None) => Place::Nowhere,
        }
    }

    /// The column that alone holds what the look-up `expr` finds, and its type.
    fn only_column(&self, expr: &Expr) -> Option<(Expr, AttributeType)> {
        let (owner, key) = look_up(expr)?;
        match self.place(owner, key) {
            Place::Column {
                place,
                kind,
                residue: None,
            } => Some((self.at(place), kind)),
            _ => None,
        }
    }

    /// Column `place` of the file.
    pub(super) fn at(&self, place: usize) -> Expr {
        Arc::new(Column::new(self.file.field(place).name(), place))
    }

    /// What `function` makes of columns of the file.
    pub(super) fn of_file(&self, function: Function, args: Vec<Expr>, null: bool) -> Expr {
        let gives = function.gives();
        self.call(function.udf(), args, gives, null)
    }

    fn call(&self, function: Arc<ScalarUDF>, args: Vec<Expr>, gives: DataType, null: bool) -> Expr {
        let name = function.name().to_owned();
        let field: FieldRef = Arc::new(Field::new(&name, gives, null));
        let config = Arc::clone(&self.config);
        Arc::new(ScalarFunctionExpr::new(
            &name, function, args, field, config,
        ))
    }
}

/// Owner and key of `attributes['key']` or `resource_attributes['key']`.
fn look_up(expr: &Expr) -> Option<(AttributeOwner, &str)> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match call.args() {
        [map, key] if call.fun().name() == "get_field" => {
            let map = map.downcast_ref::<Column>()?;
            Some((AttributeOwner::of_map(map.name())?, text_of(key)?))
        }
        _ => None,
    }
}

/// The text that a constant is.
fn text_of(expr: &Expr) -> Option<&str> {
    expr.downcast_ref::<Literal>()?.value().try_as_str()?
}

fn binary_expr(left: Expr, op: Operator, right: Expr) -> Expr {
    Arc::new(BinaryExpr::new(left, op, right))
}

fn data_type(kind: AttributeType) -> DataType {
    match kind {
        AttributeType::Int => DataType::Int64,
        AttributeType::Double => DataType::Float64,
        AttributeType::Bool => DataType::Boolean,
        _ => DataType::Utf8View,
    }
}

/// The value of type `kind` whose canonical text is `text`, as its column holds it.
fn constant_of(kind: AttributeType, text: &str) -> Option<ScalarValue> {
    if data_type(kind) == DataType::Utf8View {
        return Some(ScalarValue::Utf8View(Some(text.to_owned())));
    }
    let value = AttributeValue::from_text(kind, text).ok()?;
    if value.to_text() != text {
        return None;
    }
    match value {
        AttributeValue::Int(value) => Some(ScalarValue::Int64(Some(value))),
        AttributeValue::Bool(value) => Some(ScalarValue::Boolean(Some(value))),
        // Others never stand in a column.
        AttributeValue::Double(value) if value.is_finite() && text != "-0" => {
            Some(ScalarValue::Float64(Some(value)))
        }
        _ => None,
    }
}

/// A comparison of a column of numbers with a number; `None` when it is not one, or when the number is none of its type.
fn number_compares(column: Expr, kind: AttributeType, order: Order, bound: Number) -> Option<Expr> {
    // Integers that a double holds.
    const EXACT: i64 = 1 << 53;
    let op = match order {
        Order::Below => Operator::Lt,
        Order::AtMost => Operator::LtEq,
        Order::Above => Operator::Gt,
        Order::AtLeast => Operator::GtEq,
    };
    let bound = match (kind, bound) {
        (AttributeType::Int, Number::Int(bound)) => ScalarValue::Int64(Some(bound)),
        (AttributeType::Int, Number::Float(bound)) => {
            let whole = match order {
                Order::Below | Order::AtLeast => bound.ceil(),
                Order::AtMost | Order::Above => bound.floor(),
            };
            (whole.abs() <= EXACT as f64).then_some(ScalarValue::Int64(Some(whole as i64)))?
        }
        // No column holds -0, which orders before 0 there.
        (AttributeType::Double, Number::Float(bound)) => ScalarValue::Float64(Some(bound + 0.0)),
        (AttributeType::Double, Number::Int(bound)) if bound.abs() <= EXACT => {
            ScalarValue::Float64(Some(bound as f64))
        }
        _ => return None,
    };
    Some(binary_expr(column, op, lit(bound)))
}
