//! Judges a snapshot: pure, so that every kind of trouble has a test.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use kubsets_kube::{PodProblem, RolloutStatus, diagnose};
use serde_json::Value;

use super::gateway::gateway;
use super::jobs;
use super::model::{LogSource, NodeStatus, Part, Problem, Status};
use super::snapshot::{PLATFORM, Snapshot};

/// Workloads that the stack is made of, causes first.
const STACK: [(&str, &str); 5] = [
    ("StatefulSet", "postgres"),
    ("StatefulSet", "kafka"),
    ("Deployment", "demo-app"),
    ("Deployment", "worker"),
    ("DaemonSet", "node-agent"),
];

/// Ranks of problems: what others depend on comes first.
mod rank {
    pub(super) const NODE: u8 = 0;
    pub(super) const STACK_MISSING: u8 = 1;
    pub(super) const PLATFORM: u8 = 2;
    pub(super) const CLAIM: u8 = 8;
    pub(super) const STACK: u8 = 10;
}

pub(super) fn assess(snapshot: &Snapshot, now: jiff::Timestamp) -> Status {
    let mut problems = Vec::new();
    let nodes = nodes(snapshot, &mut problems);
    let mut platform = Vec::new();
    let mut stack = Vec::new();
    for (kind, workload) in &snapshot.workloads {
        let namespace = workload.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let ours = namespace == snapshot.namespace;
        let rank = rank_of(snapshot, kind, workload, namespace);
        let part = judge_workload(snapshot, kind, workload, namespace, rank, &mut problems);
        if ours { stack.push((rank, part)) } else { platform.push((rank, part)) }
    }
    if snapshot.stack_exists {
        missing(snapshot, &mut problems);
        claims(snapshot, &mut problems);
        jobs::migrator(snapshot, &mut stack, &mut problems);
        jobs::heartbeat(snapshot, now, &mut stack, &mut problems);
        gateway(snapshot, &mut stack, &mut problems);
    } else {
        problems.push(Problem {
            object: format!("Namespace {}", snapshot.namespace),
            namespace: snapshot.namespace.clone(),
            reason: "the demo stack is not installed".to_owned(),
            look: "kubectl kubsets up".to_owned(),
            last_log: None,
            rank: rank::STACK_MISSING,
            logs: None,
        });
    }
    problems.sort_by(|a, b| (a.rank, &a.object).cmp(&(b.rank, &b.object)));
    Status {
        healthy: problems.is_empty(),
        summary: summary(&problems),
        context: snapshot.context.clone(),
        server: snapshot.server.clone(),
        kubernetes: snapshot.kubernetes.clone(),
        namespace: snapshot.namespace.clone(),
        checked_at: now,
        nodes,
        platform: sorted(platform),
        stack: sorted(stack),
        problems,
    }
}

fn sorted(mut parts: Vec<(u8, Part)>) -> Vec<Part> {
    parts.sort_by(|(a, left), (b, right)| (a, &left.name).cmp(&(b, &right.name)));
    parts.into_iter().map(|(_, part)| part).collect()
}

fn summary(problems: &[Problem]) -> String {
    match problems {
        [] => "healthy".to_owned(),
        [one] => format!("1 problem: {}: {}", one.object, one.reason),
        [first, ..] => format!("{} problems, first {}: {}", problems.len(), first.object, first.reason),
    }
}

fn nodes(snapshot: &Snapshot, problems: &mut Vec<Problem>) -> Vec<NodeStatus> {
    let mut nodes = Vec::new();
    for node in &snapshot.nodes {
        let name = node.metadata.name.clone().unwrap_or_default();
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let is_ready = ready.is_some_and(|condition| condition.status == "True");
        if !is_ready {
            let why = ready
                .and_then(|condition| condition.message.clone())
                .unwrap_or_else(|| "no word from it".to_owned());
            problems.push(Problem {
                object: format!("Node {name}"),
                namespace: String::new(),
                reason: format!("not ready: {why}"),
                look: format!("kubectl describe node {name}"),
                last_log: None,
                rank: rank::NODE,
                logs: None,
            });
        }
        nodes.push(NodeStatus { ready: is_ready, roles: roles(node), address: address(node), name });
    }
    nodes
}

fn roles(node: &Node) -> String {
    const PREFIX: &str = "node-role.kubernetes.io/";
    let labels = node.metadata.labels.iter().flatten();
    let roles: Vec<&str> = labels.filter_map(|(key, _)| key.strip_prefix(PREFIX)).collect();
    if roles.is_empty() { "worker".to_owned() } else { roles.join(", ") }
}

fn address(node: &Node) -> String {
    let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    addresses
        .into_iter()
        .find(|one| one.type_ == "InternalIP")
        .map(|one| one.address.clone())
        .unwrap_or_default()
}

fn rank_of(snapshot: &Snapshot, kind: &str, workload: &Value, namespace: &str) -> u8 {
    if namespace != snapshot.namespace {
        return rank::PLATFORM + PLATFORM.iter().position(|name| *name == namespace).unwrap_or(4) as u8;
    }
    let name = workload.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    rank::STACK + 2 * STACK.iter().position(|one| *one == (kind, name)).unwrap_or(STACK.len()) as u8
}

fn judge_workload(
    snapshot: &Snapshot,
    kind: &str,
    workload: &Value,
    namespace: &str,
    rank: u8,
    problems: &mut Vec<Problem>,
) -> Part {
    let rollout = RolloutStatus::of(workload);
    let name = workload.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let troubled = snapshot.pods.iter().filter(|pod| belongs(pod, workload, namespace)).find_map(diagnose);
    if !rollout.done {
        let object = format!("{kind} {name}");
        problems.push(match &troubled {
            Some(problem) => of_pod(object, namespace, problem, rank),
            None => Problem {
                look: format!("kubectl -n {namespace} describe {} {name}", kind.to_lowercase()),
                object,
                namespace: namespace.to_owned(),
                reason: rollout.message.clone(),
                last_log: None,
                rank,
                logs: None,
            },
        });
    }
    Part {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        healthy: rollout.done,
        state: format!("{}/{}", rollout.ready, rollout.desired),
        version: version(workload),
        detail: if rollout.done { String::new() } else { rollout.message },
        name,
    }
}

/// True where the workload's selector matches the pod.
fn belongs(pod: &Pod, workload: &Value, namespace: &str) -> bool {
    let selector = workload.pointer("/spec/selector/matchLabels").cloned().unwrap_or_default();
    let selector: BTreeMap<String, String> = serde_json::from_value(selector).unwrap_or_default();
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    pod.metadata.namespace.as_deref() == Some(namespace)
        && !selector.is_empty()
        && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn version(workload: &Value) -> Option<String> {
    let label = |path: &str| workload.pointer(path).and_then(Value::as_str).map(str::to_owned);
    label("/spec/template/metadata/labels/app.kubernetes.io~1version")
        .or_else(|| label("/metadata/labels/app.kubernetes.io~1version"))
        .or_else(|| {
            let image = label("/spec/template/spec/containers/0/image")?;
            image.rsplit_once(':').map(|(_, tag)| tag.to_owned())
        })
}

/// A problem of a pod, with where to look.
pub(super) fn of_pod(object: String, namespace: &str, problem: &PodProblem, rank: u8) -> Problem {
    let (look, logs) = match problem {
        PodProblem::Crashing { pod, container, .. } => (
            format!("kubectl -n {namespace} logs {pod} -c {container} --previous"),
            Some(LogSource { pod: pod.clone(), container: Some(container.clone()), previous: true }),
        ),
        PodProblem::NotReady { pod, container } => (
            format!("kubectl -n {namespace} describe pod {pod}"),
            Some(LogSource { pod: pod.clone(), container: Some(container.clone()), previous: false }),
        ),
        PodProblem::Image { pod, .. }
        | PodProblem::NoCapacity { pod, .. }
        | PodProblem::Config { pod, .. } => (format!("kubectl -n {namespace} describe pod {pod}"), None),
    };
    Problem {
        object,
        namespace: namespace.to_owned(),
        reason: problem.to_string(),
        look,
        last_log: None,
        rank,
        logs,
    }
}

fn missing(snapshot: &Snapshot, problems: &mut Vec<Problem>) {
    for (position, (kind, name)) in STACK.iter().enumerate() {
        let there = snapshot.workloads.iter().any(|(found, workload)| {
            found == kind
                && workload.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
                && workload.pointer("/metadata/namespace").and_then(Value::as_str)
                    == Some(&*snapshot.namespace)
        });
        if !there {
            problems.push(Problem {
                object: format!("{kind} {name}"),
                namespace: snapshot.namespace.clone(),
                reason: "missing".to_owned(),
                look: "kubectl kubsets up".to_owned(),
                last_log: None,
                rank: rank::STACK + 2 * position as u8,
                logs: None,
            });
        }
    }
}

fn claims(snapshot: &Snapshot, problems: &mut Vec<Problem>) {
    for claim in &snapshot.claims {
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        if phase != "Bound" {
            let name = claim.metadata.name.clone().unwrap_or_default();
            problems.push(Problem {
                look: format!("kubectl -n {} describe pvc {name}", snapshot.namespace),
                object: format!("PersistentVolumeClaim {name}"),
                namespace: snapshot.namespace.clone(),
                reason: format!("{}: no volume yet", phase.to_lowercase()),
                last_log: None,
                rank: rank::CLAIM,
                logs: None,
            });
        }
    }
}

#[cfg(test)]
mod tests;
