//! The files of an image: config, manifest, index, OCI layout and archive.
//!
//! The archive is an OCI layout in a tar and has Docker's `manifest.json` too, so that containerd,
//! Docker, kind and k3d can all load it. Layers are not compressed: loading them is faster so.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    digest,
    native::link_or_copy,
    recipe::Recipe,
    tree::{Content, Tree},
};

const CREATED: &str = "1970-01-01T00:00:00Z";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A finished layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerFile {
    pub(crate) path: PathBuf,
    /// SHA-256 of the tar.
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// What it is, for the image's history.
    pub(crate) comment: String,
}

// Own types and not a JSON value: the order of the fields decides the digest.

#[derive(Serialize)]
struct ImageFile<'a> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    config: RunConfig<'a>,
    rootfs: RootFs,
    history: Vec<History<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RunConfig<'a> {
    user: String,
    env: Vec<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    cmd: &'a [String],
    working_dir: &'a str,
    labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<String>,
}

#[derive(Serialize)]
struct History<'a> {
    created: &'static str,
    created_by: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

/// Writes the layout folder and the archive; returns the digest of the manifest.
pub(crate) fn write(
    recipe: &Recipe,
    revision: &str,
    layers: &[LayerFile],
    layout: &Path,
    archive: &Path,
) -> io::Result<String> {
    let config = json(&config(recipe, revision, layers));
    let config_sha = digest::of_bytes(&config);
    let manifest = json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: descriptor(CONFIG, &config_sha, config.len() as u64),
        layers: layers.iter().map(|layer| descriptor(LAYER, &layer.sha256, layer.size)).collect(),
    });
    let manifest_sha = digest::of_bytes(&manifest);
    let index = json(&Index {
        schema_version: 2,
        media_type: INDEX,
        manifests: vec![Descriptor {
            platform: Some(Platform { architecture: architecture(), os: "linux" }),
            annotations: [
                ("io.containerd.image.name", recipe.reference.clone()),
                ("org.opencontainers.image.ref.name", recipe.version().to_owned()),
            ]
            .into(),
            ..descriptor(MANIFEST, &manifest_sha, manifest.len() as u64)
        }],
    });
    let docker = json(&[DockerManifest {
        config: blob(&config_sha),
        repo_tags: [&recipe.reference],
        layers: layers.iter().map(|layer| blob(&layer.sha256)).collect(),
    }]);

    let mut tree = Tree::default();
    tree.text("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    tree.text("index.json", index);
    tree.text("manifest.json", docker);
    tree.text(&blob(&config_sha), config);
    tree.text(&blob(&manifest_sha), manifest);
    write_layout(&tree, layers, layout)?;
    for layer in layers {
        tree.file(&blob(&layer.sha256), 0o644, Content::Path(layer.path.clone()));
    }
    let mut out = BufWriter::with_capacity(1 << 20, File::create(archive)?);
    tree.write(&mut out)?;
    out.flush()?;
    Ok(format!("sha256:{manifest_sha}"))
}

/// The same files as a folder; layers are hard links into the cache.
fn write_layout(tree: &Tree, layers: &[LayerFile], layout: &Path) -> io::Result<()> {
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    for (path, bytes) in tree.texts().filter(|(path, _)| *path != "manifest.json") {
        fs::write(layout.join(path), bytes)?;
    }
    for layer in layers {
        let target = layout.join(blob(&layer.sha256));
        // two layers may have the same content
        if !target.exists() {
            link_or_copy(&layer.path, &target)?;
        }
    }
    Ok(())
}

fn config<'a>(recipe: &'a Recipe, revision: &'a str, layers: &'a [LayerFile]) -> ImageFile<'a> {
    let mut env: BTreeMap<&str, &str> = [("PATH", PATH)].into();
    env.extend(recipe.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    ImageFile {
        created: CREATED,
        architecture: architecture(),
        os: "linux",
        config: RunConfig {
            user: format!("{0}:{0}", recipe.user),
            env: env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: &recipe.entrypoint,
            cmd: &recipe.command,
            working_dir: &recipe.workdir,
            labels: [
                ("org.opencontainers.image.title", recipe.title()),
                ("org.opencontainers.image.version", recipe.version()),
                ("org.opencontainers.image.revision", revision),
                ("org.opencontainers.image.source", recipe.source.as_str()),
            ]
            .into(),
        },
        rootfs: RootFs {
            kind: "layers",
            diff_ids: layers.iter().map(|layer| format!("sha256:{}", layer.sha256)).collect(),
        },
        history: layers
            .iter()
            .map(|layer| History { created: CREATED, created_by: &layer.comment })
            .collect(),
    }
}

fn descriptor(media_type: &'static str, sha256: &str, size: u64) -> Descriptor {
    Descriptor {
        media_type,
        digest: format!("sha256:{sha256}"),
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn blob(sha256: &str) -> String {
    format!("blobs/sha256/{sha256}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("the documents are made of strings, numbers, lists and string maps")
}

/// The name that OCI images use for this host's processor.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
