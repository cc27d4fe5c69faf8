//! An image of plain files: reproducible, valid as a layout and as an archive, cached.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use kubsets_image::{BuiltImage, Cache, Event, Inputs, Progress, Recipe, build, is_cached, list, outline};
use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest, MediaType, OciLayout};

const RECIPE: &str = "
reference: registry.kubsets.local/example:v1
revision: abc
source: https://example.com/source
layers:
  - files:
      - {path: /etc/motd, content: hello}
      - {path: /usr/bin/run, content: '#!/bin/sh', mode: '0755'}
  - files: [{path: /usr/bin/alias, link: run}, {path: /data/, mode: '0777'}]
user: 1000
entrypoint: [/usr/bin/run]
env: {GREETING: hello}
caCertificates: false
";

fn build_in(root: &Path, recipe: &str) -> (BuiltImage, Vec<Progress>) {
    let mut events = Vec::new();
    let recipe = Recipe::from_yaml(recipe).unwrap();
    let image =
        build(&recipe, &Inputs::default(), &Cache::new(root), &mut |event| events.push(event)).unwrap();
    (image, events)
}

/// The entries of a tar: path, mode, content or link target.
fn entries(bytes: &[u8]) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mode = entry.header().mode().unwrap();
        let mut content = String::new();
        match entry.link_name().unwrap() {
            Some(target) => content = target.display().to_string(),
            None => {
                entry.read_to_string(&mut content).unwrap();
            }
        }
        assert!(found.insert(path.clone(), (mode, content)).is_none(), "{path} is there twice");
    }
    found
}

#[test]
fn same_recipe_gives_the_same_bytes_everywhere() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, _) = build_in(one.path(), RECIPE);
    let (second, _) = build_in(two.path(), RECIPE);
    assert_eq!(first.digest, second.digest);
    assert_eq!(std::fs::read(&first.archive).unwrap(), std::fs::read(&second.archive).unwrap());
    let (other, _) = build_in(one.path(), &RECIPE.replace("content: hello", "content: bye"));
    assert_ne!(first.digest, other.digest);
    let (relabelled, _) = build_in(one.path(), &RECIPE.replace("revision: abc", "revision: def"));
    assert_ne!(first.digest, relabelled.digest);
}

#[test]
fn second_build_comes_from_the_cache() {
    let root = tempfile::tempdir().unwrap();
    let (cache, inputs) = (Cache::new(root.path()), Inputs::default());
    let recipe = Recipe::from_yaml(RECIPE).unwrap();
    assert!(!is_cached(&recipe, &inputs, &cache));
    let ahead = outline(std::slice::from_ref(&recipe), &inputs, &cache);
    assert_eq!(ahead.iter().map(|one| one.stage.as_str()).collect::<Vec<_>>(), ["image"]);
    let (first, events) = build_in(root.path(), RECIPE);
    assert!(events.iter().any(|progress| matches!(progress.event, Event::Finished { .. })));
    let (second, events) = build_in(root.path(), RECIPE);
    assert_eq!(first, second);
    assert!(events.iter().all(|progress| progress.event == Event::Cached), "{events:?}");
    assert!(is_cached(&recipe, &inputs, &cache));
    assert_eq!(outline(std::slice::from_ref(&recipe), &inputs, &cache), []);
    assert_eq!(list(&cache).unwrap(), [first]);
}

#[test]
fn layout_is_valid_and_says_what_the_recipe_says() {
    let root = tempfile::tempdir().unwrap();
    let (image, _) = build_in(root.path(), RECIPE);
    OciLayout::from_file(image.layout.join("oci-layout")).unwrap();
    let index = ImageIndex::from_file(image.layout.join("index.json")).unwrap();
    let [entry] = index.manifests().as_slice() else { panic!("one manifest: {index:?}") };
    assert_eq!(entry.digest().to_string(), image.digest);
    let name = entry.annotations().as_ref().and_then(|all| all.get("io.containerd.image.name"));
    assert_eq!(name, Some(&image.reference));

    let blob = |digest: &str| image.layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    let manifest = ImageManifest::from_file(blob(&image.digest)).unwrap();
    let config = ImageConfiguration::from_file(blob(manifest.config().digest().as_ref())).unwrap();
    let run = config.config().as_ref().unwrap();
    assert_eq!(run.user().as_deref(), Some("1000:1000"));
    assert_eq!(run.entrypoint().as_deref(), Some(&["/usr/bin/run".to_owned()][..]));
    assert!(run.env().as_ref().unwrap().contains(&"GREETING=hello".to_owned()));
    let labels = run.labels().as_ref().unwrap();
    for (name, value) in [
        ("title", "example"),
        ("version", "v1"),
        ("revision", "abc"),
        ("source", "https://example.com/source"),
    ] {
        assert_eq!(labels[&format!("org.opencontainers.image.{name}")], value);
    }

    let mut files = BTreeMap::new();
    let mut size = 0;
    for (layer, diff_id) in manifest.layers().iter().zip(config.rootfs().diff_ids()) {
        assert_eq!(layer.media_type(), &MediaType::ImageLayer);
        assert_eq!(layer.digest().to_string(), *diff_id);
        let bytes = std::fs::read(blob(diff_id)).unwrap();
        assert_eq!(layer.size(), bytes.len() as u64);
        size += layer.size();
        files.extend(entries(&bytes));
    }
    assert_eq!((manifest.layers().len(), image.size), (3, size));
    assert_eq!(files["etc/motd"], (0o644, "hello".to_owned()));
    assert_eq!(files["usr/bin/run"], (0o755, "#!/bin/sh".to_owned()));
    assert_eq!(files["usr/bin/alias"], (0o777, "run".to_owned()));
    assert_eq!((files["data/"].0, files["tmp/"].0), (0o777, 0o1777));
    assert!(files["etc/passwd"].1.contains(":65532:"));
}

#[test]
fn archive_holds_the_layout_and_the_manifest_of_docker() {
    let root = tempfile::tempdir().unwrap();
    let (image, _) = build_in(root.path(), RECIPE);
    let mut bytes = Vec::new();
    File::open(&image.archive).unwrap().read_to_end(&mut bytes).unwrap();
    let files = entries(&bytes);
    let docker: serde_json::Value = serde_json::from_str(&files["manifest.json"].1).unwrap();
    assert_eq!(docker[0]["RepoTags"][0], image.reference);
    assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 3);
    for path in docker[0]["Layers"].as_array().unwrap().iter().chain([&docker[0]["Config"]]) {
        assert!(files.contains_key(path.as_str().unwrap()), "{path}");
    }
    assert!(files.contains_key("index.json") && files.contains_key("oci-layout"));

    let sbom: serde_json::Value = serde_json::from_reader(File::open(&image.sbom).unwrap()).unwrap();
    assert_eq!(sbom["spdxVersion"], "SPDX-2.3");
    assert_eq!(sbom["packages"][0]["name"], image.reference);
}
