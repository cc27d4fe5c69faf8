//! The recipes of the platform components agree with each other and with the pinned modules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kubsets_image::{GoModule, Inputs, Layer, Recipe};
use serde::Deserialize;

#[derive(Deserialize)]
struct Component {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    images: Vec<Recipe>,
}

fn platform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kubectl-kubsets/platform")
}

fn inputs() -> Inputs {
    Inputs::from_platform("/nonexistent", |path| fs::read_to_string(platform().join(path)).ok()).unwrap()
}

fn recipes() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for folder in fs::read_dir(platform()).unwrap() {
        let path = folder.unwrap().path().join("component.yaml");
        if let Ok(text) = fs::read_to_string(&path) {
            let component: Component =
                serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            recipes.extend(component.spec.images);
        }
    }
    recipes
}

#[test]
fn recipes_are_valid_and_named_once() {
    let recipes = recipes();
    let mut names = BTreeSet::new();
    for recipe in &recipes {
        recipe.check().unwrap();
        assert!(recipe.reference.starts_with("registry.kubsets.local/"), "{}", recipe.reference);
        assert!(names.insert(&recipe.reference), "{} is there twice", recipe.reference);
    }
    assert!(recipes.len() >= 20, "only {} recipes were found", recipes.len());
}

#[test]
fn only_the_control_plane_runs_as_root() {
    let root: BTreeSet<String> =
        recipes().iter().filter(|recipe| recipe.user == 0).map(|recipe| recipe.title().to_owned()).collect();
    let expected = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"];
    assert_eq!(root, expected.map(str::to_owned).into());
}

#[test]
fn go_programs_are_those_of_the_module_with_its_versions() {
    let inputs = inputs();
    let native = &inputs.modules["native"];
    let GoModule::Own(files) = native else { panic!("native is a module of our own") };
    for recipe in recipes() {
        for layer in &recipe.layers {
            let Layer::GoBinary(binary) = layer else { continue };
            let source = if let Some(own) = binary.package.strip_prefix("./") {
                let source = recipe.source.trim_start_matches("https://");
                let text = &files[&format!("{own}/main.go")];
                assert!(text.contains(&format!("\"{source}/")), "{own} is not from {source}");
                source
            } else {
                let import = format!("_ \"{}\"", binary.package);
                assert!(files["tools.go"].contains(&import), "{}", binary.package);
                &binary.package
            };
            let version = (0..=source.len())
                .rev()
                .filter(|at| source.is_char_boundary(*at))
                .find_map(|at| native.version_of(&source[..at]))
                .unwrap();
            // etcd's tags have no v and a build number
            let tag = recipe.version();
            assert!(tag == version || format!("v{tag}").starts_with(version), "{tag} is not {version}");
            assert_eq!(recipe.revision.as_deref(), Some(version));
            assert!(binary.variables.values().all(|value| value == version), "{binary:?}");
        }
    }
}

#[test]
fn our_own_images_carry_our_version() {
    let own: Vec<Recipe> =
        recipes().into_iter().filter(|recipe| recipe.reference.contains("/kubsets/")).collect();
    assert_eq!(own.len(), 6);
    for recipe in own {
        assert_eq!(recipe.version(), env!("CARGO_PKG_VERSION"), "{}", recipe.reference);
        assert_eq!(recipe.revision, None);
    }
}
