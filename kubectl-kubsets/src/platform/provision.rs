//! Which components a cluster gets, and the way they get there.

use std::time::Duration;

use kubsets_cluster::{ClusterInfo, ProviderKind};
use kubsets_kube::{Access, AccessOptions};

use super::journal::InstallJournal;
use super::{Component, ImageStore, Installer, Renderer, components};
use crate::app::{App, STACK_NAMESPACE};
use crate::commands::cluster::{Choice, Clusters, Progress, Which};
use crate::ui::{ExitCode, Failure};

/// What every native cluster has, as other clusters do from their makers.
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

/// Gives a new native cluster DNS, metrics and storage. Clusters of other providers have theirs.
///
/// # Errors
/// What cannot be built, loaded or applied.
pub(crate) async fn provision(app: &App, clusters: &Clusters<'_>, info: &ClusterInfo) -> anyhow::Result<()> {
    let wanted = selection(info.provider, false)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let site = Site::prepare(app, clusters, info, &wanted).await?;
    site.install(&wanted, None).await
}

/// Gives a cluster the gateway, metrics and the demo stack, beside what [`provision`] gives.
///
/// # Errors
/// What cannot be built, loaded or applied.
pub(crate) async fn deploy(
    app: &App,
    clusters: &Clusters<'_>,
    info: &ClusterInfo,
    overlay: &str,
) -> anyhow::Result<()> {
    let wanted = selection(info.provider, true)?;
    let site = Site::prepare(app, clusters, info, &wanted).await?;
    site.install(&wanted, Some(overlay)).await
}

/// Takes away what [`deploy`] added to a cluster that stays. Returns how many objects went.
///
/// # Errors
/// The first object that cannot be deleted.
pub(crate) async fn withdraw(app: &App, context: Option<String>) -> anyhow::Result<usize> {
    let access = connect(app, context).await?;
    let journal = InstallJournal::open(&app.state_dir(), &access.facts().context)?;
    Installer::new(&access, &app.ui, Some(journal)).remove().await
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
    let built: Vec<Component> = selection(info.provider, true)?
        .into_iter()
        .filter(|c| c.spec.images.iter().all(|recipe| store.has(recipe)))
        .collect();
    load(app, clusters, info, &store, &built).await
}

/// The components for a provider, in install order.
fn selection(provider: ProviderKind, stack: bool) -> anyhow::Result<Vec<Component>> {
    let native = provider == ProviderKind::Native;
    let wanted = |name: &str| match name {
        "kubernetes" => false,
        name if BASE.contains(&name) => native,
        _ => stack,
    };
    Ok(components()?.into_iter().filter(|c| wanted(&c.name)).collect())
}

/// A cluster with the images of some components on its nodes.
struct Site<'a> {
    app: &'a App,
    access: Access,
    store: ImageStore,
    provider: ProviderKind,
    dns_service_ip: String,
}

impl<'a> Site<'a> {
    async fn prepare(
        app: &'a App,
        clusters: &Clusters<'_>,
        info: &ClusterInfo,
        wanted: &[Component],
    ) -> anyhow::Result<Self> {
        let access = connect(app, Some(info.context.clone())).await?;
        app.ui.detail(access.facts().to_string());
        access.server_version().await?;
        let store = ImageStore::open(app)?;
        if info.provider != ProviderKind::Current {
            load(app, clusters, info, &store, wanted).await?;
        }
        let dns_service_ip = dns_address(info);
        Ok(Self { app, access, store, provider: info.provider, dns_service_ip })
    }

    async fn install(&self, wanted: &[Component], overlay: Option<&str>) -> anyhow::Result<()> {
        let ui = &self.app.ui;
        // clusters of ours go as a whole
        let journal = if self.provider == ProviderKind::Current {
            Some(InstallJournal::open(&self.app.state_dir(), &self.access.facts().context)?)
        } else {
            None
        };
        let mut installer = Installer::new(&self.access, ui, journal);
        let renderer = Renderer::new(&self.store, self.dns_service_ip.clone())?;
        let mut rendered = Vec::new();
        for component in wanted {
            let one = renderer.component(component)?;
            if !one.objects.is_empty() {
                installer.apply(&component.name, &one.objects, &component.spec.install.namespace).await?;
            }
            rendered.push(one);
        }
        let Some(overlay) = overlay else { return installer.wait_ready(&rendered, READY_LIMIT).await };
        let stack = renderer.stack(overlay)?;
        let (namespaces, rest): (Vec<_>, Vec<_>) =
            stack.into_iter().partition(|o| o.types.as_ref().is_some_and(|t| t.kind == "Namespace"));
        installer.apply("the stack's namespace", &namespaces, "").await?;
        installer.ensure_database_secret().await?;
        installer.apply("the demo stack", &rest, STACK_NAMESPACE).await?;
        installer.wait_ready(&rendered, READY_LIMIT).await?;
        installer.wait_gateway(READY_LIMIT).await
    }
}

async fn connect(app: &App, context: Option<String>) -> anyhow::Result<Access> {
    let options = AccessOptions {
        context: context.or_else(|| app.global.context.clone()),
        allow_namespaces: vec![KUBE_SYSTEM.into()],
        ..app.access_options()
    };
    Ok(Access::connect(&options).await?)
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
fn dns_address(info: &ClusterInfo) -> String {
    let slot =
        info.nodes.first().and_then(|n| n.address.split('.').nth(2)?.parse::<u8>().ok()?.checked_sub(128));
    let plan = kubsets_cluster::native::address::AddressPlan::new(slot.unwrap_or(0));
    plan.map(|p| p.dns().to_string()).unwrap_or_default()
}
