//! What the collector counts.
//!
//! Two accounts balance. Of requests: received = the sum of finished over all outcomes, but for those in flight. Of spans in
//! the payloads that were decoded: received = stored + rejected + sampled out + refused. A payload that repeats an earlier
//! one is not decoded; it is finished as `duplicate`.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Requests whose head has been read, by `protocol`.
pub(crate) const REQUESTS_RECEIVED: &str = "clew_ingest_requests_received_total";
/// Requests that were answered, by `protocol` and `outcome`.
pub(crate) const REQUESTS_FINISHED: &str = "clew_ingest_requests_finished_total";
/// Time from a request's head to its answer, by `protocol`.
pub(crate) const REQUEST_SECONDS: &str = "clew_ingest_request_seconds";
/// Bytes of bodies after decompression, by `protocol`.
pub(crate) const BODY_BYTES: &str = "clew_ingest_body_bytes_total";
/// Bytes that requests in flight hold.
pub(crate) const IN_FLIGHT_BYTES: &str = "clew_ingest_in_flight_bytes";
/// Spans in payloads that were decoded, by `protocol`.
pub(crate) const SPANS_RECEIVED: &str = "clew_ingest_spans_received_total";
/// Spans that are on stable storage, by `protocol`.
pub(crate) const SPANS_STORED: &str = "clew_ingest_spans_stored_total";
/// Spans that were invalid, by `protocol`.
pub(crate) const SPANS_REJECTED: &str = "clew_ingest_spans_rejected_total";
/// Spans that head sampling dropped, by `protocol`.
pub(crate) const SPANS_SAMPLED_OUT: &str = "clew_ingest_spans_sampled_out_total";
/// Spans that the store did not take, by `protocol`.
pub(crate) const SPANS_REFUSED: &str = "clew_ingest_spans_refused_total";
/// Traces that tail sampling keeps, by the `policy` with the lowest threshold.
pub(crate) const TAIL_POLICY_TRACES: &str = "clew_tail_policy_traces_total";

/// Requests of SDKs for a strategy of remote sampling, by `outcome`.
pub(crate) const REMOTE_REQUESTS: &str = "clew_remote_sampling_requests_total";
/// Operations that have a share of their own by adaptive sampling.
pub(crate) const REMOTE_OPERATIONS: &str = "clew_remote_sampling_operations";

/// Describes the collector's metrics to the recorder.
pub fn describe() {
    describe_counter!(REQUESTS_RECEIVED, "Ingest requests received");
    describe_counter!(REQUESTS_FINISHED, "Ingest requests answered, by outcome");
    describe_histogram!(
        REQUEST_SECONDS,
        metrics::Unit::Seconds,
        "Time to answer an ingest request"
    );
    describe_counter!(
        BODY_BYTES,
        metrics::Unit::Bytes,
        "Bytes of request bodies after decompression"
    );
    describe_gauge!(
        IN_FLIGHT_BYTES,
        metrics::Unit::Bytes,
        "Bytes that ingest requests in flight hold"
    );
    describe_counter!(SPANS_RECEIVED, "Spans in payloads that could be decoded");
    describe_counter!(SPANS_STORED, "Spans stored");
    describe_counter!(SPANS_REJECTED, "Spans rejected as invalid");
    describe_counter!(SPANS_SAMPLED_OUT, "Spans dropped by head sampling");
    describe_counter!(
        TAIL_POLICY_TRACES,
        "Traces kept by tail sampling, by the policy that keeps most of their kind"
    );
    describe_counter!(
        REMOTE_REQUESTS,
        "Requests for a strategy of remote sampling"
    );
    describe_gauge!(
        REMOTE_OPERATIONS,
        "Operations whose share follows the traffic"
    );
    describe_counter!(SPANS_REFUSED, "Spans that the store did not take");
}
