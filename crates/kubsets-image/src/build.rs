//! Builds an image from its recipe.

use std::{
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{Cache, CacheError},
    digest::{self, HashWriter},
    go,
    inputs::Inputs,
    oci::{self, LayerFile},
    progress::{Expected, Progress, Sink, Stage, cached},
    prune::prune,
    recipe::{Layer, Recipe, RecipeError},
    sbom,
    source::{self, Context, Files, Part, SourceError},
};

/// Images that have a newer one of the same name stay that long in the cache.
const SUPERSEDED_AFTER: Duration = Duration::from_hours(24);

/// The last stage of an image.
const IMAGE: &str = "image";
/// What writing a layer or an image takes.
const MOMENT: Duration = Duration::from_secs(1);

/// An image in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// Name and tag.
    pub reference: String,
    /// Digest of the manifest, with `sha256:`.
    pub digest: String,
    /// Tar that `ctr images import`, `docker load`, `kind load image-archive` and `k3d image import` take.
    pub archive: PathBuf,
    /// Folder in the OCI image layout.
    pub layout: PathBuf,
    /// List of the parts, an SPDX 2.3 document in JSON.
    pub sbom: PathBuf,
    /// Size of the layers in bytes, not compressed.
    pub size: u64,
}

impl BuiltImage {
    /// Copies the archive to a file of the user's; returns its size in bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, to: &Path) -> io::Result<u64> {
        fs::copy(&self.archive, to)
    }
}

/// An image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The recipe is wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The files of a layer cannot be had.
    #[error("cannot make layer {layer} of {reference}")]
    Layer {
        /// The image.
        reference: String,
        /// What the layer is.
        layer: String,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// What the cache keeps beside the tar of a layer.
#[derive(Serialize, Deserialize)]
struct LayerMeta {
    sha256: String,
    size: u64,
    parts: Vec<Part>,
}

/// Everything that identifies an image: its key and those of its layers, lowest first.
struct Keys {
    image: String,
    layers: Vec<String>,
}

/// Builds the image, or takes it from the cache. The same recipe and inputs give the same digest.
///
/// # Errors
/// When the recipe is wrong, a part cannot be built or downloaded, or the cache cannot be used.
pub fn build(
    recipe: &Recipe,
    inputs: &Inputs,
    cache: &Cache,
    sink: &mut dyn FnMut(Progress),
) -> Result<BuiltImage, BuildError> {
    recipe.check()?;
    let keys = keys(recipe, inputs)?;
    if cache.has("images", &keys.image) {
        cached(sink, &recipe.reference, IMAGE);
        return read(&cache.path("images", &keys.image));
    }
    let mut layers = vec![layer(None, &keys.layers[0], recipe, inputs, cache, sink)?];
    for (spec, key) in recipe.layers.iter().zip(&keys.layers[1..]) {
        layers.push(layer(Some(spec), key, recipe, inputs, cache, sink)?);
    }
    let folder = cache.entry("images", &keys.image, sink, |folder, sink| {
        assemble(recipe, inputs, &keys.image, &layers, folder, sink)
    })?;
    match prune(cache, SUPERSEDED_AFTER) {
        Ok(pruned) => tracing::debug!(?pruned, "pruned the cache"),
        // the image is there, and the next build tries again
        Err(error) => tracing::debug!(%error, "cannot prune the cache"),
    }
    read(&folder)
}

/// Whether [`build`] would find the image in the cache.
pub fn is_cached(recipe: &Recipe, inputs: &Inputs, cache: &Cache) -> bool {
    keys(recipe, inputs).is_ok_and(|keys| cache.has("images", &keys.image))
}

/// The stages of [`build`] for these images that take more than a moment, without what is in the cache.
pub fn outline(recipes: &[Recipe], inputs: &Inputs, cache: &Cache) -> Vec<Expected> {
    let mut stages = Vec::new();
    for recipe in recipes.iter().filter(|recipe| !is_cached(recipe, inputs, cache)) {
        let is_absent =
            |layer: &&Layer| source::key(layer, inputs).map_or(true, |key| !cache.has("layers", &key));
        for layer in recipe.layers.iter().filter(is_absent) {
            match layer {
                Layer::GoBinary(binary) => go::expect(binary, inputs, cache, &mut stages),
                other => source::expect(other, &recipe.reference, cache, &mut stages),
            }
        }
        Expected::new(&recipe.reference, IMAGE, MOMENT).join(&mut stages);
    }
    stages
}

/// The images in the cache, newest last.
///
/// # Errors
/// When the cache cannot be read.
pub fn list(cache: &Cache) -> Result<Vec<BuiltImage>, BuildError> {
    let mut images = Vec::new();
    for folder in cache.entries("images")? {
        let modified =
            fs::metadata(&folder).and_then(|data| data.modified()).map_err(CacheError::at(&folder))?;
        images.push((modified, read(&folder)?));
    }
    images.sort_by_key(|image| image.0);
    Ok(images.into_iter().map(|(_, image)| image).collect())
}

fn keys(recipe: &Recipe, inputs: &Inputs) -> Result<Keys, BuildError> {
    let base = source::base_key(recipe.ca_certificates).map_err(|error| failed(recipe, "base", error))?;
    let mut layers = vec![base];
    for layer in &recipe.layers {
        layers.push(source::key(layer, inputs).map_err(|error| failed(recipe, &name(layer), error))?);
    }
    let revision = recipe.revision.as_deref().unwrap_or(&inputs.revision);
    let image = digest::of_key(&("image-1", recipe, revision, &layers, oci::architecture()));
    Ok(Keys { image, layers })
}

/// Makes the tar of a layer; `None` is the base layer.
fn layer(
    spec: Option<&Layer>,
    key: &str,
    recipe: &Recipe,
    inputs: &Inputs,
    cache: &Cache,
    sink: Sink<'_>,
) -> Result<(LayerFile, Vec<Part>), BuildError> {
    let name = spec.map_or_else(|| "base".to_owned(), name);
    let reference = &recipe.reference;
    let folder = cache.entry("layers", key, sink, |folder, sink| {
        let work = tempfile::tempdir_in(folder).map_err(CacheError::at(folder))?;
        let context = Context { subject: reference, inputs, cache, work: work.path() };
        let files = match spec {
            None => source::base_layer(recipe.ca_certificates),
            Some(spec) => source::files(spec, &context, sink),
        };
        let files = files.map_err(|error| failed(recipe, &name, error))?;
        let stage = Stage::start(sink, reference, format!("layer {name}"), MOMENT);
        let meta = write_layer(&files, folder).map_err(CacheError::at(folder))?;
        let path = folder.join("layer.json");
        let json = serde_json::to_vec(&meta).expect("layer data is made of strings and numbers");
        fs::write(&path, json).map_err(CacheError::at(&path))?;
        stage.finish();
        Ok::<_, BuildError>(())
    })?;
    let path = folder.join("layer.json");
    let meta: LayerMeta = read_json(&path)?;
    let file = LayerFile {
        path: folder.join("layer.tar"),
        sha256: meta.sha256,
        size: meta.size,
        comment: format!("kubsets: {name}"),
    };
    Ok((file, meta.parts))
}

fn write_layer(files: &Files, folder: &Path) -> io::Result<LayerMeta> {
    let file = BufWriter::with_capacity(1 << 20, fs::File::create(folder.join("layer.tar"))?);
    let mut out = HashWriter::new(file);
    files.tree.write(&mut out)?;
    let (_, sha256, size) = out.finish();
    let mut parts = files.parts.clone();
    parts.sort();
    parts.dedup();
    Ok(LayerMeta { sha256, size, parts })
}

fn assemble(
    recipe: &Recipe,
    inputs: &Inputs,
    key: &str,
    layers: &[(LayerFile, Vec<Part>)],
    folder: &Path,
    sink: Sink<'_>,
) -> Result<(), BuildError> {
    let stage = Stage::start(sink, &recipe.reference, IMAGE, MOMENT);
    let (files, parts): (Vec<LayerFile>, Vec<Vec<Part>>) = layers.iter().cloned().unzip();
    let revision = recipe.revision.as_deref().unwrap_or(&inputs.revision);
    let digest = oci::write(recipe, revision, &files, &folder.join("layout"), &folder.join("image.tar"))
        .map_err(CacheError::at(folder))?;
    let sbom = sbom::document(recipe, key, &digest, &parts.concat());
    let image = BuiltImage {
        reference: recipe.reference.clone(),
        digest,
        // the folder is moved when it is complete; `read` fills in the real place
        archive: "image.tar".into(),
        layout: "layout".into(),
        sbom: "sbom.spdx.json".into(),
        size: files.iter().map(|layer| layer.size).sum(),
    };
    write_json(&folder.join(&image.sbom), &sbom)?;
    write_json(&folder.join("image.json"), &image)?;
    stage.finish();
    Ok(())
}

/// Reads what is known of an image in the cache.
fn read(folder: &Path) -> Result<BuiltImage, BuildError> {
    let image: BuiltImage = read_json(&folder.join("image.json"))?;
    Ok(BuiltImage {
        archive: folder.join(&image.archive),
        layout: folder.join(&image.layout),
        sbom: folder.join(&image.sbom),
        ..image
    })
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CacheError> {
    let bytes = fs::read(path).map_err(CacheError::at(path))?;
    serde_json::from_slice(&bytes).map_err(|error| CacheError::at(path)(error.into()))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CacheError> {
    let json = serde_json::to_vec_pretty(value).expect("documents have string keys only");
    fs::write(path, json).map_err(CacheError::at(path))
}

fn failed(recipe: &Recipe, layer: &str, source: SourceError) -> BuildError {
    BuildError::Layer {
        reference: recipe.reference.clone(),
        layer: layer.to_owned(),
        source: Box::new(source),
    }
}

/// What a layer is, in a few words.
fn name(layer: &Layer) -> String {
    match layer {
        Layer::GoBinary(binary) => format!("go {}", binary.package),
        Layer::RustBinary(binary) => format!("rust {}", binary.bin),
        Layer::Wheel(wheel) => format!("wheel {} {}", wheel.package, wheel.version),
        Layer::Maven(maven) => format!("{} jars", maven.artifacts.len()),
        Layer::Debian(debian) => format!("debian {}", debian.packages.join(" ")),
        Layer::Files(files) => format!("{} files", files.len()),
    }
}
