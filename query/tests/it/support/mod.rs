//! A store in a temporary directory, its query routes, and spans to fill it with.

pub(crate) mod corpus;
pub(crate) mod golden;
pub(crate) mod naive;
pub(crate) mod otlp_json;
pub(crate) mod shop;
pub(crate) mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bytes::Bytes;
use clew_query::{GrpcDoor, QueryLimits, QueryOptions, QueryService};
use clew_storage::env::Env;
use clew_storage::env::testing::SeededRandom;
use clew_storage::limits::{AttributeColumns, SegmentShape};
use clew_storage::store::{Append, Claim, StoreOptions};
use clew_storage::{Admission, DecodeError, Decoder, Limits, PayloadKind, SpanBatch, Store};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Few spans make a column, and there are few columns: the attributes of a test lie in both places.
const COLUMNS: AttributeColumns = AttributeColumns {
    span_max: 8,
    resource_max: 2,
    spans_min: 2,
    share_max: 1 << 20,
};

/// Decodes nothing: no test here replays a log.
struct NoDecoder;

impl Decoder for NoDecoder {
    fn decode(
        &self,
        kind: PayloadKind,
        _payload: &Bytes,
        _received_at_unix_nano: u64,
        _admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        Err(DecodeError {
            kind,
            message: "not in this test".to_owned(),
        })
    }
}

/// A store and its query routes.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) service: QueryService,
    pub(crate) router: Router,
    pub(crate) grpc: Router,
    payloads: AtomicU64,
    dir: tempfile::TempDir,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with_limits(QueryLimits::default())
    }

    pub(crate) fn with_limits(limits: QueryLimits) -> Self {
        Self::with(limits, |_| {})
    }

    /// One whose segments have row groups of few rows, each of several pages, and small dictionaries: columns of many values have pages
    /// without one.
    pub(crate) fn with_small_pages() -> Self {
        Self::with(QueryLimits::default(), |shape| {
            shape.row_group_rows = 300;
            shape.page_rows = 100;
            shape.dictionary_bytes = 256;
        })
    }

    /// One whose segments are of the shape that `adapt` makes of the usual one.
    pub(crate) fn with(limits: QueryLimits, adapt: impl FnOnce(&mut SegmentShape)) -> Self {
        let mut segment_shape = SegmentShape::with_columns(COLUMNS);
        adapt(&mut segment_shape);
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            data_dir: dir.path().to_owned(),
            // The names of segments salt their filters: with the same names every run has the same wrong yeses.
            env: Env {
                random: Arc::new(SeededRandom::new(1)),
                ..Env::system()
            },
            limits: Limits {
                segment_shape,
                // Others read the files of these stores as they lie.
                compaction: clew_storage::CompactionLimits {
                    enabled: false,
                    ..clew_storage::CompactionLimits::default()
                },
                ..Limits::default()
            },
            decoder: Arc::new(NoDecoder),
            tail_sampling: None,
            stored_sampling: None,
        };
        let (store, _) = Store::open(options).unwrap();
        let service = QueryService::new(QueryOptions {
            store: store.clone(),
            limits,
            otlp_json: Some((Arc::new(otlp_json::OtlpJson), otlp_json::KIND)),
            status: Arc::new(|| {
                let fields = json!({"version": "0.0.0", "uptime_s": 1});
                fields.as_object().unwrap().clone()
            }),
            sql_thread_begins: || {},
        });
        Self {
            store,
            grpc: GrpcDoor::new(&service).router(),
            router: clew_query::router(service.clone()),
            service,
            payloads: AtomicU64::new(0),
            dir,
        }
    }

    /// Where the store keeps its files.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Stores a batch as a payload of its own.
    pub(crate) async fn append(&self, batch: SpanBatch) {
        let payload = Bytes::from(self.payloads.fetch_add(1, Ordering::Relaxed).to_string());
        let kind = PayloadKind(0);
        let Claim::New(ticket) = self.store.claim(kind, &payload) else {
            panic!("not a retry")
        };
        let admission = Admission {
            weights: vec![(batch.len() as u32, 1.0)],
        };
        let append = Append {
            kind,
            payload,
            received_at_unix_nano: 1,
            admission,
            batch,
        };
        self.store.append(ticket, append).await.unwrap();
    }

    /// Moves all that was stored into a segment.
    pub(crate) async fn flush(&self) {
        self.store.flush().await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.send(
            Request::get(path)
                .header(header::ACCEPT, accept)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// The answer of completion when every segment has been read for it.
    pub(crate) async fn whole(&self, path: &str) -> Value {
        loop {
            let answer = self.json(path).await;
            if answer["coverage"]["complete"] != false {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn sql(&self, statement: &str, accept: &str) -> Answer {
        let request = Request::post("/api/sql").header(header::ACCEPT, accept);
        self.send(
            request
                .header(header::CONTENT_TYPE, "text/plain")
                .body(statement.to_owned().into())
                .unwrap(),
        )
        .await
    }

    /// The rows of a statement.
    pub(crate) async fn rows(&self, statement: &str) -> Value {
        let answer = self.sql(statement, "application/json").await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{statement}: {}",
            answer.text()
        );
        answer.json()["rows"].take()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// `text` as it stands in a query string.
pub(crate) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
