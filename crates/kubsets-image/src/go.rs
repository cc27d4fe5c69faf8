//! Programs and folders of Go modules.

mod toolchain;
mod workspace;

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
pub use toolchain::installed_go;

use crate::{
    cache::{Cache, CacheError},
    command::{self, CommandError},
    digest,
    inputs::Inputs,
    progress::{Expected, Sink, Stage, cached},
    recipe::GoBinary,
    source::Part,
};

/// Where Go programs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoModule {
    /// A module of our own that requires the modules of the programs, so that they share packages: texts by path,
    /// `go.mod`, `go.sum`, `tools.go`, which imports the programs, and programs of its own.
    Own(BTreeMap<String, String>),
    /// A published module, built in a writable copy with its own go.mod.
    Copy(ModuleSource),
}

/// A published module by its exact content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleSource {
    /// Module path.
    pub module: String,
    /// Version with `v`.
    pub version: String,
    /// The `h1:` sum of the module's files, as in a go.sum.
    pub sum: String,
}

/// A Go program or module cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GoError {
    /// A recipe names a module that the inputs do not have.
    #[error("there is no Go module named {0:?}")]
    UnknownModule(String),
    /// A path is not required by the module.
    #[error("go.mod does not require {0}")]
    NotRequired(String),
    /// No Go is installed.
    #[error(
        "no Go is installed (Go {required} is needed, or any Go from 1.19 on, which can fetch it); \
         hack/native-prerequisites.sh installs one"
    )]
    NoGo {
        /// The version that the module asks for.
        required: String,
    },
    /// The go command printed something that cannot be understood.
    #[error("go printed something unexpected: {0}")]
    Output(String),
    /// The downloaded module is not the one that was pinned.
    #[error("{module} has the sum {found}, expected {expected}")]
    Sum {
        /// Module path and version.
        module: String,
        /// What was downloaded.
        found: String,
        /// What is pinned.
        expected: String,
    },
    /// The part is not in the cache and the network may not be used.
    #[error("{0} is not in the cache and the build is offline")]
    Offline(String),
    /// The go command failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl GoError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl GoModule {
    /// Reads a published module's pin: `module`, `version` and `sum`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn copy_from_yaml(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map(Self::Copy).map_err(|error| error.to_string())
    }

    /// The version of a required module, or of the module itself.
    pub fn version_of(&self, path: &str) -> Option<&str> {
        match self {
            Self::Copy(source) => (source.module == path).then_some(source.version.as_str()),
            Self::Own(files) => files.get("go.mod")?.lines().find_map(|line| {
                let line = line.trim().trim_start_matches("require ");
                let version = line.strip_prefix(path)?.strip_prefix(' ')?;
                version.split_whitespace().next().filter(|version| version.starts_with('v'))
            }),
        }
    }

    /// Everything that decides what is built from the module.
    fn key(&self) -> String {
        match self {
            Self::Own(files) => digest::of_key(&("own", files)),
            Self::Copy(source) => digest::of_key(&("copy", source)),
        }
    }
}

/// The packages that `go build` has to compile: those that its cache does not have. A program is never up to date for
/// `go list` where it is not installed.
const STALE: &str = "-f={{if and .Stale (ne .StaleReason \"not installed but available in build cache\")}}\
                     {{.ImportPath}}{{end}}";

/// No notes for debuggers, which the linker would throw away (`-s -w`): a tenth less time to compile.
const COMPILER_FLAGS: &str = "-gcflags=all=-dwarf=false";

/// A built program and what is known of it.
pub(crate) struct BuiltGo {
    pub(crate) program: PathBuf,
    /// The output of `go version -m`: the module of the program and its dependencies.
    pub(crate) build_info: String,
}

/// Builds the program, or takes it from the cache; for programs that run on the host.
pub(crate) fn binary(
    binary: &GoBinary,
    inputs: &Inputs,
    cache: &Cache,
    sink: Sink<'_>,
) -> Result<PathBuf, GoError> {
    let key = key_of(binary, inputs)?;
    let name = program_name(binary);
    if cache.has("go", &key) {
        cached(sink, name, stage_name(binary));
    }
    let folder = cache.entry("go", &key, sink, |folder, sink| {
        compile(binary, inputs, cache, folder, sink)?;
        Ok::<_, GoError>(())
    })?;
    Ok(folder.join(name))
}

/// Builds the program into a folder.
pub(crate) fn compile(
    binary: &GoBinary,
    inputs: &Inputs,
    cache: &Cache,
    folder: &Path,
    sink: Sink<'_>,
) -> Result<BuiltGo, GoError> {
    let module = module(inputs, &binary.module)?;
    let name = program_name(binary);
    let home = workspace::prepare(module, inputs, cache, sink)?;
    let go = toolchain::find(&home, inputs, sink)?;
    let mut stage = Stage::start(sink, name, stage_name(binary), estimate(&binary.package));
    let program = folder.join(name);
    let flags = linker_flags(module, binary);
    let go_build = |verb: &str| {
        let mut command = go.command(&home);
        command.args([verb, "-mod=readonly", "-trimpath", COMPILER_FLAGS]);
        command.args(["-ldflags", &flags]);
        if inputs.offline {
            command.env("GOPROXY", "off");
        }
        command
    };
    let list = command::output(go_build("list").args(["-deps", STALE, &binary.package]))?;
    let packages: HashSet<String> = list.lines().map(str::to_owned).collect();
    stage.expect(packages.len(), "packages");
    let mut build = go_build("build");
    build.args(["-v", "-o"]).arg(&program).arg(&binary.package);
    command::run_counted(&mut build, &mut stage, packages)?;
    let build_info = command::output(go.command(&home).args(["version", "-m"]).arg(&program))?;
    stage.finish();
    Ok(BuiltGo { program, build_info })
}

fn stage_name(binary: &GoBinary) -> String {
    format!("go build {}", binary.package)
}

/// The hash of everything that decides the program.
pub(crate) fn key_of(binary: &GoBinary, inputs: &Inputs) -> Result<String, GoError> {
    Ok(key(module(inputs, &binary.module)?, binary))
}

/// The modules that `go version -m` lists: lines such as `dep\tgolang.org/x/sys\tv0.1.0\th1:…`.
pub(crate) fn parts(build_info: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in build_info.lines() {
        let mut fields = line.trim().split('\t');
        let (kind, name, version) = (fields.next(), fields.next(), fields.next());
        let (Some(kind), Some(name), Some(version)) = (kind, name, version) else { continue };
        // a replacement follows the line of what it replaces
        if kind == "=>" {
            parts.pop();
        }
        if ["mod", "dep", "=>"].contains(&kind) && version.starts_with('v') {
            parts.push(Part {
                name: name.to_owned(),
                version: version.to_owned(),
                purl: format!("pkg:golang/{name}@{version}"),
                sha256: None,
            });
        }
    }
    parts
}

/// Whether the program is in the cache.
pub(crate) fn is_cached(binary: &GoBinary, inputs: &Inputs, cache: &Cache) -> bool {
    module(inputs, &binary.module).is_ok_and(|module| cache.has("go", &key(module, binary)))
}

/// The stages of [`compile`], added to others.
pub(crate) fn expect(binary: &GoBinary, inputs: &Inputs, cache: &Cache, others: &mut Vec<Expected>) {
    let sources =
        module(inputs, &binary.module).ok().and_then(|module| workspace::expected(module, inputs, cache));
    let build = Expected::new(program_name(binary), stage_name(binary), estimate(&binary.package));
    for stage in sources.into_iter().chain([build]) {
        stage.join(others);
    }
}

/// The folder of a module that `native` requires, for example of a chart or of manifests.
///
/// # Errors
/// When the module is not required, cannot be downloaded, or Go is missing.
pub fn module_dir(
    path: &str,
    inputs: &Inputs,
    cache: &Cache,
    sink: &mut dyn FnMut(crate::Progress),
) -> Result<PathBuf, GoError> {
    let module = module(inputs, "native")?;
    let version = module.version_of(path).ok_or_else(|| GoError::NotRequired(path.to_owned()))?;
    let key = digest::of_key(&("module", path, version, module.key()));
    let folder = cache.entry("go-sources", &key, sink, |folder, sink| {
        let home = workspace::prepare(module, inputs, cache, sink)?;
        let go = toolchain::find(&home, inputs, sink)?;
        let mut stage = Stage::start(sink, path, "go mod download", Duration::from_secs(5));
        let source = workspace::download(&go, &home, path, inputs)?;
        workspace::copy_tree(&source.dir, &folder.join("source"))?;
        stage.tick();
        stage.finish();
        Ok::<_, GoError>(())
    })?;
    Ok(folder.join("source"))
}

fn module<'a>(inputs: &'a Inputs, name: &str) -> Result<&'a GoModule, GoError> {
    inputs.modules.get(name).ok_or_else(|| GoError::UnknownModule(name.to_owned()))
}

fn key(module: &GoModule, binary: &GoBinary) -> String {
    digest::of_key(&(
        "go-1",
        module.key(),
        &binary.package,
        COMPILER_FLAGS,
        linker_flags(module, binary),
        std::env::consts::ARCH,
    ))
}

/// The name of the file that is built: the last part of the path in the image.
fn program_name(binary: &GoBinary) -> &str {
    binary.to.rsplit('/').next().unwrap_or(&binary.to)
}

fn linker_flags(module: &GoModule, binary: &GoBinary) -> String {
    let mut flags = "-s -w -buildid=".to_owned();
    let mut set = |name: &str, value: &str| {
        flags.push_str(" -X ");
        flags.push_str(name);
        flags.push('=');
        flags.push_str(value);
    };
    if let Some(version) = kubernetes_version(module, &binary.package) {
        let mut parts = version.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("0"));
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
            set(&format!("{package}.gitVersion"), version);
            set(&format!("{package}.gitMajor"), major);
            set(&format!("{package}.gitMinor"), minor);
            set(&format!("{package}.gitTreeState"), "archive");
        }
    }
    for (name, value) in &binary.variables {
        set(name, value);
    }
    flags
}

fn kubernetes_version<'a>(module: &'a GoModule, package: &str) -> Option<&'a str> {
    package.starts_with("k8s.io/kubernetes/").then(|| module.version_of("k8s.io/kubernetes")).flatten()
}

/// Seconds on two cores, measured from an empty build cache in the order of `up`: later programs find most of their
/// packages compiled. Their number corrects it when a build begins.
pub(crate) fn estimate(package: &str) -> Duration {
    let name = package.rsplit('/').next().unwrap_or(package);
    Duration::from_secs(match name {
        "envoy-gateway" => 113,
        "coredns" => 65,
        "kube-apiserver" => 61,
        "kube-controller-manager" => 46,
        "containerd" => 42,
        "kubelet" | "kubeadm" | "kubectl" => 14,
        "helm" => 11,
        _ => 5,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native() -> GoModule {
        let go_mod = "module x\n\nrequire (\n\tk8s.io/kubernetes v1.36.3\n\tk8s.io/kubernetes/x v9 // indirect\n)\n\
                      require helm.sh/helm/v3 v3.21.4\n";
        GoModule::Own([("go.mod".into(), go_mod.into())].into())
    }

    #[test]
    fn versions_come_from_the_module_file() {
        let module = native();
        assert_eq!(module.version_of("k8s.io/kubernetes"), Some("v1.36.3"));
        assert_eq!(module.version_of("helm.sh/helm/v3"), Some("v3.21.4"));
        assert_eq!(module.version_of("helm.sh/helm"), None);
    }

    #[test]
    fn parts_are_modules_after_replacement() {
        let info = "\tpath\tk8s.io/kubernetes/cmd/kubelet\n\tmod\tx\t(devel)\t\n\tdep\tk8s.io/api\tv0.0.0\n\
                    \t=>\tk8s.io/api\tv0.36.3\th1:x=\n\tdep\tgo.uber.org/zap\tv1.27.0\th1:y=\n\tbuild\tCGO_ENABLED=0\n";
        let found: Vec<String> = parts(info).into_iter().map(|part| part.purl).collect();
        assert_eq!(found, ["pkg:golang/k8s.io/api@v0.36.3", "pkg:golang/go.uber.org/zap@v1.27.0"]);
    }

    #[test]
    fn kubernetes_programs_get_their_version() {
        let mut binary = GoBinary {
            module: "native".into(),
            package: "k8s.io/kubernetes/cmd/kubelet".into(),
            to: "/kubelet".into(),
            variables: [("main.x".to_owned(), "1".to_owned())].into(),
        };
        let flags = linker_flags(&native(), &binary);
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.36.3 "), "{flags}");
        assert!(flags.contains("version.gitMinor=36 ") && flags.ends_with("-X main.x=1"), "{flags}");
        let first = key(&native(), &binary);
        binary.package = "example.com/other".into();
        assert_eq!(linker_flags(&native(), &binary), "-s -w -buildid= -X main.x=1");
        assert_ne!(first, key(&native(), &binary));
    }
}
