//! Questions to a server over its web port: one request a connection, HTTP/1.0, so that an answer ends where the connection does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn json(self) -> Result<Value> {
        let said = String::from_utf8_lossy(&self.body);
        ensure!(self.status == 200, "{}: {said}", self.status);
        serde_json::from_slice(&self.body).context("an answer that is cut off")
    }
}

/// Sends one request.
///
/// # Errors
/// When there is no whole answer.
pub(crate) fn request(to: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: {to}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("no answer")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.with_context(|| format!("not a status line: {head}"))?,
        body: bytes.split_off(end + 4),
    })
}

/// The JSON behind a path.
pub(crate) fn get(to: SocketAddr, path: &str) -> Result<Value> {
    request(to, "GET", path, "")?
        .json()
        .with_context(|| format!("GET {path}"))
}

/// True when the server takes spans.
pub(crate) fn is_ready(to: SocketAddr) -> bool {
    request(to, "GET", "/health/ready", "").is_ok_and(|answer| answer.status == 200)
}

/// Rows of a statement.
///
/// # Errors
/// When it fails, or its result is cut off.
pub(crate) fn sql(to: SocketAddr, statement: &str) -> Result<Vec<Vec<Value>>> {
    let answer = request(to, "POST", "/api/sql", statement)?
        .json()
        .with_context(|| statement.to_owned())?;
    if answer["stats"]["truncated"] != Value::Bool(false) {
        bail!("{statement}: cut off: {}", answer["stats"]);
    }
    let rows = answer["rows"].as_array().context("no rows")?;
    Ok(rows
        .iter()
        .map(|row| row.as_array().cloned().unwrap_or_default())
        .collect())
}

/// The one number that a statement yields.
pub(crate) fn sql_number(to: SocketAddr, statement: &str) -> Result<u64> {
    let rows = sql(to, statement)?;
    let cell = rows.first().and_then(|row| row.first());
    cell.and_then(number)
        .with_context(|| format!("{statement} yields {rows:?}"))
}

/// A number of an answer, which is text when it is large, and may have come through a double.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().or_else(|| {
            number
                .as_f64()
                .filter(|n| n.fract() == 0.0)
                .map(|n| n as u64)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_in_three_forms() {
        assert_eq!(number(&json!(5)), Some(5));
        assert_eq!(number(&json!(5.0)), Some(5));
        assert_eq!(
            number(&json!("9007199254740993")),
            Some(9_007_199_254_740_993)
        );
        assert_eq!(number(&json!(5.5)), None);
        assert_eq!(number(&json!(null)), None);
    }
}
