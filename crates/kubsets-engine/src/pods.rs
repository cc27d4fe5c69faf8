//! Pods of a run's namespace, as events tell them: what has changed from one look to the next.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};

/// A pod as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSeen {
    /// Name.
    pub name: String,
    /// Containers that are ready.
    pub ready: usize,
    /// Containers.
    pub containers: usize,
    /// Phase, or the reason why it is not well.
    pub state: String,
    /// Restarts of all containers.
    pub restarts: i32,
    /// Node; empty while it has none.
    pub node: String,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
}

impl PodSeen {
    /// Whether nothing is wrong with it.
    pub fn is_well(&self) -> bool {
        self.ready == self.containers || self.state == "Succeeded"
    }
}

impl From<&Pod> for PodSeen {
    fn from(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let waiting = containers
            .iter()
            .filter_map(|one| one.state.as_ref()?.waiting.as_ref()?.reason.clone())
            .find(|reason| reason != "ContainerCreating" && reason != "PodInitializing");
        let leaving = pod.metadata.deletion_timestamp.is_some().then(|| "Terminating".to_owned());
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            ready: containers.iter().filter(|one| one.ready).count(),
            containers: pod.spec.as_ref().map_or(0, |spec| spec.containers.len()),
            state: leaving.or(waiting).or(status.phase).unwrap_or_else(|| "Unknown".to_owned()),
            restarts: containers.iter().map(|one| one.restart_count).sum(),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()),
        }
    }
}

/// What is different from the look before; at the first look that is every pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodChanges {
    /// Pods that are new or not as they were.
    pub changed: Vec<PodSeen>,
    /// Names of those that are gone.
    pub gone: Vec<String>,
}

/// The pods as they were told last, by name.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, PodSeen>);

impl Known {
    /// Takes a look in; `None` when it shows nothing new.
    pub(crate) fn take(&mut self, seen: impl IntoIterator<Item = PodSeen>) -> Option<PodChanges> {
        let now: BTreeMap<String, PodSeen> = seen.into_iter().map(|pod| (pod.name.clone(), pod)).collect();
        let changed = now.values().filter(|pod| self.0.get(&pod.name) != Some(*pod)).cloned().collect();
        let gone = self.0.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        self.0 = now;
        let changes = PodChanges { changed, gone };
        (changes != PodChanges::default()).then_some(changes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_says_what_is_wrong_with_it() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "demo-app-1", "creationTimestamp": "2026-01-01T12:00:00Z"},
            "spec": {"nodeName": "worker-1", "containers": [{"name": "app"}, {"name": "side"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "app", "ready": false, "restartCount": 4, "image": "", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
                {"name": "side", "ready": true, "restartCount": 1, "image": "", "imageID": "",
                 "state": {"running": {}}}]}
        }))
        .unwrap();
        let seen = PodSeen::from(&pod);
        assert_eq!((seen.ready, seen.containers, seen.restarts), (1, 2, 5));
        assert_eq!((seen.state.as_str(), seen.is_well()), ("CrashLoopBackOff", false));
        assert_eq!(seen.created.as_deref(), Some("2026-01-01T12:00:00Z"));
        let mut leaving = pod;
        leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
        assert_eq!(PodSeen::from(&leaving).state, "Terminating");
    }

    #[test]
    fn only_what_changes_is_told() {
        let pod =
            |name: &str, ready| PodSeen { name: name.into(), ready, containers: 1, ..PodSeen::default() };
        let mut known = Known::default();
        let first = known.take([pod("a", 1), pod("b", 0)]).unwrap();
        assert_eq!((first.changed.len(), first.gone.len()), (2, 0));
        assert_eq!(known.take([pod("a", 1), pod("b", 0)]), None);
        let next = known.take([pod("b", 1), pod("c", 0)]).unwrap();
        assert_eq!(next.changed, [pod("b", 1), pod("c", 0)]);
        assert_eq!(next.gone, ["a"]);
        assert!(known.take([]).is_some() && known.take([]).is_none());
    }
}
