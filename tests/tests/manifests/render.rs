//! Runs the renderers and reads what they print.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Objects by "kind namespace/name".
pub(crate) type Objects = BTreeMap<String, Value>;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the checkout").to_owned()
}

/// What `kubectl kustomize` makes of a folder below the checkout.
pub(crate) fn kustomize(folder: &Path) -> Result<Objects> {
    let kubectl = std::env::var("KUBSETS_KUBECTL").unwrap_or_else(|_| "kubectl".into());
    parse(&run(Command::new(kubectl).arg("kustomize").arg(root().join(folder)))?)
}

/// What `helm template` makes of the chart, the Namespace included.
pub(crate) fn helm(arguments: &[&str]) -> Result<Objects> {
    let helm = std::env::var("KUBSETS_HELM").unwrap_or_else(|_| "helm".into());
    let chart = root().join("helm/kubsets");
    let mut command = Command::new(helm);
    command.arg("template").arg("kubsets").arg(chart).args(["--namespace", "kubsets-demo"]);
    command.args(["--set", "namespace.create=true"]).args(arguments).current_dir(root().join("helm/kubsets"));
    parse(&run(&mut command).context("set KUBSETS_HELM to a helm binary when none is on PATH")?)
}

/// The objects of one file.
pub(crate) fn file(path: &Path) -> Result<Objects> {
    parse(&text(path)?).with_context(|| path.display().to_string())
}

/// The text of one file below the checkout.
pub(crate) fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| path.display().to_string())
}

/// The objects in a text of one or more YAML documents.
pub(crate) fn parse(text: &str) -> Result<Objects> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let mut objects = Objects::new();
    for object in documents.into_iter().filter(|document| !document.is_null()) {
        let of = |pointer| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = of("/kind").context("an object without a kind")?;
        let name = of("/metadata/name").with_context(|| format!("a {kind} without a name"))?;
        let namespace = of("/metadata/namespace").unwrap_or_default();
        let key = format!("{kind} {namespace}/{name}");
        ensure!(objects.insert(key.clone(), object).is_none(), "{key} stands there twice");
    }
    ensure!(!objects.is_empty(), "no objects");
    Ok(objects)
}

fn run(command: &mut Command) -> Result<String> {
    let output =
        command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
