//! Images that the nodes of a cluster have.

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};

use crate::access::Access;

/// Label and value of nodes that pull no image: those of our native clusters.
pub const CLOSED_NODE: (&str, &str) = ("kubsets.dev/provider", "native");

/// Images that a kubelet lists by default; a longer list is cut off.
const MOST_LISTED: usize = 50;

/// What is known of the images on the nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeImages {
    /// Their names.
    pub names: Vec<String>,
    /// Whether these are all: not where nodes may not be read or list only a part of theirs.
    pub complete: bool,
    /// Whether the nodes take no image but those that are brought to them.
    pub closed: bool,
}

impl NodeImages {
    /// Asks the nodes; where they may not be read nothing is known.
    pub async fn read(access: &Access) -> Self {
        let nodes = Api::<Node>::all(access.client()).list(&ListParams::default()).await;
        Self::of(nodes.map(|list| list.items).unwrap_or_default())
    }

    fn of(nodes: Vec<Node>) -> Self {
        let (label, value) = CLOSED_NODE;
        let is_closed = |node: &Node| {
            let labels = node.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get(label)).is_some_and(|found| found == value)
        };
        let closed = !nodes.is_empty() && nodes.iter().all(is_closed);
        let (mut names, mut complete) = (Vec::new(), true);
        for node in nodes {
            let listed = node.status.and_then(|status| status.images).unwrap_or_default();
            complete &= listed.len() < MOST_LISTED;
            names.extend(listed.into_iter().flat_map(|image| image.names.unwrap_or_default()));
        }
        names.sort_unstable();
        names.dedup();
        Self { complete: complete && !names.is_empty(), names, closed }
    }

    /// Whether an image is on a node.
    pub fn have(&self, image: &str) -> bool {
        // nodes write the registry out that is left out in short names
        let full = [image.to_owned(), format!("docker.io/{image}"), format!("docker.io/library/{image}")];
        self.names.iter().any(|name| full.contains(name))
    }

    /// Whether it is known that an image is on no node.
    pub fn lack(&self, image: &str) -> bool {
        self.complete && !self.have(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(label: &str, images: &[&str]) -> Node {
        let images: Vec<_> = images.iter().map(|name| json!({"names": [name]})).collect();
        let node = json!({"metadata": {"labels": {CLOSED_NODE.0: label}}, "status": {"images": images}});
        serde_json::from_value(node).expect("is a node")
    }

    #[test]
    fn an_image_is_lacking_where_no_node_has_it() {
        let images =
            NodeImages::of(vec![node("native", &["docker.io/library/nginx:1"]), node("native", &["r/a:1"])]);
        assert!(images.closed);
        for there in ["nginx:1", "r/a:1"] {
            assert!(!images.lack(there), "{there}");
        }
        assert!(images.lack("r/a:2"));
        assert!(!NodeImages::of(vec![node("native", &[]), node("", &[])]).closed);
    }

    #[test]
    fn nothing_is_lacking_where_the_list_is_cut_off_or_unread() {
        let all: Vec<String> = (0..MOST_LISTED).map(|i| format!("r/a:{i}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let cut_off = NodeImages::of(vec![node("", &all), node("", &["r/b:1"])]);
        assert!(cut_off.have("r/a:7") && cut_off.have("r/b:1") && !cut_off.lack("r/c:1"));
        assert!(NodeImages::of(vec![node("", &all[1..])]).lack("r/c:1"));
        assert!(!NodeImages::of(Vec::new()).lack("r/c:1") && !NodeImages::of(Vec::new()).closed);
    }
}
