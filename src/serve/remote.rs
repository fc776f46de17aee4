//! Remote sampling beside the doors: the file of strategies is read anew when it has changed, and shares are adapted.

use clew_collector::remote::RemoteSampling;
use metrics::counter;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::{RemoteConfig, read_strategies};

/// What `config` asks for.
pub(super) fn sampling(config: &RemoteConfig) -> RemoteSampling {
    let adaptive = config.adaptive.then_some(config.options);
    RemoteSampling::new(config.strategies.clone(), adaptive)
}

/// Keeps `remote` up to date for as long as the task runs.
pub(super) async fn run(remote: RemoteSampling, config: RemoteConfig) {
    tokio::join!(reload(&remote, &config), adapt(&remote, &config));
}

async fn adapt(remote: &RemoteSampling, config: &RemoteConfig) {
    if !config.adaptive {
        return;
    }
    let mut last = Instant::now();
    let mut ticks = interval_at(last + config.interval, config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        remote.adapt(now.duration_since(last));
        last = now;
    }
}

async fn reload(remote: &RemoteSampling, config: &RemoteConfig) {
    let (Some(path), Some(every)) = (&config.strategy_file, config.reload_interval) else {
        return;
    };
    // What stood in the file is compared, not its time: the configuration may have been read long before this task begins.
    let mut known = Ok(config.strategies.clone());
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let owned = path.clone();
        // The panic hook has told why, if there is no answer.
        let Ok(found) = spawn_blocking(move || read_strategies(&owned)).await else {
            continue;
        };
        if found == known {
            continue;
        }
        match &found {
            Ok(strategies) => {
                let services = strategies.service_count();
                tracing::info!(path = %path.display(), services, "read the strategies of remote sampling anew");
                count("read");
                remote.set_strategies(strategies.clone());
            }
            Err(why) => {
                tracing::error!(path = %path.display(), why, "the strategies of remote sampling make no sense; what held before goes on");
                count("refused");
            }
        }
        known = found;
    }
}

fn count(outcome: &'static str) {
    counter!("clew_remote_sampling_reloads_total", "outcome" => outcome).increment(1);
}
