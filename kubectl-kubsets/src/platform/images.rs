//! Images and programs of the components, from the cache or built.

use std::path::PathBuf;

use kubsets_cluster::native::{Parts, PartsSource};
use kubsets_cluster::{Error, Events};
use kubsets_image::{BuildError, BuiltImage, Cache, GoError, Inputs, Layer, NativeBinaries, Recipe};

use super::building::tell;
use super::{Component, components};
use crate::app::App;
use crate::assets;
use crate::ui::{Printer, number_of};
use crate::usual_times::UsualTimes;

/// Builds what is missing in the cache, and tells about it.
#[derive(Clone)]
pub(crate) struct ImageStore {
    root: PathBuf,
    cache: Cache,
    inputs: Inputs,
    ui: Printer,
    times: UsualTimes,
}

impl ImageStore {
    /// The store in the user's cache, with the binaries beside this program.
    ///
    /// # Errors
    /// When this build lacks a platform file.
    pub(crate) fn open(app: &App) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?.canonicalize()?;
        let folder = own.parent().map(PathBuf::from).unwrap_or_default();
        let mut inputs =
            Inputs::from_platform(folder, assets::text::<assets::Platform>).map_err(anyhow::Error::msg)?;
        inputs.crates = serde_json::from_str(assets::CRATES).expect("the build wrote them");
        inputs.revision = env!("KUBSETS_BUILD_COMMIT").into();
        let root = app.cache_dir();
        Ok(Self { cache: Cache::new(&root), root, inputs, ui: app.ui.clone(), times: app.usual_times() })
    }

    /// The recipes of these components' images.
    pub(crate) fn recipes(components: &[Component]) -> Vec<Recipe> {
        components.iter().flat_map(|c| c.spec.images.clone()).collect()
    }

    /// Builds images, or takes them from the cache, in order.
    ///
    /// # Errors
    /// The first image that cannot be built.
    pub(crate) fn build(&self, recipes: &[Recipe]) -> Result<Vec<BuiltImage>, BuildError> {
        let step = self.ui.step("Images");
        let ahead = kubsets_image::outline(recipes, &self.inputs, &self.cache);
        let mut tell = tell(&step, &self.times, ahead);
        let mut built = Vec::new();
        for recipe in recipes {
            built.push(kubsets_image::build(recipe, &self.inputs, &self.cache, &mut tell)?);
        }
        let size: u64 = built.iter().map(|image| image.size).sum();
        step.done(format!("{}, {}", number_of(built.len(), "image"), crate::ui::bytes(size)));
        Ok(built)
    }

    /// A folder of the cache for something else.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether an image is in the cache.
    pub(crate) fn has(&self, recipe: &Recipe) -> bool {
        kubsets_image::is_cached(recipe, &self.inputs, &self.cache)
    }

    /// Whether the programs and all images that do not change with our own source are in the cache.
    ///
    /// # Errors
    /// When this build lacks a component.
    pub(crate) fn is_warm(&self) -> anyhow::Result<bool> {
        let programs = kubsets_image::native_outline(&self.inputs, &self.cache).is_empty();
        Ok(programs && PlatformParts::third_party(&components()?).all(|recipe| self.has(&recipe)))
    }

    /// The programs of a native cluster's host, helm among them.
    ///
    /// # Errors
    /// When Go is missing or a build fails.
    pub(crate) fn programs(&self) -> Result<NativeBinaries, GoError> {
        let step = self.ui.step("Programs");
        let ahead = kubsets_image::native_outline(&self.inputs, &self.cache);
        let mut tell = tell(&step, &self.times, ahead);
        let programs = kubsets_image::native_binaries(&self.inputs, &self.cache, &mut tell)?;
        step.done("kubelet, kubeadm, kubectl, containerd, helm");
        Ok(programs)
    }

    /// The folder of a Go module that holds charts or manifests.
    ///
    /// # Errors
    /// When it cannot be downloaded.
    pub(crate) fn module(&self, path: &str) -> anyhow::Result<PathBuf> {
        let step = self.ui.step(format!("Module {path}"));
        let mut tell = tell(&step, &self.times, Vec::new());
        let folder = kubsets_image::module_dir(path, &self.inputs, &self.cache, &mut tell)?;
        step.done("");
        Ok(folder)
    }
}

/// What native nodes are made of, by the image store.
pub(crate) struct PlatformParts(pub(crate) ImageStore);

impl PlatformParts {
    /// Recipes that do not change with our own source.
    fn third_party(components: &[Component]) -> impl Iterator<Item = Recipe> {
        let ours = |recipe: &Recipe| recipe.layers.iter().any(|layer| matches!(layer, Layer::RustBinary(_)));
        ImageStore::recipes(components).into_iter().filter(move |recipe| !ours(recipe))
    }
}

/// A build that failed, as the provider passes it on: the cause keeps its type, by which it has its hint and exit code.
fn not_made(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Parts { source: Box::new(error) }
}

impl PartsSource for PlatformParts {
    fn parts(&self, kubernetes: &str, _: &dyn Events) -> kubsets_cluster::Result<Parts> {
        let all = components().map_err(|error| Error::Parts { source: error.into() })?;
        let own =
            all.iter().find(|c| c.name == "kubernetes").expect("this build has the component kubernetes");
        if own.spec.version != kubernetes {
            return Err(Error::Invalid {
                field: "kubernetes",
                value: kubernetes.into(),
                accepted: "the version that this build knows how to make, see `kubectl kubsets version`",
            });
        }
        let programs = self.0.programs().map_err(not_made)?;
        let (node, control_plane): (Vec<_>, Vec<_>) = self
            .0
            .build(&own.spec.images)
            .map_err(not_made)?
            .into_iter()
            .partition(|i| i.reference.contains("/pause:") || i.reference.contains("/kube-proxy:"));
        let seldom_changed: Vec<Recipe> = Self::third_party(&all).filter(|r| self.0.has(r)).collect();
        let preload = self.0.build(&seldom_changed).map_err(not_made)?;
        let archives = |images: Vec<BuiltImage>| images.into_iter().map(|i| i.archive).collect();
        Ok(Parts {
            programs: vec![
                programs.kubelet,
                programs.kubeadm,
                programs.kubectl,
                programs.containerd,
                programs.containerd_shim_runc_v2,
                programs.ctr,
            ],
            control_plane_images: archives(control_plane),
            node_images: archives(node),
            preload: archives(preload),
            templates: self.0.folder("containerd"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ExitCode;

    #[test]
    fn a_failed_build_of_a_node_keeps_its_cause_its_hint_and_its_code() {
        let told = |error: Error| Printer::told(&error.into());
        let (text, code) = told(not_made(GoError::NoGo { required: "1.26".into() }));
        assert_eq!(code, ExitCode::Skipped);
        assert!(text.starts_with("error: failed to make what the nodes are made of: "), "{text}");
        assert!(text.contains("1.26") && text.contains("hint: `hack/native-prerequisites.sh`"), "{text}");
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let full = kubsets_image::CacheError::Io { path: "/cache".into(), source };
        let (text, code) = told(not_made(BuildError::Cache(full)));
        assert_eq!(code, ExitCode::Host);
        assert!(text.contains("/cache") && text.contains("hint: free some space"), "{text}");
    }
}
