//! Configuration files of a node's containerd, CNI and kubeadm.

use std::path::Path;

use serde_json::{Value, json};

use super::address::AddressPlan;
use super::cgroup;
use super::host::CNI_PLUGINS;
use super::state::{ClusterState, NodeState};

/// The name under which the control plane's images are known; no registry answers to it.
pub const IMAGE_REPOSITORY: &str = "registry.kubsets.local";
/// The tag of the pause image.
pub const PAUSE_TAG: &str = "3.10.2";
/// The tag of the etcd image.
pub const ETCD_TAG: &str = "3.6.10-0";
/// The label of every native node, by which anyone can tell that it pulls no image.
pub const NODE_LABEL: (&str, &str) = ("kubsets.dev/provider", "native");
/// Where containerd listens inside a node.
const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";

/// containerd's configuration (version 3).
pub fn containerd(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"version = 3
root = "{folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{IMAGE_REPOSITORY}/pause:{PAUSE_TAG}"

[plugins."io.containerd.cri.v1.runtime"]
  # a host without CAP_SYS_RESOURCE cannot lower oom_score_adj
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{CNI_PLUGINS}"]
  conf_dir = "{folder}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"#
    )
}

/// The light CNI: a link of its own for every pod, addresses of the node's own part of the pods' network.
/// On a bridge, packets between pods of one node would pass the rules of the Services only where the module
/// `br_netfilter` is loaded; few hosts have it, and it changes what their other bridges do.
pub fn cni(plan: AddressPlan, index: u8, folder: &Path) -> String {
    let list = json!({
        "cniVersion": "1.0.0",
        "name": "kubsets",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "dataDir": folder.join("cni-ipam"),
                    "ranges": [[{"subnet": plan.node_pods(index)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{list:#}\n")
}

/// kubeadm's configuration for the first node, as a stream of documents.
pub fn kubeadm_init(state: &ClusterState, plan: AddressPlan, folder: &Path) -> String {
    let address = plan.node(0).to_string();
    let node = &state.nodes[0];
    let init = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": address, "bindPort": 6443},
        "nodeRegistration": registration(state, node, plan, folder),
    });
    let cluster = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration",
        "kubernetesVersion": state.kubernetes,
        "clusterName": state.name.context(),
        "imageRepository": IMAGE_REPOSITORY,
        "encryptionAlgorithm": "ECDSA-P256",
        "controlPlaneEndpoint": format!("{address}:6443"),
        "networking": {"serviceSubnet": plan.services()},
        "dns": {"disabled": true},
        "etcd": {"local": {
            "imageTag": ETCD_TAG,
            "dataDir": folder.join("etcd"),
            // the page cache outlives a killed process; only the host's own crash could lose a write
            "extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}],
        }},
        "controllerManager": {"extraArgs": [
            {"name": "allocate-node-cidrs", "value": "false"},
            {"name": "flex-volume-plugin-dir", "value": "/var/lib/kubelet/volume-plugins"},
            // labs on node loss wait for this
            {"name": "node-monitor-grace-period", "value": "20s"},
        ]},
    });
    let kubelet = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        // hosts have swap, and they keep it
        "failSwapOn": false,
        "oomScoreAdj": 0,
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [plan.dns().to_string()],
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        // images come from archives only: a collected one could not be pulled again
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "1000h",
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        "serializeImagePulls": false,
        // the drain of our own pods takes longer than a shutdown of the host allows
        "shutdownGracePeriod": "0s",
    });
    let proxy = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": plan.pods(),
        // conntrack's size belongs to the host
        "conntrack": {"maxPerCore": 0},
    });
    [init, cluster, kubelet, proxy].map(|d| format!("{d:#}\n")).join("---\n")
}

/// kubeadm's configuration for a further node, which finds the cluster by `discovery`, a kubeconfig file.
pub fn kubeadm_join(
    state: &ClusterState,
    node: &NodeState,
    plan: AddressPlan,
    folder: &Path,
    token: &str,
) -> String {
    let join = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration",
        "discovery": {
            "file": {"kubeConfigPath": folder.join("discovery.conf")},
            "tlsBootstrapToken": token,
        },
        "nodeRegistration": registration(state, node, plan, folder),
    });
    format!("{join:#}\n")
}

fn registration(state: &ClusterState, node: &NodeState, plan: AddressPlan, folder: &Path) -> Value {
    json!({
        "name": node.name,
        "criSocket": CRI_SOCKET,
        "imagePullPolicy": "Never",
        "taints": [],
        "kubeletExtraArgs": [
            {"name": "node-ip", "value": plan.node(node.index).to_string()},
            {"name": "cgroup-root", "value": cgroup::node_group(&state.name, &node.name)},
            {"name": "resolv-conf", "value": folder.join("resolv.conf")},
            {"name": "node-labels", "value": format!("{}={}", NODE_LABEL.0, NODE_LABEL.1)},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClusterName;

    #[test]
    fn kubeadm_gets_the_cluster_s_addresses() {
        let name = ClusterName::default();
        let node = NodeState { index: 0, name: name.node(0), joined: false };
        let state = ClusterState {
            name,
            slot: 2,
            kubernetes: "v1.36.3".into(),
            initialised: false,
            nodes: vec![node],
        };
        let plan = state.addresses().unwrap();
        let text = kubeadm_init(&state, plan, Path::new("/x"));
        let documents: Vec<Value> = text.split("---\n").map(|d| serde_json::from_str(d).unwrap()).collect();
        assert_eq!(documents.len(), 4);
        assert_eq!(documents[0]["localAPIEndpoint"]["advertiseAddress"], "198.19.130.11");
        assert_eq!(documents[1]["networking"]["serviceSubnet"], "198.19.64.0/19");
        assert_eq!(documents[2]["clusterDNS"][0], "198.19.64.10");
        assert_eq!(documents[3]["clusterCIDR"], "198.18.128.0/18");
        assert_eq!(
            documents[0]["nodeRegistration"]["kubeletExtraArgs"][1]["value"],
            "/kubsets/kubsets/kubsets-control-plane"
        );
        let join = kubeadm_join(&state, &state.nodes[0], plan, Path::new("/x"), "t");
        for registered in [documents[0].clone(), serde_json::from_str(&join).unwrap()] {
            let label = &registered["nodeRegistration"]["kubeletExtraArgs"][3];
            assert_eq!(label, &json!({"name": "node-labels", "value": "kubsets.dev/provider=native"}));
        }
    }
}
