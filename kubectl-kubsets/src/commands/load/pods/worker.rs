//! What a pod does: waits for the common instant, sends its part, prints its report as one line.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use kubsets_load::{Generator, Parcel, Share};

use super::line::{Line, SILENCE, Said};
use crate::app::App;
use crate::commands::load::order::Order;
use crate::signals::Signals;
use crate::ui::{ExitCode, Failure};

/// Most that a pod may be late: more would shift its part against the others.
const LATE: Duration = Duration::from_millis(200);

/// Arguments of a pod.
#[derive(clap::Args, Debug)]
pub(crate) struct PodArgs {
    /// When all pods start, in milliseconds of Unix time
    #[arg(long)]
    start_unix_ms: u64,

    /// Number of pods
    #[arg(long)]
    pods: usize,

    /// Number of this pod, from 0
    #[arg(long, env = "JOB_COMPLETION_INDEX")]
    index: usize,

    /// File that says what the whole load is, in JSON
    #[arg(long)]
    order: PathBuf,
}

/// Runs the part of one pod.
///
/// # Errors
/// When the order cannot be read, the instant is over, the command is gone, or the generator fails.
pub(crate) async fn run(app: &App, args: &PodArgs) -> anyhow::Result<ExitCode> {
    let text = std::fs::read(&args.order)
        .with_context(|| format!("cannot read the order in {}", args.order.display()))?;
    let order: Order = serde_json::from_slice(&text).context("this is no order of a load")?;
    let spec = order.spec(Share { index: args.index, of: args.pods })?;
    spec.check()?;
    let (mut line, mut signals) = (Line::hear(std::io::stdin(), SILENCE), Signals::new()?);
    let pause = wait(args.start_unix_ms, SystemTime::now())?;
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        said = line.next() => return Err(early(said).into()),
        () = signals.next() => return Err(early(Said::Stop).into()),
    }
    let mut running = Generator::start(spec).await?;
    let mut stopping = false;
    let report = loop {
        tokio::select! {
            report = running.wait() => break report?,
            said = line.next() => match said {
                Said::Stop if stopping => {}
                Said::Stop => {
                    running.finish();
                    stopping = true;
                }
                Said::Nothing => {
                    running.abort().await?;
                    return Err(early(said).into());
                }
            },
            () = signals.next() => break running.abort().await?,
        }
    };
    app.ui.data(&format!("{}\n", serde_json::to_string(&Parcel::pack(report)?)?));
    Ok(ExitCode::Success)
}

/// Why a pod ends without a report.
fn early(said: Said) -> Failure {
    let text = match said {
        Said::Stop => "stopped before the common start".to_owned(),
        Said::Nothing => format!("no sign of life from the command for {} s", SILENCE.as_secs()),
    };
    Failure::new(ExitCode::Interrupted, text)
}

/// How long to wait for the common instant.
fn wait(start_unix_ms: u64, now: SystemTime) -> Result<Duration, Failure> {
    let start = UNIX_EPOCH + Duration::from_millis(start_unix_ms);
    match start.duration_since(now) {
        Ok(left) => Ok(left),
        Err(error) if error.duration() <= LATE => Ok(Duration::ZERO),
        Err(error) => Err(Failure::new(
            ExitCode::Timeout,
            format!("ready {:.1} s after the common start", error.duration().as_secs_f64()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_waits_for_the_start_or_gives_up() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        assert_eq!(wait(5000, at(3000)).expect("is early"), Duration::from_secs(2));
        assert_eq!(wait(5000, at(5100)).expect("is late enough to go"), Duration::ZERO);
        assert!(wait(5000, at(6000)).expect_err("is too late").to_string().contains("1.0 s after"));
    }
}
