//! `jaeger.api_v3.QueryService`.

use opentelemetry_proto::tonic::trace::v1::TracesData;
use tonic::{Request, Response, Status, async_trait};

use super::proto::api_v3::query_service_server::QueryService as Jaeger;
use super::proto::api_v3::{
    DependenciesResponse, Dependency, FindTraceSummariesRequest, FindTraceSummariesResponse,
    FindTracesRequest, GetDependenciesRequest, GetOperationsRequest, GetOperationsResponse,
    GetServicesRequest, GetServicesResponse, GetTraceRequest, Operation, ServiceSummary,
    TraceSummary,
};
use super::stream::Messages;
use super::traces::{self, Traces};
use super::{params, status};
use crate::jaeger::trace_id;
use crate::search::Found;
use crate::service::QueryService;

/// Answers as Jaeger's query service.
pub(super) struct Api(pub(super) QueryService);

#[async_trait]
impl Jaeger for Api {
    type GetTraceStream = Messages<TracesData>;
    type FindTracesStream = Messages<TracesData>;
    type FindTraceSummariesStream = Messages<FindTraceSummariesResponse>;

    async fn get_trace(&self, request: Request<GetTraceRequest>) -> Traces {
        let id = trace_id(&request.get_ref().trace_id)
            .map_err(|error| Status::invalid_argument(format!("malformed trace_id: {error}")))?;
        traces::one(&self.0, id).await
    }

    async fn find_traces(&self, request: Request<FindTracesRequest>) -> Traces {
        let request = params::search_v3(request.into_inner().query, self.0.limits());
        traces::find(&self.0, request.map_err(|error| status::of(&error))?).await
    }

    async fn find_trace_summaries(
        &self,
        request: Request<FindTraceSummariesRequest>,
    ) -> Result<Response<Messages<FindTraceSummariesResponse>>, Status> {
        let request = params::search_v3(request.into_inner().query, self.0.limits());
        let request = request.map_err(|error| status::of(&error))?;
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

    async fn get_dependencies(
        &self,
        request: Request<GetDependenciesRequest>,
    ) -> Result<Response<DependenciesResponse>, Status> {
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
            })
            .collect();
        Ok(status::answer(
            DependenciesResponse { dependencies },
            &calls.incomplete,
        ))
    }
}

fn summary(found: &Found) -> TraceSummary {
    let summary = &found.summary;
    TraceSummary {
        trace_id: found.trace_id.to_string(),
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
