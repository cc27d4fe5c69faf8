//! The components that `up` installs: what they are, what they need, how they are rendered and applied.
//!
//! A component is data in `platform/<name>/component.yaml`; this module is the only reader.

mod building;
mod images;
mod install;
mod journal;
mod provision;
mod render;
mod requests;
mod scratch;
mod survey;
mod upstream;

use anyhow::Context as _;
use kubsets_image::Recipe;
use serde::{Deserialize, Serialize};

use crate::assets;

pub(crate) use images::{ImageStore, PlatformParts};
use install::Installer;
pub(crate) use provision::{
    build_all, deploy, kubernetes_version, load_on_all, provision, try_out, withdraw,
};
use render::Renderer;
use requests::Requests;
use scratch::Scratch;
use upstream::Upstream;

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
    /// Where it comes from.
    pub(crate) upstream: Upstream,
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
    pub(crate) requests: Requests,
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

impl Install {
    /// Whether an installation makes objects of the component.
    fn has_objects(&self) -> bool {
        self.stack || self.helm.is_some() || self.kustomize.is_some() || !self.manifests.is_empty()
    }
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
        list.push(read(folder, &text).with_context(|| format!("platform/{path}"))?);
    }
    in_order(list)
}

/// Reads the file of the component with this folder.
fn read(folder: &str, text: &str) -> anyhow::Result<Component> {
    let file: ComponentFile = serde_saphyr::from_str(text)?;
    anyhow::ensure!(file.kind == "Component", "kind `{}` is not Component", file.kind);
    anyhow::ensure!(file.metadata.name == folder, "the name is not that of the folder");
    file.spec.upstream.check(&file.spec.version)?;
    Ok(Component { name: file.metadata.name, spec: file.spec })
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

    fn file(name: &str, spec: &str) -> String {
        format!(
            "{{apiVersion: kubsets.dev/v1alpha1, kind: Component, metadata: {{name: {name}}}, \
             spec: {{purpose: x, version: v2, {spec}}}}}"
        )
    }

    const UPSTREAM: &str = "upstream: {repository: 'https://example.com/a', version: v2}";
    const REQUESTS: &str = "requests: {cpu: 1m, memory: 1Mi}";

    #[test]
    fn a_file_without_origin_or_cost_or_with_another_version_is_refused() {
        read("a", &file("a", &format!("{UPSTREAM}, {REQUESTS}"))).unwrap();
        let behind = UPSTREAM.replace("v2", "v1");
        for (spec, told) in [
            (UPSTREAM.to_owned(), "missing field `requests`"),
            (REQUESTS.to_owned(), "missing field `upstream`"),
            (format!("{behind}, {REQUESTS}"), "`v1` is not the tag of version `v2`"),
            (format!("{}, {REQUESTS}", UPSTREAM.replace("https", "oci")), "it takes https://HOST/PATH"),
        ] {
            let error = format!("{:#}", read("a", &file("a", &spec)).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_circle_is_refused() {
        let one = |name: &str, need: &str| {
            read(name, &file(name, &format!("needs: [{need}], {UPSTREAM}, {REQUESTS}"))).unwrap()
        };
        let error = in_order(vec![one("a", "b"), one("b", "a")]).unwrap_err();
        assert!(error.to_string().contains("a, b"), "{error}");
    }
}
