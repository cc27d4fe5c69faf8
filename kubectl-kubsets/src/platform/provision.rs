//! Which components a cluster gets, and the way they get there.

use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams};
use kubsets_cluster::{ClusterInfo, NodeInfo, ProviderKind};
use kubsets_kube::{
    Access, AccessOptions, During as _, NodeImages, ObjectRef, Trial, recorded_registry, registry_record,
    resource_of,
};

use super::journal::InstallJournal;
use super::render::Rendered;
use super::survey::is_ours;
use super::{Component, ImageStore, Installer, Renderer, components};
use crate::app::{App, STACK_NAMESPACE};
use crate::commands::cluster::{Choice, Clusters, Progress, Which};
use crate::ui::{ExitCode, Failure};

/// What every cluster needs: native ones get it from us, others where their makers left it out.
const BASE: [&str; 3] = ["coredns", "metrics-server", "local-path-provisioner"];
/// Where DNS and metrics go: protected from changes unless it is named.
const KUBE_SYSTEM: &str = "kube-system";

/// How long everything may take to be ready.
const READY_LIMIT: Duration = Duration::from_mins(6);

/// The version of Kubernetes that native clusters run.
///
/// # Errors
/// When this build is defective.
pub(crate) fn kubernetes_version() -> anyhow::Result<String> {
    let all = components()?;
    let own = all.iter().find(|c| c.name == "kubernetes");
    Ok(own.map(|c| c.spec.version.clone()).unwrap_or_default())
}

/// Builds every image that is missing in the cache.
///
/// # Errors
/// The first image that cannot be built.
pub(crate) async fn build_all(app: &App) -> anyhow::Result<()> {
    let store = ImageStore::open(app)?;
    let recipes = ImageStore::recipes(&components()?);
    tokio::task::spawn_blocking(move || store.build(&recipes)).await??;
    Ok(())
}

/// Gives a new cluster what it lacks of DNS, metrics and storage.
///
/// # Errors
/// What cannot be built, loaded or applied.
pub(crate) async fn provision(app: &App, clusters: &Clusters<'_>, info: &ClusterInfo) -> anyhow::Result<()> {
    let access = connect(app, Some(info.context.clone())).await?;
    let wanted = selection(&lacking(&access, info.provider).await?, false)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let registry = recorded_registry(&access).await?;
    let site = Site::prepare(app, clusters, info, access, registry, &wanted).await?;
    site.install(&wanted, None).await
}

/// Gives a cluster the gateway, metrics and the demo stack, beside what [`provision`] gives. Images come from
/// `registry` (`HOST/PREFIX`), else from the one on record, else from what is loaded onto the nodes.
///
/// # Errors
/// What cannot be built, loaded or applied.
pub(crate) async fn deploy(
    app: &App,
    clusters: &Clusters<'_>,
    info: &ClusterInfo,
    overlay: &str,
    registry: Option<String>,
) -> anyhow::Result<()> {
    let access = connect(app, Some(info.context.clone())).await?;
    let registry = match registry {
        None => recorded_registry(&access).await?,
        given => given,
    };
    let wanted = selection(&lacking(&access, info.provider).await?, true)?;
    let site = Site::prepare(app, clusters, info, access, registry, &wanted).await?;
    site.install(&wanted, Some(overlay)).await
}

/// Asks the API server of a cluster that is not ours for everything that [`deploy`] would apply; changes nothing.
///
/// # Errors
/// What cannot be rendered, objects of others that are in the way, and what keeps the server from answering.
pub(crate) async fn try_out(
    app: &App,
    overlay: &str,
    registry: Option<String>,
) -> anyhow::Result<Vec<Trial>> {
    let access = connect(app, None).await?;
    let registry = match registry {
        None => recorded_registry(&access).await?,
        given => given,
    };
    let provider = ProviderKind::Current;
    let wanted = selection(&lacking(&access, provider).await?, true)?;
    if registry.is_none() {
        images_must_be_there(app, &access, &wanted).await?;
    }
    let (store, dns_service_ip) = (ImageStore::open(app)?, dns_address(&[]));
    let site = Site { app, access, store, provider, dns_service_ip, registry };
    let (rendered, stack) = site.render(&wanted, Some(overlay))?;
    let (everything, mut installer) = (batches(&rendered, &stack), site.installer().await?);
    installer.look_around(&everything).await?;
    installer.try_out(&everything).await
}

/// Takes away what [`deploy`] added to a cluster that stays. Returns how many objects went.
///
/// # Errors
/// The first object that cannot be deleted.
pub(crate) async fn withdraw(app: &App, context: Option<String>) -> anyhow::Result<usize> {
    let access = connect(app, context).await?;
    let journal = InstallJournal::of(&access, &app.state_dir()).await?;
    Installer::new(&access, app, Some(journal)).remove().await
}

/// Brings the images that are built to every node, for a node that is new.
///
/// # Errors
/// What the provider says.
pub(crate) async fn load_on_all(
    app: &App,
    clusters: &Clusters<'_>,
    info: &ClusterInfo,
) -> anyhow::Result<()> {
    let store = ImageStore::open(app)?;
    let built: Vec<Component> = selection(&BASE, true)?
        .into_iter()
        .filter(|c| c.spec.images.iter().all(|recipe| store.has(recipe)))
        .collect();
    load(app, clusters, info, &store, &built).await
}

/// The components of a cluster that lacks these of [`BASE`], in install order.
fn selection(lacking: &[&str], stack: bool) -> anyhow::Result<Vec<Component>> {
    let wanted = |name: &str| match name {
        "kubernetes" => false,
        name if BASE.contains(&name) => lacking.contains(&name),
        _ => stack,
    };
    Ok(components()?.into_iter().filter(|c| wanted(&c.name)).collect())
}

/// What of [`BASE`] a cluster does not have from its makers. k3d has all, though it may come up a little later.
async fn lacking(access: &Access, provider: ProviderKind) -> anyhow::Result<Vec<&'static str>> {
    match provider {
        ProviderKind::Native => return Ok(BASE.to_vec()),
        ProviderKind::K3d => return Ok(Vec::new()),
        ProviderKind::Kind | ProviderKind::Current => {}
    }
    let metrics = ObjectRef {
        api_version: "apiregistration.k8s.io/v1".to_owned(),
        kind: "APIService".to_owned(),
        namespace: None,
        name: "v1beta1.metrics.k8s.io".to_owned(),
    };
    let metrics = metrics.api(access).get_opt(&metrics.name).await;
    let metrics = metrics.during(|| "look for metrics.k8s.io".to_owned())?;
    let classes = resource_of("storage.k8s.io/v1", "StorageClass");
    let classes = Api::<DynamicObject>::all_with(access.client(), &classes);
    let classes = classes.list(&ListParams::default()).await.during(|| "list storage classes".to_owned())?;
    Ok(without(metrics.as_ref(), &classes.items))
}

/// What is missing beside DNS, which every cluster has; ours counts as missing, so that it is kept up to date.
fn without(metrics: Option<&DynamicObject>, classes: &[DynamicObject]) -> Vec<&'static str> {
    const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
    let is_default = |class: &&DynamicObject| {
        class.metadata.annotations.as_ref().and_then(|all| all.get(DEFAULT)).is_some_and(|one| one == "true")
    };
    let has_metrics = metrics.is_some_and(|service| !is_ours(service));
    let has_storage = classes.iter().filter(is_default).any(|class| !is_ours(class));
    let parts = [("metrics-server", has_metrics), ("local-path-provisioner", has_storage)];
    parts.into_iter().filter(|(_, has)| !has).map(|(name, _)| name).collect()
}

/// A cluster with the images of some components on its nodes.
struct Site<'a> {
    app: &'a App,
    access: Access,
    store: ImageStore,
    provider: ProviderKind,
    dns_service_ip: String,
    registry: Option<String>,
}

impl<'a> Site<'a> {
    async fn prepare(
        app: &'a App,
        clusters: &Clusters<'_>,
        info: &ClusterInfo,
        access: Access,
        registry: Option<String>,
        wanted: &[Component],
    ) -> anyhow::Result<Self> {
        app.ui.detail(access.facts().to_string());
        access.server_version().await?;
        let store = ImageStore::open(app)?;
        match (info.provider, &registry) {
            (ProviderKind::Current, Some(_)) => {}
            (ProviderKind::Current, None) => images_must_be_there(app, &access, wanted).await?,
            _ => load(app, clusters, info, &store, wanted).await?,
        }
        let dns_service_ip = dns_address(&info.nodes);
        Ok(Self { app, access, store, provider: info.provider, dns_service_ip, registry })
    }

    async fn installer(&self) -> anyhow::Result<Installer<'_>> {
        // clusters of ours go as a whole
        let journal = if self.provider == ProviderKind::Current {
            Some(InstallJournal::of(&self.access, &self.app.state_dir()).await?)
        } else {
            None
        };
        Ok(Installer::new(&self.access, self.app, journal))
    }

    /// The objects of components and, with an overlay, of the demo stack.
    fn render(
        &self,
        wanted: &[Component],
        overlay: Option<&str>,
    ) -> anyhow::Result<(Vec<Rendered>, Vec<DynamicObject>)> {
        let renderer = Renderer::new(&self.store, self.dns_service_ip.clone(), self.registry.clone())?;
        let rendered =
            wanted.iter().map(|component| renderer.component(component)).collect::<Result<_, _>>()?;
        let Some(overlay) = overlay else { return Ok((rendered, Vec::new())) };
        let mut stack = renderer.stack(overlay)?;
        if let Some(prefix) = &self.registry {
            stack.push(serde_json::from_value(registry_record(prefix))?);
        }
        Ok((rendered, stack))
    }

    async fn install(&self, wanted: &[Component], overlay: Option<&str>) -> anyhow::Result<()> {
        let mut installer = self.installer().await?;
        let (rendered, stack) = self.render(wanted, overlay)?;
        installer.look_around(&batches(&rendered, &stack)).await?;
        for one in rendered.iter().filter(|one| !one.objects.is_empty()) {
            let component = &one.component;
            installer.apply(&component.name, &one.objects, &component.spec.install.namespace).await?;
        }
        if overlay.is_none() {
            return installer.wait_ready(&rendered, READY_LIMIT).await;
        }
        let (namespaces, rest): (Vec<_>, Vec<_>) =
            stack.into_iter().partition(|o| o.types.as_ref().is_some_and(|t| t.kind == "Namespace"));
        installer.apply("the stack's namespace", &namespaces, "").await?;
        installer.ensure_database_secret().await?;
        installer.apply("the demo stack", &rest, STACK_NAMESPACE).await?;
        installer.wait_ready(&rendered, READY_LIMIT).await?;
        installer.wait_gateway(READY_LIMIT).await
    }
}

/// Objects with the namespace of those that name none.
fn batches<'a>(rendered: &'a [Rendered], stack: &'a [DynamicObject]) -> Vec<(&'a str, &'a [DynamicObject])> {
    let components =
        rendered.iter().map(|one| (one.component.spec.install.namespace.as_str(), one.objects.as_slice()));
    components.chain([(STACK_NAMESPACE, stack)]).collect()
}

async fn connect(app: &App, context: Option<String>) -> anyhow::Result<Access> {
    let options = AccessOptions {
        context: context.or_else(|| app.global.context.clone()),
        allow_namespaces: vec![KUBE_SYSTEM.into()],
        ..app.access_options()
    };
    Ok(Access::connect(&options).await?)
}

/// Refuses a cluster of others whose nodes have not all of our images: without a registry they could not pull them.
async fn images_must_be_there(app: &App, access: &Access, wanted: &[Component]) -> anyhow::Result<()> {
    let images = NodeImages::read(access).await;
    let absent = absent_images(&images, wanted);
    if absent.is_empty() {
        return Ok(());
    }
    if !images.complete {
        app.ui.warn(format!(
            "nodes that may not be read, or list only some of their images, must have these, or --registry: {}",
            absent.join(", ")
        ));
        return Ok(());
    }
    Err(not_there(&absent, &access.facts().context).into())
}

/// Images that were not seen on a node, of components that have objects: others are not needed yet.
fn absent_images<'a>(images: &NodeImages, wanted: &'a [Component]) -> Vec<&'a str> {
    let installed = wanted.iter().filter(|component| component.spec.install.has_objects());
    let references =
        installed.flat_map(|component| &component.spec.images).map(|recipe| recipe.reference.as_str());
    references.filter(|image| !images.have(image)).collect()
}

fn not_there(absent: &[&str], context: &str) -> Failure {
    let load = match context.split_once('-') {
        Some((provider @ ("kind" | "k3d"), name)) => {
            format!("`kubectl kubsets images load --provider {provider} --name {name}`")
        }
        _ => "`kubectl kubsets images load` where kind, k3d or kubsets made the cluster (--provider, --name)"
            .to_owned(),
    };
    let message =
        format!("no node has these images, and without a registry none can pull them: {}", absent.join(", "));
    Failure::usage(message)
        .with_hint(format!(
            "`kubectl kubsets images push --to HOST/PREFIX`, then `kubectl kubsets up --context {context} \
             --registry HOST/PREFIX`"
        ))
        .with_hint(format!("or bring them to the nodes: {load}"))
}

async fn load(
    app: &App,
    clusters: &Clusters<'_>,
    info: &ClusterInfo,
    store: &ImageStore,
    wanted: &[Component],
) -> anyhow::Result<()> {
    let recipes = ImageStore::recipes(wanted);
    let builder = store.clone();
    let built = tokio::task::spawn_blocking(move || builder.build(&recipes)).await??;
    let archives: Vec<_> = built.into_iter().map(|image| image.archive).collect();
    let name = info.name.parse().map_err(|_| {
        Failure::new(
            ExitCode::Usage,
            format!("cluster `{}` has a name that kubsets does not give", info.name),
        )
    })?;
    let which = Which { name, provider: Choice::Only(info.provider) };
    let progress = Progress::new(app);
    let told = progress.clone();
    clusters.on(&which, move |provider, name| provider.load_images(name, &archives, &told)).await?;
    progress.done();
    Ok(())
}

/// The service address that native nodes were told to ask for names: the tenth of the services' network, which
/// follows from a node's address.
fn dns_address(nodes: &[NodeInfo]) -> String {
    let slot = nodes.first().and_then(|n| n.address.split('.').nth(2)?.parse::<u8>().ok()?.checked_sub(128));
    let plan = kubsets_cluster::native::address::AddressPlan::new(slot.unwrap_or(0));
    plan.map(|p| p.dns().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_undo::FakeApi;
    use serde_json::{Value, json};

    fn object(kind: &str, metadata: &Value) -> DynamicObject {
        serde_json::from_value(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}))
            .expect("is an object")
    }

    fn class(default: &str, labels: &Value) -> DynamicObject {
        let annotations = json!({"storageclass.kubernetes.io/is-default-class": default});
        object("StorageClass", &json!({"name": "a", "annotations": annotations, "labels": labels}))
    }

    #[test]
    fn a_cluster_gets_what_its_makers_left_out() {
        let theirs = object("APIService", &json!({"name": "v1beta1.metrics.k8s.io"}));
        let ours = json!({"app.kubernetes.io/managed-by": "kubsets"});
        let our_metrics = object("APIService", &json!({"name": "v1beta1.metrics.k8s.io", "labels": ours}));
        let both = ["metrics-server", "local-path-provisioner"];
        // as kind comes
        assert_eq!(without(None, &[class("true", &json!({}))]), ["metrics-server"]);
        assert_eq!(without(Some(&our_metrics), &[class("true", &json!({}))]), ["metrics-server"]);
        assert!(without(Some(&theirs), &[class("true", &json!({}))]).is_empty());
        assert_eq!(without(Some(&theirs), &[class("false", &json!({}))]), ["local-path-provisioner"]);
        assert_eq!(without(None, &[class("true", &ours)]), both);
    }

    #[tokio::test]
    async fn a_cluster_of_others_must_have_our_images_or_a_registry() {
        let wanted = selection(&[], true).expect("is read");
        let app = App::new(crate::cli::GlobalArgs { quiet: true, no_tty: true, ..Default::default() });
        let api = FakeApi::default();
        let check = async |images: &[&str]| {
            let images: Vec<Value> = images.iter().map(|name| json!({"names": [name]})).collect();
            api.put("nodes", json!({"metadata": {"name": "a"}, "status": {"images": images}}));
            images_must_be_there(&app, &api.access(), &wanted).await
        };
        let recipes = ImageStore::recipes(&wanted);
        let all: Vec<&str> = recipes.iter().map(|recipe| recipe.reference.as_str()).collect();

        let error = check(&["docker.io/library/nginx:1"]).await.expect_err("has none of ours");
        let failure = error.downcast_ref::<Failure>().expect("is ours");
        assert_eq!(failure.code(), ExitCode::Usage);
        assert!(error.to_string().contains("registry.kubsets.local/kubsets/demo-app:"), "{error}");
        // only labs need the plugin's own image
        assert!(!error.to_string().contains("kubsets/cli:"), "{error}");
        assert!(failure.hints()[0].contains("up --context fake --registry HOST/PREFIX"), "{failure:?}");
        assert!(failure.hints()[1].contains("`kubectl kubsets images load` where kind"), "{failure:?}");

        let (kafka, rest): (Vec<&str>, Vec<&str>) = all.iter().partition(|image| image.contains("/kafka:"));
        let error = check(&rest).await.expect_err("one is missing");
        assert!(error.to_string().ends_with(&format!("pull them: {}", kafka[0])), "{error}");
        check(&all).await.expect("has all");
        let many: Vec<String> = (0..50).map(|i| format!("r/a:{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many).await.expect("nobody knows what else there is");
        assert_eq!(api.changes(), 0);
    }

    #[test]
    fn a_cluster_by_kind_can_have_its_images_loaded() {
        let hints = not_there(&["a"], "kind-my-own").hints().join("\n");
        assert!(hints.contains("`kubectl kubsets images load --provider kind --name my-own`"), "{hints}");
    }

    #[test]
    fn native_nodes_are_known_by_their_label() {
        assert_eq!(kubsets_cluster::native::config::NODE_LABEL, kubsets_kube::CLOSED_NODE);
    }

    #[test]
    fn a_component_of_the_base_is_chosen_where_it_lacks() {
        let names = |lacking: &[&str], stack| -> Vec<String> {
            selection(lacking, stack).expect("is read").into_iter().map(|one| one.name).collect()
        };
        assert_eq!(names(&["metrics-server"], false), ["metrics-server"]);
        assert!(!names(&["metrics-server"], true).contains(&"coredns".to_owned()));
        assert!(names(&[], true).contains(&"demo-stack".to_owned()));
    }
}
