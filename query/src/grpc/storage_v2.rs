//! `jaeger.storage.v2`: Clew as the storage behind a Jaeger. Spans come in by OTLP.

use clew_storage::TraceId;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost_types::Timestamp;
use tonic::{Request, Response, Status, async_trait};

use super::proto::storage::v2::dependency_reader_server::DependencyReader;
use super::proto::storage::v2::trace_reader_server::TraceReader;
use super::proto::storage::v2::{
    Dependency, FindTraceIDsRequest, FindTraceIDsResponse, FindTraceSummariesRequest,
    FindTraceSummariesResponse, FindTracesRequest, FoundTraceId, GetDependenciesRequest,
    GetDependenciesResponse, GetOperationsRequest, GetOperationsResponse, GetServicesRequest,
    GetServicesResponse, GetTracesRequest, Operation, ServiceSummary, TraceQueryParameters,
    TraceSummary,
};
use super::stream::Messages;
use super::traces::{self, Traces};
use super::{params, status};
use crate::search::{Found, SearchRequest};
use crate::service::QueryService;

/// Answers as a storage.
#[derive(Clone)]
pub(super) struct Storage(pub(super) QueryService);

impl Storage {
    fn search(&self, query: Option<TraceQueryParameters>) -> Result<SearchRequest, Status> {
        params::search_v2(query, self.0.limits()).map_err(|error| status::of(&error))
    }

    /// The ids of a request. Its hints of time are not needed.
    fn ids(&self, request: &GetTracesRequest) -> Result<Vec<TraceId>, Status> {
        let (count, max) = (request.query.len(), self.0.limits().trace_ids_max);
        if count > max {
            return Err(Status::resource_exhausted(format!(
                "{count} trace ids were asked for; the limit is {max}; ask for them in several requests"
            )));
        }
        let id = |bytes: &[u8]| {
            TraceId::from_bytes(bytes).ok_or_else(|| {
                Status::invalid_argument("a trace_id has to be 16 bytes that are not all zero")
            })
        };
        let ids = request.query.iter().map(|params| id(&params.trace_id));
        ids.collect()
    }
}

#[async_trait]
impl TraceReader for Storage {
    type GetTracesStream = Messages<TracesData>;
    type FindTracesStream = Messages<TracesData>;
    type FindTraceSummariesStream = Messages<FindTraceSummariesResponse>;

    async fn get_traces(&self, request: Request<GetTracesRequest>) -> Traces {
        let ids = self.ids(request.get_ref())?;
        traces::by_ids(&self.0, ids).await
    }

    async fn find_traces(&self, request: Request<FindTracesRequest>) -> Traces {
        let request = self.search(request.into_inner().query)?;
        traces::find(&self.0, request).await
    }

    async fn find_trace_i_ds(
        &self,
        request: Request<FindTraceIDsRequest>,
    ) -> Result<Response<FindTraceIDsResponse>, Status> {
        let request = self.search(request.into_inner().query)?;
        let (found, incomplete) = traces::found(&self.0, request).await?;
        let trace_ids = found.iter().map(found_id).collect();
        Ok(status::answer(
            FindTraceIDsResponse { trace_ids },
            &incomplete,
        ))
    }

    async fn find_trace_summaries(
        &self,
        request: Request<FindTraceSummariesRequest>,
    ) -> Result<Response<Messages<FindTraceSummariesResponse>>, Status> {
        let request = self.search(request.into_inner().query)?;
        traces::summaries(&self.0, request, |found| FindTraceSummariesResponse {
            summaries: found.iter().map(summary).collect(),
        })
        .await
    }

    async fn get_services(
        &self,
        _request: Request<GetServicesRequest>,
    ) -> Result<Response<GetServicesResponse>, Status> {
        let (services, incomplete) = traces::services(&self.0).await?;
        Ok(status::answer(
            GetServicesResponse { services },
            &incomplete,
        ))
    }

    async fn get_operations(
        &self,
        request: Request<GetOperationsRequest>,
    ) -> Result<Response<GetOperationsResponse>, Status> {
        let GetOperationsRequest { service, span_kind } = request.into_inner();
        let (operations, incomplete) = traces::operations(&self.0, service, span_kind).await?;
        let operations = operations
            .into_iter()
            .map(|operation| Operation {
                name: operation.name,
                span_kind: operation.kind,
            })
            .collect();
        Ok(status::answer(
            GetOperationsResponse { operations },
            &incomplete,
        ))
    }
}

#[async_trait]
impl DependencyReader for Storage {
    async fn get_dependencies(
        &self,
        request: Request<GetDependenciesRequest>,
    ) -> Result<Response<GetDependenciesResponse>, Status> {
        let GetDependenciesRequest {
            start_time,
            end_time,
        } = request.into_inner();
        let calls = traces::calls(&self.0, params::window(start_time, end_time)).await?;
        let dependencies = calls
            .edges
            .into_iter()
            .map(|edge| Dependency {
                parent: edge.parent,
                child: edge.child,
                call_count: edge.call_count,
                source: SOURCE.to_owned(),
            })
            .collect();
        Ok(status::answer(
            GetDependenciesResponse { dependencies },
            &calls.incomplete,
        ))
    }
}

/// Where dependencies come from.
const SOURCE: &str = "clew";

fn found_id(found: &Found) -> FoundTraceId {
    FoundTraceId {
        trace_id: found.trace_id.0.to_vec(),
        start: Some(timestamp(found.summary.start_time)),
        end: Some(timestamp(traces::end(found))),
    }
}

fn timestamp(ns: u64) -> Timestamp {
    Timestamp {
        seconds: (ns / 1_000_000_000) as i64,
        nanos: (ns % 1_000_000_000) as i32,
    }
}

fn summary(found: &Found) -> TraceSummary {
    let summary = &found.summary;
    TraceSummary {
        trace_id: found.trace_id.0.to_vec(),
        root_service_name: summary.root_service_name.clone(),
        root_operation_name: summary.root_name.clone(),
        min_start_time_unix_nano: summary.start_time,
        max_end_time_unix_nano: traces::end(found),
        span_count: traces::count(summary.span_count),
        error_span_count: traces::count(summary.error_count),
        orphan_span_count: traces::count(summary.orphan_count),
        services: summary
            .services
            .iter()
            .map(|service| ServiceSummary {
                name: service.name.clone(),
                span_count: traces::count(service.span_count),
                error_span_count: traces::count(service.error_count),
            })
            .collect(),
    }
}
