//! Load as a step, in the foreground or beside the next steps.

use kubsets_kube::with_causes;
use std::time::Duration;

use kubsets_lab::operation::Load;
use kubsets_lab::plan::PlannedStep;
use kubsets_load::{Generator, LoadReport, LoadSpec, Running, Spread, Target, Tick, Validity};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ClusterStage;
use crate::event::{LabEvent, LabEvents, LoadTick};
use crate::stage::StepError;

/// Time for requests under way once no more are planned.
const DRAIN: Duration = Duration::from_secs(2);

/// A load beside the next steps.
pub(super) enum BackgroundLoad {
    /// It goes on.
    Running {
        /// Ends it.
        stop: CancellationToken,
        /// Brings its report.
        task: JoinHandle<Result<Value, StepError>>,
    },
    /// A wait has seen its end and this report.
    Ended(Value),
}

impl ClusterStage<'_> {
    /// Sends load. In the background the result comes from a wait for its end.
    pub(super) async fn load(&self, step: &PlannedStep, load: &Load) -> Result<Value, StepError> {
        let address = self.address(load.service.as_deref(), load.port).await?;
        let name = step.name.clone();
        let spec = spec(load, &address.url);
        let length = load.length();
        let running =
            Generator::start(spec).await.map_err(|error| StepError::Invalid(with_causes(&error)))?;
        let stop = CancellationToken::new();
        let (events, token) = (self.events.clone(), stop.clone());
        let load_name = name.clone();
        let work = async move {
            let report = watch(running, load_name, length, events, token).await;
            // A forward stays open for as long as requests go there.
            drop(address);
            report
        };
        if !load.background {
            return work.await;
        }
        let task = tokio::spawn(work);
        self.loads.lock().await.insert(name, BackgroundLoad::Running { stop, task });
        Ok(Value::Null)
    }

    /// The report of a load in the background; `None` while it runs.
    pub(super) async fn finished(&self, name: &str) -> Result<Option<Value>, StepError> {
        let mut loads = self.loads.lock().await;
        match loads.remove(name) {
            None => Err(StepError::Invalid(format!("no load {name} runs in the background"))),
            Some(BackgroundLoad::Running { task, .. }) if task.is_finished() => {
                let report = task.await.map_err(|error| StepError::Cluster(error.to_string()))??;
                loads.insert(name.to_owned(), BackgroundLoad::Ended(report.clone()));
                Ok(Some(report))
            }
            Some(load) => {
                let report =
                    if let BackgroundLoad::Ended(report) = &load { Some(report.clone()) } else { None };
                loads.insert(name.to_owned(), load);
                Ok(report)
            }
        }
    }

    /// Ends every load that is still running.
    pub(super) async fn end_loads(&self) {
        let loads = std::mem::take(&mut *self.loads.lock().await);
        for (_, load) in loads {
            if let BackgroundLoad::Running { stop, task } = load {
                stop.cancel();
                let _ = task.await;
            }
        }
    }
}

fn spec(load: &Load, base: &str) -> LoadSpec {
    let mut target = Target::get(format!("{base}{}", load.path));
    target.method.clone_from(&load.method);
    target.headers = load.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    target.body = load.body.clone().unwrap_or_default();
    let mut spec = LoadSpec::new(target.url.clone(), load.rate.schedule());
    spec.targets = vec![target];
    spec.connections = load.connections;
    spec.timeout = load.timeout.0;
    spec.drain = Some(DRAIN);
    spec.duration = Some(load.length());
    spec.limits.duration = load.length();
    spec.limits.rate = spec.limits.rate.max(load.rate.peak());
    // The address is that of the cluster that the user named, not of a stranger.
    spec.vouch_for(base);
    spec
}

/// Tells every second, then gives the report.
async fn watch(
    mut running: Running,
    name: String,
    length: Duration,
    events: LabEvents,
    stop: CancellationToken,
) -> Result<Value, StepError> {
    let mut ticks = running.ticks();
    let end = tokio::time::sleep(length + DRAIN + Duration::from_secs(10));
    tokio::pin!(end);
    let mut trouble = Vec::new();
    let early = loop {
        tokio::select! {
            tick = ticks.next() => match tick {
                Some(tick) => {
                    let seen = seen(&name, &tick);
                    trouble.push(seen.failed > 0);
                    events.emit(LabEvent::Load(seen));
                }
                None => break false,
            },
            () = stop.cancelled() => break true,
            () = &mut end => break true,
        }
    };
    let report = if early { running.stop().await } else { running.wait().await };
    let report = report.map_err(|error| StepError::Cluster(with_causes(&error)))?;
    believed(&report.validity)?;
    Ok(summary(&report, &trouble))
}

/// Figures of a generator that was the trouble itself say nothing about the server.
fn believed(validity: &Validity) -> Result<(), StepError> {
    if validity.valid {
        return Ok(());
    }
    Err(StepError::Inconclusive(format!("the load says nothing: {}", validity.reasons.join("; "))))
}

fn seen(name: &str, tick: &Tick) -> LoadTick {
    let corrected = tick.corrected();
    let millis = |quantile: f64| corrected.quantile(quantile).map(|d| d.as_secs_f64() * 1e3);
    LoadTick {
        load: name.to_owned(),
        second: tick.second,
        planned: tick.planned,
        ok: tick.ok,
        failed: tick.failed + tick.timed_out,
        never_sent: tick.never_sent,
        in_flight: tick.in_flight,
        p50_ms: millis(0.5),
        p99_ms: millis(0.99),
        spread: Spread::of(&corrected),
    }
}

/// A report in the fields that expressions use.
fn summary(report: &LoadReport, trouble: &[bool]) -> Value {
    let counts = &report.accounting;
    let percentiles = &report.total.corrected;
    let availability = if counts.planned == 0 { 1.0 } else { counts.ok as f64 / counts.planned as f64 };
    let longest = trouble.split(|failed| !failed).map(<[bool]>::len).max().unwrap_or(0);
    json!({
        "planned": counts.planned,
        "ok": counts.ok,
        "failed": counts.planned - counts.ok,
        "errors": counts.failed,
        "timedOut": counts.timed_out,
        "neverSent": counts.never_sent,
        "availability": availability,
        "errorRate": 1.0 - availability,
        "okPerSecond": report.ok_per_s,
        "p50Ms": percentiles.p50,
        "p90Ms": percentiles.p90,
        "p99Ms": percentiles.p99,
        "maxMs": percentiles.max,
        "intervals": {"p50Ms": interval(report, 0.5), "p99Ms": interval(report, 0.99)},
        "secondsWithFailures": trouble.iter().filter(|failed| **failed).count(),
        "longestOutageSeconds": longest,
        "valid": report.is_valid(),
        "invalidReasons": report.validity.reasons,
        "identity": report.identity,
        "summary": format!("{} of {} ok, p99 {:.1} ms", counts.ok, counts.planned, percentiles.p99),
    })
}

/// Both ends of the 95 % interval of a percentile; `null` for one that the requests do not bound.
fn interval(report: &LoadReport, share: f64) -> [Value; 2] {
    let ends = report.total.interval(share).map_or([f64::NAN; 2], |interval| [interval.low, interval.high]);
    ends.map(|end| serde_json::Number::from_f64(end).map_or(Value::Null, Value::Number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_cannot_be_believed_is_inconclusive() {
        let mut validity =
            Validity { valid: true, reasons: Vec::new(), warnings: vec!["3 never sent".into()] };
        believed(&validity).unwrap();
        validity.valid = false;
        validity.reasons = vec!["the generator itself stood still for 2.00 s around second 4".into()];
        let error = believed(&validity).unwrap_err();
        assert!(matches!(error, StepError::Inconclusive(_)), "{error:?}");
        let expected = "the load says nothing: the generator itself stood still for 2.00 s around second 4";
        assert_eq!(error.to_string(), expected);
    }
}
