//! The components that `up` installs: what they are, what they need, how they are rendered and applied.
//!
//! A component is data in `platform/<name>/component.yaml`; this module is the only reader.

mod images;
mod install;
mod journal;
mod provision;
mod render;
mod survey;

use kubsets_image::Recipe;
use serde::{Deserialize, Serialize};

use crate::assets;

pub(crate) use images::{ImageStore, PlatformParts};
use install::Installer;
pub(crate) use provision::{
    build_all, deploy, kubernetes_version, load_on_all, provision, try_out, withdraw,
};
use render::Renderer;

/// A component as its file says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ComponentFile {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

/// What a component is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// What it is for, in one sentence.
    pub(crate) purpose: String,
    /// Its version.
    pub(crate) version: String,
    /// Components that must be there before it.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// Its images.
    #[serde(default)]
    pub(crate) images: Vec<Recipe>,
    /// How it gets into a cluster; none for what is there from the start.
    #[serde(default)]
    pub(crate) install: Install,
    /// What has rolled out when it is ready.
    #[serde(default)]
    pub(crate) ready: Vec<Ready>,
    /// What it asks of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<Requests>,
}

/// How a component gets into a cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    /// The namespace of its objects.
    #[serde(default)]
    pub(crate) namespace: String,
    /// Files beside the component's own.
    #[serde(default)]
    pub(crate) manifests: Vec<String>,
    /// A chart inside a Go module.
    #[serde(default)]
    pub(crate) helm: Option<Chart>,
    /// A Kustomize folder inside a Go module, as `upstream` of the component's own kustomization.
    #[serde(default)]
    pub(crate) kustomize: Option<Kustomization>,
    /// Its objects are among those of the demo stack.
    #[serde(default)]
    pub(crate) stack: bool,
}

/// A chart inside a Go module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    /// The module's path.
    pub(crate) module: String,
    /// The chart's folder inside the module.
    #[serde(rename = "chart")]
    pub(crate) path: String,
    /// The release's name.
    pub(crate) release: String,
    /// A values file beside the component's own.
    pub(crate) values: String,
}

/// A Kustomize folder inside a Go module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kustomization {
    /// The module's path.
    pub(crate) module: String,
    /// The folder inside the module.
    pub(crate) path: String,
}

/// A workload that has rolled out when its component is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ready {
    /// Its kind: `Deployment`, `StatefulSet`, `DaemonSet` or `Job`.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
}

/// What a component asks of the cluster, as Kubernetes quantities.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requests {
    /// CPU.
    pub(crate) cpu: String,
    /// Memory.
    pub(crate) memory: String,
}

/// A component by name.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// Its name, that of its folder.
    pub(crate) name: String,
    /// What it is.
    pub(crate) spec: Spec,
}

/// All components inside this binary, those that others need first.
///
/// # Errors
/// When a component's file is not of the form that we know; that is a defect of this build.
pub(crate) fn components() -> anyhow::Result<Vec<Component>> {
    let mut list = Vec::new();
    for path in assets::paths::<assets::Platform>() {
        let Some(folder) = path.strip_suffix("/component.yaml") else { continue };
        let text = assets::text::<assets::Platform>(&path).unwrap_or_default();
        let file: ComponentFile =
            serde_saphyr::from_str(&text).map_err(|e| anyhow::anyhow!("platform/{path}: {e}"))?;
        anyhow::ensure!(file.kind == "Component", "platform/{path}: kind `{}` is not Component", file.kind);
        anyhow::ensure!(file.metadata.name == folder, "platform/{path}: the name is not that of the folder");
        list.push(Component { name: file.metadata.name, spec: file.spec });
    }
    in_order(list)
}

/// Puts components behind those that they need; otherwise by name.
fn in_order(mut rest: Vec<Component>) -> anyhow::Result<Vec<Component>> {
    rest.sort_by(|a, b| a.name.cmp(&b.name));
    let mut ordered: Vec<Component> = Vec::new();
    while !rest.is_empty() {
        let done = |name: &String| ordered.iter().any(|c| c.name == *name);
        let Some(next) = rest.iter().position(|c| c.spec.needs.iter().all(done)) else {
            let names: Vec<_> = rest.iter().map(|c| c.name.as_str()).collect();
            anyhow::bail!("components need each other or something unknown: {}", names.join(", "));
        };
        ordered.push(rest.remove(next));
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_read_and_comes_after_its_needs() {
        let list = components().unwrap();
        let place = |name: &str| list.iter().position(|c| c.name == name);
        for component in &list {
            for need in &component.spec.needs {
                assert!(place(need) < place(&component.name), "{need} after {}", component.name);
            }
            for manifest in &component.spec.install.manifests {
                let path = format!("{}/{manifest}", component.name);
                assert!(assets::text::<assets::Platform>(&path).is_some(), "{path} is missing");
            }
        }
        for name in ["kubernetes", "coredns", "envoy-gateway", "demo-stack", "prometheus"] {
            assert!(place(name).is_some(), "{name} is missing");
        }
    }

    #[test]
    fn a_circle_is_refused() {
        let one = |name: &str, need: &str| Component {
            name: name.into(),
            spec: Spec {
                purpose: String::new(),
                version: String::new(),
                needs: vec![need.into()],
                images: Vec::new(),
                install: Install::default(),
                ready: Vec::new(),
                requests: None,
            },
        };
        let error = in_order(vec![one("a", "b"), one("b", "a")]).unwrap_err();
        assert!(error.to_string().contains("a, b"), "{error}");
    }
}
