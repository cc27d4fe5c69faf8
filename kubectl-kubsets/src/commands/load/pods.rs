//! `load --in-cluster`: the same generator in several pods that start together, and one report of all.

mod cluster;
mod job;
pub(crate) mod leftovers;
mod line;
mod worker;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kubsets_delivery::RunId;
use kubsets_load::{LoadReport, Share};
use tokio_util::sync::CancellationToken;

use self::cluster::Load;
pub(crate) use self::worker::{PodArgs, run as run_pod};
use super::order::Order;
use super::{Args, CHEAP_ROUTE, measure, refuse};
use crate::app::App;
use crate::platform::components;
use crate::report::{Environment, LoadPlan};
use crate::signals::Signals;
use crate::ui::{ExitCode, Failure, Risk, number_of};

/// Time for a pod to end and for its log to be there, after the last answer.
const GRACE: Duration = Duration::from_mins(1);

/// Runs the load in the cluster.
///
/// # Errors
/// When a value is wrong, a target is refused, or the pods do not do their work.
pub(super) async fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    if app.global.read_only {
        return Err(Failure::usage("`load --in-cluster` makes a Job, and --read-only forbids that").into());
    }
    let access = app.stack_access().await?;
    let inside = format!("http://demo-app.{}.svc{CHEAP_ROUTE}", access.namespace());
    let url = args.targets.is_none().then(|| args.url.clone().unwrap_or(inside));
    let mut order = Order::new(args, url)?;
    order.allow_cluster_names();
    let pods = usize::from(args.pods);
    for index in 0..pods {
        let part = Share { index, of: pods };
        order.spec(part)?.check().map_err(|error| refuse(&error.into()))?;
    }
    let image = components()?
        .into_iter()
        .find(|component| component.name == "cli")
        .and_then(|component| component.spec.images.first().map(|image| image.reference.clone()))
        .ok_or_else(|| anyhow::anyhow!("this build does not know the image of the component cli"))?;
    app.ui.message(access.facts().to_string());
    access.permit_namespace(access.namespace()).await?;
    let pods = number_of(pods, "pod");
    let question = format!("put load on {} from {pods} in {}", order.names(), access.namespace());
    app.ui.confirm(Risk::Moderate, &question)?;

    let longest = args.start_in + order.longest()?;
    let start = SystemTime::now() + args.start_in;
    let start_unix_ms = u64::try_from(start.duration_since(UNIX_EPOCH)?.as_millis())?;
    let run = RunId::generate();
    let order_text = serde_json::to_string(&order)?;
    let wanted = job::Wanted {
        run: run.as_str(),
        namespace: access.namespace(),
        image: &image,
        pods: args.pods,
        deadline: longest + GRACE,
        start_unix_ms,
        order: &order_text,
    };
    let load = Load::new(&access, job::job(&wanted), job::secret(&wanted))?;
    load.check_rights().await?;
    for left in leftovers::clear(&access, None, Duration::ZERO).await?.removed {
        app.ui.message(format!("removed the Job {left} that an earlier load left"));
    }
    let mut signals = Signals::new()?;
    load.create().await?;
    let step = app.ui.step(format!("{} from {pods}", order.names()));
    step.expect(longest);
    let (stop, limit) = (CancellationToken::new(), longest + GRACE);
    let mut collecting = std::pin::pin!(load.collect(args.pods, limit, &stop, |state| step.update(state)));
    let collected = loop {
        tokio::select! {
            reports = &mut collecting => break Some(reports),
            () = signals.next() => {
                // Before the start no pod has anything to report.
                if stop.is_cancelled() || SystemTime::now() < start {
                    break None;
                }
                app.ui.message("stopping; requests under way may end, press again to stop now");
                stop.cancel();
            }
        }
    };
    // The Job goes whatever came of it; should that fail, it goes by itself some minutes after its end.
    let removed = load.remove().await;
    let Some(reports) = collected else {
        removed?;
        return Ok(ExitCode::Interrupted);
    };
    let report = LoadReport::merge(reports?)
        .ok_or_else(|| Failure::new(ExitCode::Inconclusive, "no pod brought a report"))?;
    step.done(format!("{} ok of {}", report.accounting.ok, report.accounting.planned));
    if let Err(error) = removed {
        app.ui.warn(format!("the Job {} is still there and goes by itself: {error:#}", load.name()));
    }
    let plan = LoadPlan::new(&order.spec(Share::WHOLE)?, Some(args.pods));
    let here = Environment::here(&access).await;
    measure::finish(app, args, (plan, here), &report, Vec::new(), stop.is_cancelled())
}

impl Order {
    /// Names that only a cluster's DNS knows are meant when pods send: `web`, `web.shop.svc`, and so on.
    fn allow_cluster_names(&mut self) {
        self.allow_hosts.extend(["*.svc".to_owned(), "*.svc.cluster.local".to_owned()]);
        for target in &self.targets {
            let host = target.url.split("://").nth(1).and_then(|rest| rest.split(['/', ':', '?']).next());
            let single = host.filter(|host| !host.is_empty() && !host.contains(['.', '[', '@']));
            self.allow_hosts.extend(single.map(str::to_owned));
        }
    }

    fn names(&self) -> String {
        match self.targets.as_slice() {
            [one] => one.label(),
            several => format!("{} targets", several.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kubsets_load::Target;

    use super::*;

    #[test]
    fn names_of_the_cluster_are_allowed_and_no_others() {
        let text = r#"{"targets": [], "schedule": "1", "replay": null, "durationMs": 1000, "http2": false,
            "freshConnections": false, "connections": 1, "timeoutMs": 1000, "traceRatio": null,
            "insecure": false, "authorities": null, "allowHosts": [], "maxRate": null, "seed": 1}"#;
        let order: Order = serde_json::from_str(text).expect("is an order");
        for (url, allowed) in [
            ("http://web/", true),
            ("http://web:8080/x", true),
            ("http://web.shop.svc/", true),
            ("https://web.shop.svc.cluster.local/", true),
            ("http://web.shop/", false),
            ("http://example.org/", false),
            ("http://10.0.0.1/", false),
        ] {
            let mut order = order.clone();
            order.targets = vec![Target::get(url)];
            order.allow_cluster_names();
            assert_eq!(order.spec(Share::WHOLE).expect("is a spec").check().is_ok(), allowed, "{url}");
        }
    }
}
