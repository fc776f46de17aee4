//! Every limit of the query side, in one place.

use std::time::Duration;

/// Bounds on what a request may ask for, and on what an answer may cost. Sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryLimits {
    /// Traces that a search returns when the request names no limit.
    pub search_traces_default: usize,
    /// Traces that one page of a search may ask for.
    pub search_traces_max: usize,
    /// Distinct matching traces that a search counts; beyond it the total is a lower bound.
    pub search_total_max: usize,
    /// Columns and rows that a heatmap may ask for.
    pub heatmap_columns_max: usize,
    /// See [`QueryLimits::heatmap_columns_max`].
    pub heatmap_rows_max: usize,
    /// Keys that facets are given for, and values of each.
    pub facet_keys_max: usize,
    /// See [`QueryLimits::facet_keys_max`].
    pub facet_values_max: usize,
    /// Spans that are looked at for facets; of more a part is looked at, and the answer says so.
    pub facet_spans_max: u64,
    /// Different values of one key that facets count apart.
    pub facet_distinct_max: usize,
    /// Conditions of a query that are tried without when nothing matches.
    pub explain_clauses_max: usize,
    /// Keys or values that completion offers at once.
    pub completion_max: usize,
    /// How long completion waits for segments that are being read for the first time.
    pub completion_wait: Duration,
    /// Keys of one segment that completion knows, and values of each key.
    pub vocabulary_keys_max: usize,
    /// See [`QueryLimits::vocabulary_keys_max`].
    pub vocabulary_values_max: usize,
    /// Memory for the keys and values of all segments; beyond it those of the oldest are forgotten.
    pub vocabulary_bytes_max: usize,
    /// Terms (tags, services, bounds) of one filter.
    pub filter_terms_max: usize,
    /// Words that a find in a trace may look for at once.
    pub find_words_max: usize,
    /// How long a search or a look at counts may run before it answers with what it has.
    pub search_time: Duration,
    /// Threads that scan segments for one search.
    pub scan_threads: usize,
    /// Traces that one request may ask for by id.
    pub trace_ids_max: usize,
    /// Services, and operations of one service, that a list holds.
    pub names_max: usize,
    /// Searches and trace look-ups that run at the same time.
    pub reads_running_max: usize,
    /// Searches and trace look-ups that may wait for their turn; one more is refused.
    pub reads_waiting_max: usize,
    /// How long a search, a look-up or a statement waits for its turn before it is refused.
    pub turn_wait: Duration,
    /// Body of `POST /api/transform`.
    pub transform_bytes_max: usize,
    /// Traces among which Zipkin's clients may look for ids that differ in their high 64 bits only.
    pub zipkin_lenient_traces_max: usize,
    /// One message of a request over gRPC, compressed or not.
    pub grpc_request_bytes_max: usize,
    /// Bounds of SQL.
    pub sql: SqlLimits,
}

/// Bounds of one SQL statement and of all that run together.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlLimits {
    /// Text of a statement.
    pub text_bytes_max: usize,
    /// Tokens of a statement.
    pub tokens_max: usize,
    /// Depth of a statement's expressions, and of queries inside queries.
    pub depth_max: usize,
    /// Tables that a statement reads, each CTE counted as often as it is named.
    pub relations_max: usize,
    /// Rows of a result; the rest is cut off and the answer says so.
    pub rows_max: usize,
    /// Bytes of an encoded result; the rest is cut off and the answer says so.
    pub result_bytes_max: usize,
    /// Time that a statement may work, from planning to the last row.
    pub time: Duration,
    /// How long a statement waits for a client that takes no rows.
    pub client_wait: Duration,
    /// Memory that the operators of one statement may hold.
    pub memory_bytes: usize,
    /// Bytes that one call of a function may take or make for one batch of rows.
    pub function_bytes_max: usize,
    /// Statements that run at the same time.
    pub running_max: usize,
    /// Statements that may wait for their turn; one more is refused.
    pub waiting_max: usize,
    /// Threads that run statements, and partitions of a plan.
    pub threads: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            search_traces_default: 20,
            search_traces_max: 1_500,
            search_total_max: 1_000_000,
            heatmap_columns_max: 480,
            heatmap_rows_max: 128,
            facet_keys_max: 40,
            facet_values_max: 100,
            facet_spans_max: 200_000,
            facet_distinct_max: 5_000,
            explain_clauses_max: 16,
            completion_max: 100,
            completion_wait: Duration::from_millis(40),
            vocabulary_keys_max: 5_000,
            vocabulary_values_max: 1_000,
            vocabulary_bytes_max: 64 << 20,
            filter_terms_max: 256,
            find_words_max: 30,
            search_time: Duration::from_secs(30),
            scan_threads: 2,
            trace_ids_max: 1_500,
            names_max: 100_000,
            reads_running_max: 8,
            reads_waiting_max: 64,
            turn_wait: Duration::from_secs(30),
            transform_bytes_max: 64 << 20,
            zipkin_lenient_traces_max: 2_000_000,
            grpc_request_bytes_max: 1 << 20,
            sql: SqlLimits::default(),
        }
    }
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            text_bytes_max: 64 << 10,
            tokens_max: 10_000,
            depth_max: 256,
            relations_max: 128,
            rows_max: 100_000,
            result_bytes_max: 64 << 20,
            time: Duration::from_secs(30),
            client_wait: Duration::from_secs(30),
            memory_bytes: 256 << 20,
            function_bytes_max: 64 << 20,
            running_max: 4,
            waiting_max: 16,
            threads: 2,
        }
    }
}
