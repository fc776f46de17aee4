//! A file of a derived table, or of pending calls: written whole, read whole, with one checksum over all of it in the manifest.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use super::pending::PendingCalls;
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};
use crate::schema;

const ZSTD_LEVEL: i32 = 3;

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedTable {
    /// `span_metrics`.
    SpanMetrics,
    /// `service_edges`.
    ServiceEdges,
}

impl DerivedTable {
    /// Both tables.
    pub const ALL: [Self; 2] = [Self::SpanMetrics, Self::ServiceEdges];

    /// Name of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SpanMetrics => "span_metrics",
            Self::ServiceEdges => "service_edges",
        }
    }

    /// Its columns, counts not rounded.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        let rounded = match self {
            Self::SpanMetrics => schema::span_metrics(),
            Self::ServiceEdges => schema::service_edges(),
        };
        schema::unrounded(&rounded)
    }
}

/// What the manifest says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivedMeta {
    /// Path below the data directory.
    pub name: String,
    /// Which table; `None` for pending calls.
    pub table: Option<DerivedTable>,
    /// Rows, or sides of calls.
    pub rows: u64,
    /// Length.
    pub bytes: u64,
    /// CRC32 of the whole.
    pub crc: u32,
    /// First and last minute, ns since the epoch.
    pub minutes: (i64, i64),
    /// When the newest span that is counted left the hot window, ns since the epoch.
    pub newest_unix_nano: i64,
    /// How often its rows have been merged.
    pub level: u32,
}

impl DerivedMeta {
    /// A file that is about to be written.
    pub(crate) fn new(name: String, newest_unix_nano: i64, level: u32) -> Self {
        Self {
            name,
            table: None,
            rows: 0,
            bytes: 0,
            crc: 0,
            minutes: (0, 0),
            newest_unix_nano,
            level,
        }
    }
}

/// A file that can be read.
#[derive(Debug)]
pub struct DerivedFile {
    env: Env,
    path: PathBuf,
    meta: DerivedMeta,
}

impl DerivedFile {
    pub(crate) fn open(env: &Env, data_dir: &Path, meta: DerivedMeta) -> Self {
        Self {
            env: env.clone(),
            path: data_dir.join(&meta.name),
            meta,
        }
    }

    /// What the manifest says of it.
    #[must_use]
    pub fn meta(&self) -> &DerivedMeta {
        &self.meta
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all rows of a table. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or holds no table.
    pub fn read(&self) -> Result<RecordBatch, StoreError> {
        let bytes = self.read_bytes()?;
        let Some(table) = self.meta.table else {
            return Err(self.corrupt("the manifest says that it holds no table"));
        };
        let decoded = decode(bytes, &table.schema());
        decoded.map_err(|error| self.corrupt(&error.to_string()))
    }

    /// Reads pending calls. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn read_pending(&self) -> Result<PendingCalls, StoreError> {
        let bytes = self.read_bytes()?;
        let json = zstd::decode_all(&bytes[..]);
        let json = json.map_err(|error| self.corrupt(&error.to_string()))?;
        PendingCalls::parse(&json).map_err(|error| self.corrupt(&error.to_string()))
    }

    /// Reads all of it and compares it with what the manifest says. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn verify(&self) -> Result<(), StoreError> {
        match self.meta.table {
            Some(_) => self.read().map(drop),
            None => self.read_pending().map(drop),
        }
    }

    fn read_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let bytes = read_file(&*self.env.fs, &self.path).context(&self.path)?;
        if bytes.len() as u64 != self.meta.bytes || crc32fast::hash(&bytes) != self.meta.crc {
            return Err(self.corrupt("length or checksum of the file"));
        }
        Ok(bytes)
    }

    fn corrupt(&self, message: &str) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            message: message.to_owned(),
        }
    }
}

fn decode(bytes: Vec<u8>, schema: &SchemaRef) -> Result<RecordBatch, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?;
    let parts: Vec<_> = builder.build()?.collect::<Result<_, _>>()?;
    Ok(concat_batches(schema, &parts)?)
}

/// Writes and syncs a file of `table` that does not exist yet; its directory is not synced.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(
    env: &Env,
    data_dir: &Path,
    meta: DerivedMeta,
    table: DerivedTable,
    rows: &RecordBatch,
) -> Result<DerivedMeta, StoreError> {
    let path = data_dir.join(&meta.name);
    let bytes = encode(rows).map_err(|error| StoreError::Io {
        path,
        source: std::io::Error::other(error),
    })?;
    let minutes = rows.column(0).as_primitive::<TimestampNanosecondType>();
    let minutes = minutes.values().iter().copied();
    let meta = DerivedMeta {
        table: Some(table),
        rows: rows.num_rows() as u64,
        minutes: (
            minutes.clone().min().unwrap_or(0),
            minutes.max().unwrap_or(0),
        ),
        ..meta
    };
    write_bytes(env, data_dir, meta, &bytes)
}

/// The same for pending calls.
pub(crate) fn write_pending(
    env: &Env,
    data_dir: &Path,
    meta: DerivedMeta,
    pending: &PendingCalls,
) -> Result<DerivedMeta, StoreError> {
    let path = data_dir.join(&meta.name);
    let bytes = zstd::encode_all(&pending.to_json()[..], ZSTD_LEVEL).context(&path)?;
    let meta = DerivedMeta {
        rows: pending.len() as u64,
        ..meta
    };
    write_bytes(env, data_dir, meta, &bytes)
}

fn write_bytes(
    env: &Env,
    data_dir: &Path,
    meta: DerivedMeta,
    bytes: &[u8],
) -> Result<DerivedMeta, StoreError> {
    let path = data_dir.join(&meta.name);
    let file = env.fs.create_new(&path).context(&path)?;
    file.write_all_at(bytes, 0).context(&path)?;
    file.sync_all().context(&path)?;
    Ok(DerivedMeta {
        bytes: bytes.len() as u64,
        crc: crc32fast::hash(bytes),
        ..meta
    })
}

fn encode(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.close()?;
    Ok(bytes)
}
