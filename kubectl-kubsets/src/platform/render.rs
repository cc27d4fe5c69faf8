//! From component files to objects, with helm and kubectl as renderers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use kube::api::DynamicObject;
use kubsets_cluster::command::{HostRunner, Invocation, Runner as _};
use kubsets_kube::{MANAGED_BY, MANAGER, parse_documents, take_from};

use super::{Chart, Component, ImageStore, Kustomization, Scratch};
use crate::assets;
use crate::ui::{ExitCode, Failure};

/// Longest time for helm or kubectl to render; seconds are usual.
const RENDERING: Duration = Duration::from_mins(2);

/// The objects of a component.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    /// The component.
    pub(crate) component: Component,
    /// Its objects in install order.
    pub(crate) objects: Vec<DynamicObject>,
}

/// Renders components; keeps a scratch folder while it lives.
pub(crate) struct Renderer<'a> {
    store: &'a ImageStore,
    helm: PathBuf,
    kubectl: PathBuf,
    dns_service_ip: String,
    registry: Option<String>,
    scratch: Scratch,
}

impl<'a> Renderer<'a> {
    /// A renderer with its own helm and kubectl; `dns_service_ip` is where the cluster's nodes look for DNS,
    /// `registry` (`HOST/PREFIX`) where they get images that were not loaded onto them.
    ///
    /// # Errors
    /// When the programs cannot be had, or there is no place for the scratch folder.
    pub(crate) fn new(
        store: &'a ImageStore,
        dns_service_ip: String,
        registry: Option<String>,
    ) -> anyhow::Result<Self> {
        let programs = store.programs()?;
        let place = store.folder("scratch");
        let scratch = Scratch::below(&place)
            .with_context(|| format!("cannot make a scratch folder in {}", place.display()))?;
        Ok(Self { store, helm: programs.helm, kubectl: programs.kubectl, dns_service_ip, registry, scratch })
    }

    /// The objects of a component; those of the stack come from [`Self::stack`].
    ///
    /// # Errors
    /// What helm or kubectl say.
    pub(crate) fn component(&self, component: &Component) -> anyhow::Result<Rendered> {
        let install = &component.spec.install;
        let mut objects = Vec::new();
        if let Some(chart) = &install.helm {
            objects.extend(self.chart(component, chart)?);
        }
        if let Some(kustomization) = &install.kustomize {
            objects.extend(self.kustomization(component, kustomization)?);
        }
        for file in &install.manifests {
            let path = format!("{}/{file}", component.name);
            let text = assets::text::<assets::Platform>(&path)
                .with_context(|| format!("platform/{path} is missing"))?;
            let text = text.replace("{{ dns_service_ip }}", &self.dns_service_ip);
            objects.extend(parse_documents(&text).with_context(|| format!("platform/{path}"))?);
        }
        let objects = self.finish(objects)?;
        Ok(Rendered { component: component.clone(), objects })
    }

    /// The objects of the demo stack in one of its overlays.
    ///
    /// # Errors
    /// What kubectl says.
    pub(crate) fn stack(&self, overlay: &str) -> anyhow::Result<Vec<DynamicObject>> {
        let root = self.scratch.path().join("k8s");
        write_all::<assets::Stack>("", &root)?;
        self.finish(self.build(&root.join("overlays").join(overlay))?)
    }

    fn finish(&self, objects: Vec<DynamicObject>) -> anyhow::Result<Vec<DynamicObject>> {
        objects.into_iter().map(|object| finish(object, self.registry.as_deref())).collect()
    }

    fn chart(&self, component: &Component, chart: &Chart) -> anyhow::Result<Vec<DynamicObject>> {
        let source = self.store.module(&chart.module)?.join(&chart.path);
        let folder = self.scratch.path().join(&component.name);
        copy_tree(&source, &folder)?;
        let template = folder.join("values.tmpl.yaml");
        if template.exists() {
            // the chart's makers fill their own image in at release time; our values name ours
            let values = fs::read_to_string(&template)?;
            let values = values
                .replace("${GatewayImagePullPolicy}", "IfNotPresent")
                .replace("${GatewayImage}", "unset/unset:unset");
            fs::write(folder.join("values.yaml"), values)?;
        }
        let path = format!("{}/{}", component.name, chart.values);
        let values =
            assets::text::<assets::Platform>(&path).with_context(|| format!("platform/{path} is missing"))?;
        let values_file = self.scratch.path().join(format!("{}-values.yaml", component.name));
        fs::write(&values_file, values)?;
        let namespace = &component.spec.install.namespace;
        let call = program(&self.helm).args(["template", &chart.release, &text(&folder)]).args([
            "--namespace",
            namespace,
            "--include-crds",
            "--values",
            &text(&values_file),
        ]);
        let text = run(&call)?;
        parse_documents(&text).with_context(|| format!("the chart of {}", component.name))
    }

    fn kustomization(
        &self,
        component: &Component,
        from: &Kustomization,
    ) -> anyhow::Result<Vec<DynamicObject>> {
        let folder = self.scratch.path().join(&component.name);
        write_all::<assets::Platform>(&format!("{}/", component.name), &folder)?;
        copy_tree(&self.store.module(&from.module)?.join(&from.path), &folder.join("upstream"))?;
        self.build(&folder)
    }

    fn build(&self, folder: &Path) -> anyhow::Result<Vec<DynamicObject>> {
        let text = run(&program(&self.kubectl).args(["kustomize", &text(folder)]))?;
        parse_documents(&text).with_context(|| format!("kustomization in {}", folder.display()))
    }
}

/// Marks an object as ours, which charts of others do not, and lets its images come from another registry.
fn finish(mut object: DynamicObject, registry: Option<&str>) -> anyhow::Result<DynamicObject> {
    let labels = object.metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let Some(prefix) = registry else { return Ok(object) };
    let mut value = serde_json::to_value(object)?;
    take_from(&mut value, prefix);
    Ok(serde_json::from_value(value)?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn program(path: &Path) -> Invocation {
    Invocation::new(text(path)).within(RENDERING)
}

fn run(call: &Invocation) -> Result<String, Failure> {
    let failed = |error| Failure::new(ExitCode::Host, "cannot render the manifests").because(error);
    HostRunner.run(call).map_err(failed)
}

/// Writes the embedded files whose path begins with `prefix` below `folder`.
fn write_all<A: rust_embed::RustEmbed>(prefix: &str, folder: &Path) -> anyhow::Result<()> {
    for path in assets::paths::<A>() {
        let (Some(below), Some(text)) = (path.strip_prefix(prefix), assets::text::<A>(&path)) else {
            continue;
        };
        let target = folder.join(below);
        fs::create_dir_all(target.parent().unwrap_or(folder))?;
        fs::write(target, text)?;
    }
    Ok(())
}

/// Copies a folder; the copies can be written to, which files of a Go module cannot.
fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_marked_and_its_images_are_where_they_were_pushed() {
        let text = "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app.kubernetes.io/managed-by: Helm}}, \
                    spec: {containers: [{name: a, image: 'registry.kubsets.local/kubsets/worker:0.1.0'}]}}";
        let render = |registry| {
            let object = parse_documents(text).expect("is YAML").remove(0);
            let object = finish(object, registry).expect("is an object");
            assert_eq!(object.metadata.labels.expect("has labels")[MANAGED_BY], MANAGER);
            object.data["spec"]["containers"][0]["image"].clone()
        };
        assert_eq!(render(None), "registry.kubsets.local/kubsets/worker:0.1.0");
        assert_eq!(render(Some("r.example.com/team")), "r.example.com/team/kubsets/worker:0.1.0");
    }
}
