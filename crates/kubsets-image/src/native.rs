//! The programs that run on the host of a native cluster.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cache::{Cache, CacheError},
    digest,
    go::{self, GoError},
    inputs::Inputs,
    progress::{Expected, Progress},
    recipe::GoBinary,
};

/// Paths of the host's programs in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeBinaries {
    /// Folder that holds all of them, for PATH: containerd looks for its shim there.
    pub folder: PathBuf,
    /// The node agent of Kubernetes.
    pub kubelet: PathBuf,
    /// Bootstraps the control plane and joins nodes.
    pub kubeadm: PathBuf,
    /// The command line of Kubernetes.
    pub kubectl: PathBuf,
    /// The container runtime.
    pub containerd: PathBuf,
    /// containerd's helper per pod.
    pub containerd_shim_runc_v2: PathBuf,
    /// containerd's command line, which loads images.
    pub ctr: PathBuf,
    /// Renders charts.
    pub helm: PathBuf,
}

/// Program name, module name, package.
const PROGRAMS: [(&str, &str, &str); 7] = [
    ("kubelet", "native", "k8s.io/kubernetes/cmd/kubelet"),
    ("kubeadm", "native", "k8s.io/kubernetes/cmd/kubeadm"),
    ("kubectl", "native", "k8s.io/kubernetes/cmd/kubectl"),
    ("containerd", "containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
    (
        "containerd-shim-runc-v2",
        "containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    ),
    ("ctr", "containerd", "github.com/containerd/containerd/v2/cmd/ctr"),
    ("helm", "native", "helm.sh/helm/v3/cmd/helm"),
];

fn programs(inputs: &Inputs) -> Vec<GoBinary> {
    let version = |module: &str, path: &str| {
        inputs.modules.get(module).and_then(|module| module.version_of(path)).unwrap_or_default().to_owned()
    };
    PROGRAMS
        .into_iter()
        .map(|(name, module, package)| {
            let variables: BTreeMap<String, String> = match (module, name) {
                ("containerd", _) => {
                    let path = "github.com/containerd/containerd/v2";
                    [(format!("{path}/version.Version"), version(module, path))].into()
                }
                (_, "helm") => [(
                    "helm.sh/helm/v3/internal/version.version".to_owned(),
                    version(module, "helm.sh/helm/v3"),
                )]
                .into(),
                _ => BTreeMap::new(),
            };
            GoBinary {
                module: module.to_owned(),
                package: package.to_owned(),
                to: format!("/{name}"),
                variables,
            }
        })
        .collect()
}

/// The stages of [`native_binaries`] for what is not in the cache yet.
pub fn native_outline(inputs: &Inputs, cache: &Cache) -> Vec<Expected> {
    let mut stages = Vec::new();
    for program in programs(inputs).iter().filter(|program| !go::is_cached(program, inputs, cache)) {
        go::expect(program, inputs, cache, &mut stages);
    }
    stages
}

/// Builds the host's programs, or takes them from the cache.
///
/// # Errors
/// When Go is missing, a module cannot be downloaded, a build fails or the cache cannot be used.
pub fn native_binaries(
    inputs: &Inputs,
    cache: &Cache,
    sink: &mut dyn FnMut(Progress),
) -> Result<NativeBinaries, GoError> {
    let mut built = Vec::new();
    for program in programs(inputs) {
        built.push(go::binary(&program, inputs, cache, sink)?);
    }
    let key = digest::of_key(&("native", &built));
    let folder = cache.entry("native", &key, sink, |folder, _| {
        for program in &built {
            let name = program.file_name().expect("programs have a name");
            link_or_copy(program, &folder.join(name)).map_err(CacheError::at(program))?;
        }
        Ok::<_, GoError>(())
    })?;
    Ok(NativeBinaries {
        kubelet: folder.join("kubelet"),
        kubeadm: folder.join("kubeadm"),
        kubectl: folder.join("kubectl"),
        containerd: folder.join("containerd"),
        containerd_shim_runc_v2: folder.join("containerd-shim-runc-v2"),
        ctr: folder.join("ctr"),
        helm: folder.join("helm"),
        folder,
    })
}

/// A hard link takes no space; a copy works on every file system.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::go::GoModule;

    #[test]
    fn programs_carry_the_versions_of_the_module_files() {
        let containerd = "{module: github.com/containerd/containerd/v2, version: v2.3.7, sum: h1}";
        let go_mod = ("go.mod".into(), "require helm.sh/helm/v3 v3.21.4\n".into());
        let native = GoModule::Own([go_mod].into());
        let modules = [
            ("native".to_owned(), native),
            ("containerd".to_owned(), GoModule::copy_from_yaml(containerd).unwrap()),
        ];
        let inputs = Inputs { modules: modules.into(), ..Inputs::default() };
        let versions: Vec<String> =
            programs(&inputs).into_iter().flat_map(|program| program.variables.into_values()).collect();
        assert_eq!(versions, ["v2.3.7", "v2.3.7", "v2.3.7", "v3.21.4"]);
        let stages = native_outline(&inputs, &Cache::new("/nonexistent"));
        let nothing_cached: Duration = stages.iter().map(|stage| stage.usual).sum();
        assert!(nothing_cached > Duration::from_mins(2), "{nothing_cached:?}");
        let subjects: Vec<&str> = stages.iter().map(|stage| stage.subject.as_str()).collect();
        let containerd = "github.com/containerd/containerd/v2";
        assert_eq!(subjects[..6], ["go", "kubelet", "kubeadm", "kubectl", containerd, "containerd"]);
        assert_eq!(subjects.len(), 9, "sources come once: {subjects:?}");
    }
}
