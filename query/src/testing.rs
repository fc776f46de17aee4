//! What the unit tests of this crate share.

use std::sync::Arc;

use bytes::Bytes;
use clew_storage::env::Env;
use clew_storage::store::{Append, Claim};
use clew_storage::{
    Admission, DecodeError, Decoder, Limits, PayloadKind, SpanBatch, Store, StoreOptions,
};

/// Decodes nothing: for stores whose log is not replayed.
pub(crate) struct NoDecoder;

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

/// An empty store in `dir`.
pub(crate) fn open(dir: &tempfile::TempDir, limits: Limits) -> Store {
    let options = StoreOptions {
        data_dir: dir.path().to_owned(),
        env: Env::system(),
        limits,
        decoder: Arc::new(NoDecoder),
        tail_sampling: None,
        stored_sampling: None,
    };
    let (store, _) = Store::open(options).unwrap();
    store
}

/// A store in `dir` with the batches `parts`, each flushed if it says so.
pub(crate) async fn store(
    dir: &tempfile::TempDir,
    limits: Limits,
    parts: impl IntoIterator<Item = (SpanBatch, bool)>,
) -> Store {
    let store = open(dir, limits);
    for (number, (batch, flush)) in parts.into_iter().enumerate() {
        let (kind, payload) = (PayloadKind(0), Bytes::from(number.to_string()));
        let Claim::New(ticket) = store.claim(kind, &payload) else {
            panic!("not a retry")
        };
        let append = Append {
            kind,
            payload,
            received_at_unix_nano: 1,
            admission: Admission {
                weights: vec![(batch.len() as u32, 1.0)],
            },
            batch,
        };
        store.append(ticket, append).await.unwrap();
        if flush {
            store.flush().await.unwrap();
        }
    }
    store
}
