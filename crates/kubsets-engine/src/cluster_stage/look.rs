//! The look at the pods of the namespace, as long as a run lasts.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kubsets_kube::Access;
use tokio::task::JoinHandle;

use crate::event::{LabEvent, LabEvents};
use crate::pods::{Known, PodSeen};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// The most pods that are looked at: a namespace with more would fill the record.
const MOST: u32 = 200;

/// A look that goes on until this is dropped.
pub(super) struct Look(JoinHandle<()>);

impl Look {
    /// Tells of the pods now, and of every change after that.
    pub(super) fn start(access: &Access, namespace: &str, events: &LabEvents) -> Self {
        Self::each(EVERY, access, namespace, events)
    }

    fn each(period: Duration, access: &Access, namespace: &str, events: &LabEvents) -> Self {
        let pods = Api::namespaced(access.client(), namespace);
        Self(tokio::spawn(look(period, pods, events.clone())))
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look(period: Duration, pods: Api<Pod>, events: LabEvents) {
    let mut known = Known::default();
    loop {
        // A look that fails leaves the last one standing; the steps tell what is wrong with the cluster.
        if let Ok(list) = pods.list(&ListParams::default().limit(MOST)).await
            && let Some(changes) = known.take(list.items.iter().map(PodSeen::from))
        {
            events.emit(LabEvent::Pods(changes));
        }
        tokio::time::sleep(period).await;
    }
}

#[cfg(test)]
mod tests {
    use kubsets_undo::FakeApi;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_change_is_told_once_until_the_run_is_over() {
        let api = FakeApi::default();
        let pod = |phase: &str| {
            json!({"metadata": {"name": "web-1", "namespace": "shop"}, "spec": {"containers": []},
                   "status": {"phase": phase}})
        };
        api.put("pods", pod("Pending"));
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let period = Duration::from_millis(2);
        let look = Look::each(period, &api.access(), "shop", &LabEvents::new(sender));
        let mut states = Vec::new();
        for phase in ["Running", "Failed"] {
            let LabEvent::Pods(changes) = told.recv().await.unwrap().event else { panic!("pods only") };
            states.extend(changes.changed.into_iter().map(|pod| pod.state));
            tokio::time::sleep(period * 10).await;
            assert!(told.try_recv().is_err(), "nothing has changed");
            api.put("pods", pod(phase));
        }
        assert_eq!(states, ["Pending", "Running"]);
        drop(look);
        while told.recv().await.is_some() {}
    }
}
