//! Translations are checked against the table in the module's documentation, by hand where there is a snapshot.

mod protobuf;
mod thrift;
mod v1;
mod v2;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::PayloadLimits;
use crate::rejected::Rejected;
use crate::testing::{render, testdata};

const IDS: &str = r#""traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312""#;

fn read(translated: Translated) -> (ExportTraceServiceRequest, Rejected) {
    let request =
        ExportTraceServiceRequest::decode(translated.otlp).expect("what we write is OTLP");
    (request, translated.rejected)
}

fn v2(json: &str) -> Result<(ExportTraceServiceRequest, Rejected), BodyError> {
    json_v2::translate(json.as_bytes(), &PayloadLimits::default()).map(read)
}

fn v1(json: &[u8]) -> (ExportTraceServiceRequest, Rejected) {
    read(json_v1::translate(json, &PayloadLimits::default()).unwrap())
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    let scopes = request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}
