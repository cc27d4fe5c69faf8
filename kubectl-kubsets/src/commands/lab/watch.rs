//! The live picture of a lab, which a canary that is a run of its own is too, and the pods that it shows.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kubsets_engine::LabRecord;
use kubsets_kube::Access;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::ui::ago;
use crate::ui::tui::{self, End, LabFacts, LabNews, LabView, PodLine};

/// Time between two looks at the pods.
const PODS_EVERY: Duration = Duration::from_secs(2);

/// Shows the picture until the events end or the user leaves.
pub(crate) async fn watch(
    app: &App,
    access: &Access,
    lab: &str,
    mut events: UnboundedReceiver<LabRecord>,
    (cancel, leave): (&CancellationToken, &CancellationToken),
) {
    let (news, feed) = unbounded_channel();
    let looking = tokio::spawn(look(access.clone(), news.clone()));
    // The picture ends when nobody can send news any more: with the events the look at the pods ends too.
    let handing = tokio::spawn(async move {
        while let Some(record) = events.recv().await {
            if news.send(LabNews::Record(Box::new(record))).is_err() {
                break;
            }
        }
        looking.abort();
    });
    let facts = LabFacts { context: access.facts().context.clone(), lab: lab.to_owned() };
    match tui::show(LabView::new(facts), feed, cancel.clone(), app.ui.style()).await {
        Ok(End::Finished) => {}
        Ok(End::Left) => leave.cancel(),
        // The run goes on: only its picture is lost.
        Err(error) => app.ui.warn(format!("the live picture cannot be drawn: {error}")),
    }
    // Ends by itself with the next event, for nobody listens; the run goes on meanwhile.
    drop(handing);
}

/// Sends the pods of the namespace again and again, as long as somebody listens.
async fn look(access: Access, news: UnboundedSender<LabNews>) {
    let api: Api<Pod> = Api::namespaced(access.client(), access.namespace());
    loop {
        // A look that fails leaves the last one in sight; the steps tell what is wrong with the cluster.
        if let Ok(list) = api.list(&ListParams::default()).await {
            let now = jiff::Timestamp::now();
            let pods = list.items.iter().map(|pod| describe(pod, now)).collect();
            if news.send(LabNews::Pods(pods)).is_err() {
                return;
            }
        }
        tokio::time::sleep(PODS_EVERY).await;
    }
}

/// A pod in one line.
fn describe(pod: &Pod, now: jiff::Timestamp) -> PodLine {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let waiting = containers
        .iter()
        .filter_map(|one| one.state.as_ref()?.waiting.as_ref()?.reason.clone())
        .find(|reason| reason != "ContainerCreating" && reason != "PodInitializing");
    let leaving = pod.metadata.deletion_timestamp.is_some().then(|| "Terminating".to_owned());
    let created = pod.metadata.creation_timestamp.as_ref();
    PodLine {
        name: pod.metadata.name.clone().unwrap_or_default(),
        ready: containers.iter().filter(|one| one.ready).count(),
        containers: pod.spec.as_ref().map_or(0, |spec| spec.containers.len()),
        state: leaving.or(waiting).or(status.phase).unwrap_or_else(|| "Unknown".to_owned()),
        restarts: containers.iter().map(|one| one.restart_count).sum(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        age: created.map(|time| ago(time.0, now).trim_end_matches(" ago").to_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_says_what_is_wrong_with_it() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "demo-app-1", "creationTimestamp": "2026-01-01T12:00:00Z"},
            "spec": {"nodeName": "worker-1", "containers": [{"name": "app"}, {"name": "side"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "app", "ready": false, "restartCount": 4, "image": "", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
                {"name": "side", "ready": true, "restartCount": 1, "image": "", "imageID": "",
                 "state": {"running": {}}}]}
        }))
        .expect("is a pod");
        let line = describe(&pod, "2026-01-01T12:01:30Z".parse().expect("is a time"));
        assert_eq!((line.ready, line.containers, line.restarts), (1, 2, 5));
        assert_eq!((line.state.as_str(), line.age.as_str()), ("CrashLoopBackOff", "1m 30s"));
        let mut leaving = pod;
        leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
        assert_eq!(describe(&leaving, jiff::Timestamp::now()).state, "Terminating");
    }
}
