//! Who answers: a running server, or a data directory that no server uses, through the same routes.

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use clap::Args;
use clew_storage::Store;
use http::header::{ACCEPT, CONTENT_TYPE, TE};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use super::Failure;
use super::data::{DataArgs, open_stopped, running_server};
use super::server::CredentialArgs;
use crate::client::{Answer, Call, Client, Url};
use crate::config::Loaded;
use crate::serve::query_service;

/// Where a server is looked for when nothing says where.
const DEFAULT_URL: &str = "http://127.0.0.1:16686";

/// Longest wait for an answer; the server's own limit is shorter.
const TIMEOUT: std::time::Duration = std::time::Duration::from_hours(1);

/// Path of the SQL API.
const PATH: &str = "/api/sql";

/// Who is to answer.
#[derive(Debug, Clone, Args)]
pub(super) struct SourceArgs {
    /// Ask the server at this address
    #[arg(long, value_name = "URL", env = "CLEW_URL", help_heading = "Server")]
    url: Option<Url>,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Who answers.
pub(super) enum Source {
    /// A server.
    Server(Client),
    /// A directory, held until [`Source::close`].
    Directory(Box<(Router, Store)>),
}

impl Source {
    /// The one that the arguments mean; see the help of the command.
    pub(super) async fn open(args: &SourceArgs) -> Result<Self, Failure> {
        if let Some(url) = &args.url {
            return Ok(Self::Server(client(args, url)?));
        }
        let loaded = args.data.load()?;
        if let Some(client) = running_server(&loaded).await? {
            return Ok(Self::Server(client));
        }
        if args.data.is_given() || Store::is_in(&loaded.config.data_dir) {
            return Ok(directory(&loaded)?);
        }
        let url = DEFAULT_URL.parse().expect("a constant address");
        let mut client = client(args, &url)?;
        client
            .connect()
            .await
            .context("no data directory is named, and no server was found at the usual port")?;
        Ok(Self::Server(client))
    }

    /// Asks a statement; the answer is of `media_type`.
    pub(super) async fn ask(
        &mut self,
        media_type: &'static str,
        statement: &str,
    ) -> anyhow::Result<Answer> {
        let body = json!({ "query": statement }).to_string();
        match self {
            Self::Server(client) => {
                let call = Call::post(PATH, "application/json", body)
                    .with(ACCEPT, media_type)
                    .with(TE, "trailers");
                client.call(&call).await
            }
            Self::Directory(open) => {
                let request = http::Request::post(PATH)
                    .header(CONTENT_TYPE, "application/json")
                    .header(ACCEPT, media_type)
                    .body(Body::from(body))
                    .context("the request cannot be made")?;
                answered(&open.0, request).await
            }
        }
    }

    /// Asks the API at `path`, with its query.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        match self {
            Self::Server(client) => client.call(&Call::get(path)).await,
            Self::Directory(open) => {
                let request = http::Request::get(path)
                    .body(Body::empty())
                    .context("the request cannot be made")?;
                answered(&open.0, request).await
            }
        }
    }

    /// Lets a directory go.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Self::Directory(open) = self {
            let store = open.1;
            store
                .close()
                .await
                .context("the data directory cannot be closed")?;
        }
        Ok(())
    }
}

async fn answered(router: &Router, request: http::Request<Body>) -> anyhow::Result<Answer> {
    let answer = router.clone().oneshot(request).await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.context("the result broke off")?;
    let mut headers = parts.headers;
    headers.extend(body.trailers().cloned().unwrap_or_default());
    Ok(Answer {
        status: parts.status,
        headers,
        body: body.to_bytes(),
    })
}

fn client(args: &SourceArgs, url: &Url) -> anyhow::Result<Client> {
    let token = args.credentials.token()?;
    Client::new(url, token, &args.credentials.trust(), TIMEOUT)
}

fn directory(loaded: &Loaded) -> anyhow::Result<Source> {
    let config = &loaded.config;
    let (store, _) = open_stopped(loaded)?;
    let router = clew_query::router(query_service(config, &store));
    Ok(Source::Directory(Box::new((router, store))))
}
