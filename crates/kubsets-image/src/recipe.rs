//! What an image is made of: the `images:` part of a component file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipe {
    /// Name and tag, for example `registry.kubsets.local/coredns:v1.14.1`. The tag is the version label.
    pub reference: String,
    /// Revision label: the upstream version. Absent: the revision of our own source, see
    /// [`Inputs::revision`](crate::Inputs::revision).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Source label: where the code of the image lives.
    pub source: String,
    /// The layers, lowest first. A base layer (users, certificates, `/tmp`) comes before them.
    pub layers: Vec<Layer>,
    /// Numeric user and group of the container.
    #[serde(default = "default_user")]
    pub user: u32,
    /// Program and first arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments that a pod's `args` replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Folder in which the program starts.
    #[serde(default = "default_workdir")]
    pub workdir: String,
    /// Whether the base layer holds the certificates of the public authorities.
    #[serde(default = "default_true")]
    pub ca_certificates: bool,
}

fn default_user() -> u32 {
    65532
}

fn default_workdir() -> String {
    "/".to_owned()
}

fn default_true() -> bool {
    true
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Layer {
    /// A program built from a Go module.
    GoBinary(GoBinary),
    /// One of our own programs, with the C libraries that it needs.
    RustBinary(RustBinary),
    /// One file of a Python wheel; a dynamic program gets its C libraries.
    Wheel(WheelLayer),
    /// Jars from Maven Central.
    Maven(MavenLayer),
    /// The files of Debian packages and of what they depend on.
    Debian(DebianLayer),
    /// Files whose content is in the recipe.
    Files(Vec<FileEntry>),
}

/// A program built from a Go module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoBinary {
    /// Name of the module in [`Inputs::modules`](crate::Inputs::modules), for example `native`.
    pub module: String,
    /// Import path of the main package.
    pub package: String,
    /// Absolute path in the image.
    pub to: String,
    /// Values of string variables that the linker sets, for example a version. Programs of
    /// `k8s.io/kubernetes` get their version by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// One of our own programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RustBinary {
    /// File name in [`Inputs::binaries`](crate::Inputs::binaries).
    pub bin: String,
    /// Absolute path in the image.
    pub to: String,
}

/// One file of a Python wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WheelLayer {
    /// Name on the Python package index.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// SHA-256 of the wheel file.
    pub sha256: String,
    /// Path of the file inside the wheel.
    pub file: String,
    /// Absolute path in the image.
    pub to: String,
}

/// Jars from Maven Central.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MavenLayer {
    /// The jars.
    pub artifacts: Vec<JarArtifact>,
    /// Absolute path of the folder in the image.
    pub to: String,
}

/// One jar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JarArtifact {
    /// `group:name:version` or `group:name:version:classifier`.
    pub coordinates: String,
    /// SHA-256 of the jar.
    pub sha256: String,
}

/// The files of Debian packages. Nothing is configured: no maintainer script runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DebianLayer {
    /// The release, for example `bookworm`.
    pub suite: String,
    /// Names of packages; what they depend on comes along.
    pub packages: Vec<String>,
    /// Paths to leave out; `*` is any part of one name, `**` any part of a path. A folder takes its
    /// content with it. Manuals, translations and the package manager's state are always left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prune: Vec<String>,
    /// When not empty, only these paths are taken (same patterns), before `prune`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// A file, a folder or a symbolic link whose content is in the recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileEntry {
    /// Absolute path in the image; a folder when it ends in `/`.
    pub path: String,
    /// Text of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Target, when this is a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Octal permissions, by default `0644` for files and `0755` for folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A recipe is not usable.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The text is not a recipe.
    #[error("the recipe cannot be read: {0}")]
    Syntax(String),
    /// A field has a value that cannot work.
    #[error("recipe of {reference}: {field}: {reason}")]
    Field {
        /// The image.
        reference: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Recipe {
    /// Reads one recipe from YAML and checks it.
    ///
    /// # Errors
    /// When the text is not YAML, has an unknown field, or a value cannot work.
    pub fn from_yaml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self =
            serde_saphyr::from_str(text).map_err(|error| RecipeError::Syntax(error.to_string()))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Checks the values that the types alone do not.
    ///
    /// # Errors
    /// Names the first field that cannot work and why.
    pub fn check(&self) -> Result<(), RecipeError> {
        let fail = |field: &str, reason: String| {
            Err(RecipeError::Field { reference: self.reference.clone(), field: field.to_owned(), reason })
        };
        let Some((name, tag)) = self.reference.rsplit_once(':') else {
            return fail("reference", "needs a tag, as in name:v1".to_owned());
        };
        if name.is_empty()
            || tag.is_empty()
            || tag.contains('/')
            || self.reference.contains(char::is_whitespace)
        {
            return fail("reference", format!("{:?} is not name:tag", self.reference));
        }
        if self.layers.is_empty() {
            return fail("layers", "is empty".to_owned());
        }
        for (index, layer) in self.layers.iter().enumerate() {
            if let Err(reason) = layer.check() {
                return fail(&format!("layers[{index}]"), reason);
            }
        }
        if !self.workdir.starts_with('/') {
            return fail("workdir", format!("{:?} is not absolute", self.workdir));
        }
        Ok(())
    }

    /// The tag, which is also the version label.
    pub fn version(&self) -> &str {
        self.reference.rsplit_once(':').map_or("", |(_, tag)| tag)
    }

    /// The last part of the name, which is also the title label.
    pub fn title(&self) -> &str {
        let name = self.reference.rsplit_once(':').map_or(self.reference.as_str(), |(name, _)| name);
        name.rsplit('/').next().unwrap_or(name)
    }
}

impl Layer {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::GoBinary(layer) => absolute(&layer.to),
            Self::RustBinary(layer) => absolute(&layer.to),
            Self::Wheel(layer) => absolute(&layer.to).and(sha256(&layer.sha256)),
            Self::Maven(layer) => {
                absolute(&layer.to)?;
                layer.artifacts.iter().try_for_each(|jar| {
                    sha256(&jar.sha256)?;
                    jar.path().map(|_| ())
                })
            }
            Self::Debian(layer) if layer.packages.is_empty() => Err("packages is empty".to_owned()),
            Self::Debian(layer) => {
                match layer.packages.iter().chain([&layer.suite]).find(|name| !plain(name)) {
                    Some(name) => Err(format!("{name:?} is not the name of a package or suite")),
                    None => Ok(()),
                }
            }
            Self::Files(files) => files.iter().try_for_each(FileEntry::check),
        }
    }
}

impl FileEntry {
    fn check(&self) -> Result<(), String> {
        absolute(&self.path)?;
        self.mode()?;
        match (self.is_folder(), &self.content, &self.link) {
            (true, None, None) | (false, Some(_), None) | (false, None, Some(_)) => Ok(()),
            (true, ..) => Err(format!("{}: a folder has neither content nor link", self.path)),
            (false, ..) => Err(format!("{}: needs either content or link", self.path)),
        }
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.path.ends_with('/')
    }

    pub(crate) fn mode(&self) -> Result<u32, String> {
        match &self.mode {
            None if self.is_folder() => Ok(0o755),
            None => Ok(0o644),
            Some(text) => u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o7777)
                .ok_or_else(|| format!("{}: mode {text:?} is not octal permissions", self.path)),
        }
    }
}

impl JarArtifact {
    /// The path of the jar in a Maven repository.
    pub(crate) fn path(&self) -> Result<String, String> {
        let parts: Vec<&str> = self.coordinates.split(':').collect();
        let (group, name, version, classifier) = match parts[..] {
            [group, name, version] => (group, name, version, String::new()),
            [group, name, version, classifier] => (group, name, version, format!("-{classifier}")),
            _ => return Err(format!("{:?} is not group:name:version", self.coordinates)),
        };
        if parts.iter().any(|part| !plain(part)) {
            return Err(format!("{:?} is not group:name:version", self.coordinates));
        }
        Ok(format!("{}/{name}/{version}/{name}-{version}{classifier}.jar", group.replace('.', "/")))
    }
}

/// Names that are passed to other programs must not be able to look like options.
fn plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
}

fn absolute(path: &str) -> Result<(), String> {
    let inside = path.starts_with('/') && path.len() > 1 && !path.split('/').any(|part| part == "..");
    if inside { Ok(()) } else { Err(format!("{path:?} is not an absolute path")) }
}

fn sha256(text: &str) -> Result<(), String> {
    let good = text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    if good { Ok(()) } else { Err(format!("{text:?} is not a SHA-256 in lower-case hexadecimal form")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
reference: registry.kubsets.local/example:v1
source: https://example.com/source
layers:
  - goBinary: {module: native, package: example.com/cmd, to: /cmd}
  - files: [{path: /etc/x, content: hello, mode: '0600'}, {path: /data/}, {path: /bin/y, link: x}]
entrypoint: [/cmd]
";

    #[test]
    fn reads_a_recipe_with_its_defaults() {
        let recipe = Recipe::from_yaml(GOOD).unwrap();
        assert_eq!((recipe.user, recipe.workdir.as_str()), (65532, "/"));
        assert_eq!((recipe.version(), recipe.title()), ("v1", "example"));
        assert!(recipe.ca_certificates);
        let Layer::Files(files) = &recipe.layers[1] else { panic!("second layer is files") };
        let modes: Vec<u32> = files.iter().map(|file| file.mode().unwrap()).collect();
        assert_eq!(modes, [0o600, 0o755, 0o644]);
    }

    #[test]
    fn refuses_what_cannot_work() {
        for (from, to, expected) in [
            ("source:", "sauce:", "sauce"),
            ("example:v1", "example", "needs a tag"),
            ("to: /cmd", "to: cmd", "layers[0]: \"cmd\" is not an absolute path"),
            ("to: /cmd", "to: /../cmd", "is not an absolute path"),
            ("'0600'", "'9'", "is not octal"),
            ("content: hello,", "", "needs either content or link"),
            ("goBinary", "goBinry", "goBinry"),
        ] {
            let error = Recipe::from_yaml(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to:?} gave {error}");
        }
    }

    #[test]
    fn jar_paths_follow_the_repository_layout() {
        let jar = |coordinates: &str| JarArtifact { coordinates: coordinates.into(), sha256: String::new() };
        assert_eq!(
            jar("org.apache.kafka:kafka_2.13:4.1.0").path().unwrap(),
            "org/apache/kafka/kafka_2.13/4.1.0/kafka_2.13-4.1.0.jar"
        );
        assert_eq!(jar("a.b:c:1:linux").path().unwrap(), "a/b/c/1/c-1-linux.jar");
        assert!(jar("a:b").path().is_err());
        assert!(jar("a:../b:1").path().is_err());
    }
}
