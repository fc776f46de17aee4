//! Tickets: the number of a run in 8 bytes, then the statement.

use bytes::Bytes;
use tonic::Status;

/// A statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// Number by which it can be cancelled.
    pub(super) number: u64,
    /// Its text.
    pub(super) statement: String,
}

impl Query {
    /// The handle of this query in a ticket.
    pub(super) fn encode(&self) -> Bytes {
        [&self.number.to_be_bytes()[..], self.statement.as_bytes()]
            .concat()
            .into()
    }

    /// The query of a handle.
    ///
    /// # Errors
    /// When it is none of ours.
    pub(super) fn decode(handle: &[u8]) -> Result<Self, Status> {
        let query = || {
            let (number, statement) = handle.split_first_chunk::<8>()?;
            Some(Self {
                number: u64::from_be_bytes(*number),
                statement: String::from_utf8(statement.to_vec()).ok()?,
            })
        };
        query().ok_or_else(|| Status::invalid_argument("the ticket is none of this server"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        let query = Query {
            number: u64::MAX - 1,
            statement: "SELECT 'é'".to_owned(),
        };
        assert_eq!(Query::decode(&query.encode()).unwrap(), query);
        for handle in [&b""[..], b"1234567", b"12345678\xff"] {
            assert!(Query::decode(handle).is_err());
        }
    }
}
