//! A connection that opens when it is first needed, and anew after it lay idle.
//!
//! A server closes a connection that sends nothing for a while, and only a request reads from one here, so nobody would notice
//! before the request was lost. One that lay idle for [`IDLE`] is therefore not trusted. This also spares a server with a
//! limit on the time to the first request the connections of a run that needs only some of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use clew_loadgen::client::{Client, Outcome};

use crate::clock::now;

/// How long an idle connection is trusted; servers wait longer than this before they close one.
pub(crate) const IDLE: Duration = Duration::from_secs(5);

/// A connection and how it is opened.
pub(crate) struct Connection<F> {
    connect: F,
    idle: Duration,
    open: Option<(Client, Instant)>,
}

impl<F: Fn() -> Result<Client>> Connection<F> {
    /// One that `connect` opens, and opens again when nothing was sent for `idle`.
    pub(crate) fn new(connect: F, idle: Duration) -> Self {
        Self {
            connect,
            idle,
            open: None,
        }
    }

    /// Opens it now, to know whether anybody answers.
    ///
    /// # Errors
    /// When nobody does.
    pub(crate) fn open(&mut self) -> Result<()> {
        self.open = Some(((self.connect)()?, now()));
        Ok(())
    }

    /// Sends one encoded request and waits for the answer.
    ///
    /// # Errors
    /// When it cannot be opened or broke; the next request opens another one.
    pub(crate) fn send(&mut self, body: &[u8]) -> Result<Outcome> {
        let mut client = match self.open.take() {
            Some((client, last)) if last.elapsed() < self.idle => client,
            _ => (self.connect)()?,
        };
        let outcome = client.send(body)?;
        self.open = Some((client, now()));
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use clew_loadgen::client::Protocol;

    use super::*;

    /// A server that takes empty requests and counts connections.
    fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    for line in lines.map_while(Result::ok) {
                        if line.is_empty() {
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                            stream.write_all(answer).unwrap();
                        }
                    }
                });
            }
        });
        (endpoint, accepted)
    }

    fn accepted(outcome: &Outcome) -> bool {
        *outcome == Outcome::Accepted { rejected_spans: 0 }
    }

    #[test]
    fn it_opens_with_the_first_request_and_is_kept() {
        let (endpoint, count) = server();
        let connect = || Client::connect(Protocol::Http, &endpoint, None);
        let mut connection = Connection::new(connect, Duration::from_hours(1));
        assert_eq!(count.load(Ordering::SeqCst), 0);
        for _ in 0..3 {
            assert!(accepted(&connection.send(b"").unwrap()));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn it_opens_anew_after_it_lay_idle() {
        let (endpoint, count) = server();
        let connect = || Client::connect(Protocol::Http, &endpoint, None);
        let mut connection = Connection::new(connect, Duration::ZERO);
        for requests in 1..=3 {
            assert!(accepted(&connection.send(b"").unwrap()));
            assert_eq!(count.load(Ordering::SeqCst), requests);
        }
    }

    #[test]
    fn it_says_when_nobody_answers() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let endpoint = format!("http://{}/v1/traces", gone.unwrap());
        let connect = || Client::connect(Protocol::Http, &endpoint, None);
        let mut connection = Connection::new(connect, IDLE);
        let error = connection.open().unwrap_err();
        assert!(format!("{error:#}").contains("cannot connect"), "{error:#}");
    }
}
