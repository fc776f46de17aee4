//! `clew demo`.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use clew_storage::env::Env;
use indicatif::ProgressBar;

use super::server::CredentialArgs;
use super::{Failure, Misuse, Outcome, say};
use crate::client::{Client, Url};
use crate::config::parse_duration;
use crate::demo::Demo;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Flags of `clew demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Visits to the shop [default: on and on, until it is stopped]
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    /// Visits per second
    #[arg(long, value_name = "NUMBER", default_value_t = 5.0)]
    rate: f64,
    /// Spread --count visits over this time before now and send them at once, such as 6h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "count")]
    over: Option<Duration>,
    /// Where OTLP goes
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4318",
        help_heading = "Server"
    )]
    otlp_url: Url,
    #[command(flatten)]
    credentials: CredentialArgs,
}

/// Runs the command.
pub(super) async fn run(args: DemoArgs) -> Result<Outcome, Failure> {
    if !(args.rate > 0.0 && args.rate <= 1_000.0) {
        return Err(Misuse(anyhow!("--rate is a number above 0 and up to 1000")).into());
    }
    let token = args.credentials.token().map_err(Misuse)?;
    let mut client = Client::new(&args.otlp_url, token, &args.credentials.trust(), TIMEOUT)?;
    let demo = Demo {
        count: args.count,
        rate: args.rate,
        over: args.over,
    };
    let bar = ProgressBar::new_spinner();
    let tell = |sent: crate::demo::Sent| {
        bar.set_message(format!(
            "{} visits, {} spans sent to {}",
            sent.visits, sent.spans, args.otlp_url.authority
        ));
        bar.tick();
    };
    let env = Env::system();
    let sending = demo.run(&mut client, &env, tell);
    let result = tokio::select! {
        result = sending => Some(result),
        _ = tokio::signal::ctrl_c() => None,
    };
    bar.finish_and_clear();
    if let Some(sent) = result.transpose()? {
        say(&format!(
            "sent {} visits, {} spans",
            sent.visits, sent.spans
        ));
    }
    Ok(Outcome::Done)
}
