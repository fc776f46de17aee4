//! A client that leaves takes its statement with it. Nothing else could end the ones here: their time limit is days.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use clew_query::{QueryLimits, SqlLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Server;
use crate::support::spans::{batch, span};

const ENDLESS: &str =
    "SELECT count(*) FROM spans a, spans b, spans c, spans d, spans e WHERE a.name < e.name";

/// A server on which one statement can run and none can wait.
async fn server() -> Server {
    let server = Server::with_limits(QueryLimits {
        sql: SqlLimits {
            time: Duration::from_secs(1_000_000),
            running_max: 1,
            waiting_max: 0,
            ..SqlLimits::default()
        },
        ..QueryLimits::default()
    });
    let spans: Vec<_> = (1..=2_000)
        .map(|n| span("a", 1, n, &format!("op{n}"), n, 1))
        .collect();
    server.append(batch(&spans)).await;
    server
}

/// Asks until a statement is answered with `status`.
async fn until(server: &Server, status: StatusCode) {
    let asking = async {
        while server.sql("SELECT 1", "application/json").await.status != status {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asking)
        .await
        .unwrap();
}

/// A client whose endless statement runs.
async fn endless(server: &Server, address: SocketAddr) -> TcpStream {
    let request = format!(
        "POST /api/sql HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{ENDLESS}",
        ENDLESS.len()
    );
    loop {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 64];
        tokio::select! {
            () = until(server, StatusCode::SERVICE_UNAVAILABLE) => return client,
            // It is answered only when the question whether it runs had taken the one place.
            read = client.read(&mut answer) => assert_ne!(read.unwrap(), 0),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_the_connection_that_asked_for_it() {
    let server = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, server.router.clone()).into_future());
    let client = endless(&server, address).await;
    drop(client);
    until(&server, StatusCode::OK).await;
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_stays_gets_its_answer() {
    let server = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, server.router.clone()).into_future());
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "POST /api/sql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nSELECT 1";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"rows\":[[1]]"),
        "{answer}"
    );
    serving.abort();
}
