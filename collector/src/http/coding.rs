//! Compression of request bodies: streaming, bounded by the limit on what comes out, never by what a header declares.

use std::io::{self, Read};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderValue, header};

use crate::budget::{Exhausted, Lease};
use crate::refusal::Refusal;

/// What zstd frames may ask for as a window: 2^23 bytes, the most that RFC 9659 allows in HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Memory is leased for this much output at least, bytes.
const STEP_BYTES_MIN: usize = 64 << 10;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// gzip, of one member or more.
    Gzip,
    /// zlib, which HTTP calls deflate.
    Deflate,
    /// Zstandard, of one frame or more.
    Zstd,
}

/// Why a body could not be decompressed.
#[derive(Debug)]
pub(crate) enum InflateError {
    /// It is not what its header says, or cut short.
    Malformed(io::Error),
    /// More comes out than a body may have.
    TooLarge,
    /// No memory is left for what comes out.
    Exhausted,
}

impl From<Exhausted> for InflateError {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl Coding {
    /// The coding that `header` (`content-encoding` or `grpc-encoding`) names, `None` if it is not one of ours.
    pub(crate) fn from_header(header: Option<&HeaderValue>) -> Option<Self> {
        let Some(header) = header else {
            return Some(Self::Identity);
        };
        match header.to_str().ok()?.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The coding of an HTTP request's body.
    ///
    /// # Errors
    /// When it is not one of ours.
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let coding = Self::from_header(values.next()).filter(|_| values.next().is_none());
        coding.ok_or_else(|| {
            Refusal::Unsupported(
                "content-encoding has to be gzip, zstd, deflate or none".to_owned(),
            )
        })
    }

    /// What `compressed` is when decompressed, at most `max` bytes of it; `lease` grows by what comes out.
    ///
    /// # Errors
    /// See [`InflateError`].
    pub(crate) fn inflate(
        self,
        compressed: &[u8],
        max: usize,
        lease: &mut Lease,
    ) -> Result<Vec<u8>, InflateError> {
        match self {
            Self::Identity => {
                lease.grow(compressed.len())?;
                Ok(compressed.to_vec())
            }
            Self::Gzip => read_bounded(MultiGzDecoder::new(compressed), max, lease),
            Self::Deflate => {
                let mut decoder = ZlibDecoder::new(compressed);
                let inflated = read_bounded(&mut decoder, max, lease)?;
                let rest = decoder.into_inner();
                if rest.is_empty() {
                    return Ok(inflated);
                }
                let error = format!("{} bytes follow the end of the zlib stream", rest.len());
                Err(InflateError::Malformed(io::Error::other(error)))
            }
            Self::Zstd => {
                let mut decoder =
                    zstd::Decoder::with_buffer(compressed).map_err(InflateError::Malformed)?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG_MAX)
                    .map_err(InflateError::Malformed)?;
                read_bounded(decoder, max, lease)
            }
        }
    }
}

/// Reads all of `reader`, at most `max` bytes.
fn read_bounded(
    mut reader: impl Read,
    max: usize,
    lease: &mut Lease,
) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    loop {
        // One byte more than allowed tells a body that ends at the limit from one that goes on.
        let step = STEP_BYTES_MIN.max(out.len()).min(max - out.len() + 1);
        lease.grow(step)?;
        out.reserve_exact(step);
        let read = reader.by_ref().take(step as u64).read_to_end(&mut out);
        let read = read.map_err(InflateError::Malformed)?;
        if out.len() > max {
            return Err(InflateError::TooLarge);
        }
        if read < step {
            return Ok(out);
        }
    }
}

#[cfg(test)]
mod tests;
