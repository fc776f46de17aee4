//! Flight SQL: the statements of `POST /api/sql` for clients of Arrow, ADBC and JDBC, through the same cage.
//!
//! ```text
//!  GetFlightInfo(statement) ──▶ schema, and a ticket with a number and the statement itself
//!  DoGet(ticket) ─────────────▶ SqlEngine::run ──▶ rows as Arrow data, as they come
//!  CancelQuery, CancelFlightInfo(ticket) ──▶ the run of that number ends
//! ```
//!
//! Nothing is kept between calls but the numbers of what runs, so a ticket and a prepared statement live as long as a client likes.
//! A prepared statement is its text; parameters to bind are refused, as is everything that writes. Where a limit cuts rows off, the
//! stream ends with `RESOURCE_EXHAUSTED`: Arrow's clients have no other way to see it.

mod keys;
mod metadata;
mod rows;
mod running;
mod ticket;

use std::pin::Pin;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt,
    SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus,
    FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage,
    SchemaAsIpc, Ticket,
};
use futures::stream::{self, Stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::error::QueryError;
use crate::grpc::status;
use crate::service::QueryService;
use running::Running;
use ticket::Query;

/// Answers of rows.
type Rows<T> = Result<Response<<T as FlightService>::DoGetStream>, Status>;
/// Answers to a greeting.
type Greeting = Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;
/// What a statement gives, and where.
type Info = Result<Response<FlightInfo>, Status>;

/// The action that ends a query by its `FlightInfo`.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// The Flight SQL service.
#[derive(Clone)]
pub(crate) struct FlightSql {
    service: QueryService,
    running: Running,
}

impl FlightSql {
    /// Flight SQL over `service`.
    pub(crate) fn new(service: QueryService) -> Self {
        Self {
            service,
            running: Running::default(),
        }
    }

    /// The schema of a statement's rows. It is planned, and dropped before it reads.
    async fn schema(&self, statement: &str) -> Result<SchemaRef, Status> {
        let run = self.service.sql().run(&self.service, statement.to_owned());
        let rows = run.await.map_err(|error| failed(&error))?;
        Ok(rows::plain_schema(rows.schema()))
    }

    async fn info(&self, statement: &str, descriptor: FlightDescriptor) -> Info {
        let schema = self.schema(statement).await?;
        let query = Query {
            number: self.running.number(),
            statement: statement.to_owned(),
        };
        let ticket = TicketStatementQuery {
            statement_handle: query.encode(),
        };
        describe(&schema, &ticket.as_any(), descriptor)
    }

    /// Runs a statement, and ends it when its number is cancelled.
    async fn run(&self, query: Query) -> Rows<Self> {
        let run = self.service.sql().run(&self.service, query.statement);
        let running = self.running.enter(query.number);
        let rows = running.until_cancelled(run).await?;
        let rows = rows.map_err(|error| failed(&error))?;
        Ok(Response::new(rows::stream(rows, running)))
    }

    fn cancel(&self, info: &FlightInfo) -> CancelStatus {
        let cancelled = info.endpoint.iter().any(|endpoint| {
            let number = endpoint.ticket.as_ref().and_then(number);
            number.is_some_and(|number| self.running.cancel(number))
        });
        if cancelled {
            CancelStatus::Cancelling
        } else {
            // It has ended, or was never begun.
            CancelStatus::NotCancellable
        }
    }
}

/// The number of the run that a ticket is for.
fn number(ticket: &Ticket) -> Option<u64> {
    let any = Any::decode(&*ticket.ticket).ok()?;
    let query = any.unpack::<TicketStatementQuery>().ok()??;
    Query::decode(&query.statement_handle)
        .ok()
        .map(|query| query.number)
}

/// An error with its place in the statement, which gRPC has no field for.
fn failed(error: &QueryError) -> Status {
    let status = status::of(error);
    match error.position() {
        None => status,
        Some(position) => Status::new(
            status.code(),
            format!("{} (at byte {position})", status.message()),
        ),
    }
}

/// Says of which schema the rows are that `ticket` gives.
fn describe(schema: &Schema, ticket: &Any, descriptor: FlightDescriptor) -> Info {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket.encode_to_vec()));
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(|error| Status::internal(error.to_string()))?
        .with_endpoint(endpoint)
        .with_descriptor(descriptor);
    Ok(Response::new(info))
}

/// An answer of no rows.
fn nothing(schema: SchemaRef) -> Response<rows::Data> {
    Response::new(rows::of(RecordBatch::new_empty(schema)))
}

/// The statement of a prepared one.
fn prepared(handle: &[u8]) -> Result<String, Status> {
    String::from_utf8(handle.to_vec())
        .map_err(|_| Status::invalid_argument("there is no such prepared statement"))
}

#[async_trait]
impl FlightSqlService for FlightSql {
    type FlightService = Self;

    /// Answers clients that greet, such as JDBC's with a token. The token was checked before this, as it is with every call.
    async fn do_handshake(
        &self,
        _request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Greeting>, Status> {
        let answer = HandshakeResponse::default();
        Ok(Response::new(Box::pin(stream::iter([Ok(answer)]))))
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.info(&query.query, request.into_inner()).await
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        self.run(Query::decode(&ticket.statement_handle)?).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let schema = self.schema(&query.query).await?;
        let bytes = |schema: &Schema| {
            let message: Result<IpcMessage, _> =
                SchemaAsIpc::new(schema, &IpcWriteOptions::default()).try_into();
            let message = message.map_err(|error| Status::internal(error.to_string()))?;
            Ok::<_, Status>(message.0)
        };
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: query.query.into(),
            dataset_schema: bytes(&schema)?,
            parameter_schema: bytes(&Schema::empty())?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let statement = prepared(&query.prepared_statement_handle)?;
        self.info(&statement, request.into_inner()).await
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        let statement = prepared(&query.prepared_statement_handle)?;
        let number = self.running.number();
        self.run(Query { number, statement }).await
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        _request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        let info = FlightInfo::decode(&*query.info)
            .map_err(|_| Status::invalid_argument("the query to cancel is not a FlightInfo"))?;
        Ok(ActionCancelQueryResult {
            // The numbers of both enums are the same.
            result: self.cancel(&info) as i32,
        })
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        Some(vec![Ok(ActionType {
            r#type: CANCEL_FLIGHT_INFO.to_owned(),
            description:
                "Ends a query. Takes a CancelFlightInfoRequest, gives a CancelFlightInfoResult."
                    .to_owned(),
        })])
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        let action = request.into_inner();
        if action.r#type != CANCEL_FLIGHT_INFO {
            let shown: String = action.r#type.chars().take(80).collect();
            return Err(Status::unimplemented(format!(
                "there is no action `{shown}`"
            )));
        }
        let asked = CancelFlightInfoRequest::decode(&*action.body)
            .map_err(|_| Status::invalid_argument("the body is not a CancelFlightInfoRequest"))?;
        let status = self.cancel(&asked.info.unwrap_or_default());
        let result = arrow_flight::Result {
            body: CancelFlightInfoResult::new(status).encode_to_vec().into(),
        };
        let results = stream::iter([Ok(result)]);
        Ok(Response::new(Box::pin(results)))
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let schema = query.into_builder().schema();
        describe(&schema, &query.as_any(), request.into_inner())
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(Response::new(rows::of(metadata::catalogs(query)?)))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let schema = query.clone().into_builder().schema();
        describe(&schema, &query.as_any(), request.into_inner())
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(Response::new(rows::of(metadata::schemas(query)?)))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let schema = query.clone().into_builder().schema();
        describe(&schema, &query.as_any(), request.into_inner())
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        let tables = metadata::tables(self, query).await?;
        Ok(Response::new(rows::of(tables)))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let schema = query.into_builder().schema();
        describe(&schema, &query.as_any(), request.into_inner())
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(Response::new(rows::of(metadata::table_types(query)?)))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let schema = metadata::info().schema();
        describe(&schema, &query.as_any(), request.into_inner())
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(Response::new(rows::of(metadata::sql_info(query)?)))
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        describe(&keys::primary(), &query.as_any(), request.into_inner())
    }

    async fn do_get_primary_keys(
        &self,
        _query: CommandGetPrimaryKeys,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(nothing(keys::primary()))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        describe(&keys::foreign(), &query.as_any(), request.into_inner())
    }

    async fn do_get_exported_keys(
        &self,
        _query: CommandGetExportedKeys,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(nothing(keys::foreign()))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        describe(&keys::foreign(), &query.as_any(), request.into_inner())
    }

    async fn do_get_imported_keys(
        &self,
        _query: CommandGetImportedKeys,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(nothing(keys::foreign()))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Info {
        describe(&keys::foreign(), &query.as_any(), request.into_inner())
    }

    async fn do_get_cross_reference(
        &self,
        _query: CommandGetCrossReference,
        _request: Request<Ticket>,
    ) -> Rows<Self> {
        Ok(nothing(keys::foreign()))
    }

    /// What the server says of itself is fixed.
    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
