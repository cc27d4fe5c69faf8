//! Programs that build images or talk to clusters.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kubsets_cluster::Error;
use kubsets_cluster::command::{HostRunner, Invocation, Runner as _};

use super::Check;
use crate::ui::bytes;

pub(super) fn checks(cache: &Path) -> Vec<Check> {
    vec![
        tool("kubectl", &["version", "--client"], "install kubectl: https://kubernetes.io/docs/tasks/tools/"),
        tool("cargo", &["--version"], "needed to build the images of the demo stack: https://rustup.rs"),
        go(kubsets_image::installed_go()),
        tool(
            "mmdebstrap",
            &["--version"],
            "needed for images from Debian packages: hack/native-prerequisites.sh",
        ),
        tool("mvn", &["--version"], "needed for the image of Kafka: hack/native-prerequisites.sh"),
        completion(),
        cache_folder(cache),
    ]
}

/// Programs beside Go that build images, as a person calls them, with a question each answers.
const BUILDERS: [(&str, &str, &[&str]); 3] = [
    ("mmdebstrap", "mmdebstrap", &["--version"]),
    ("mvn", "mvn", &["--version"]),
    ("pip", "python3", &["-m", "pip", "--version"]),
];

/// Builders that are not here.
pub(super) fn missing_builders() -> Vec<&'static str> {
    let go = kubsets_image::installed_go().is_none().then_some("go");
    go.into_iter().chain(missing_of(&BUILDERS)).collect()
}

fn missing_of(builders: &[(&'static str, &str, &[&str])]) -> Vec<&'static str> {
    let absent = builders.iter().filter(|(_, program, args)| first_line(program, args).is_err());
    absent.map(|(name, ..)| *name).collect()
}

fn go(found: Option<(PathBuf, String)>) -> Check {
    match found {
        Some((program, version)) => Check::ok("go", format!("{version}: {}", program.display())),
        None => Check::warning(
            "go",
            "not found",
            "needed to build the native cluster's binaries: hack/native-prerequisites.sh",
        ),
    }
}

fn tool(name: &str, args: &[&str], fix: &str) -> Check {
    match first_line(name, args) {
        Ok(line) => Check::ok(name, line),
        Err(Error::Start { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Check::warning(name, "not found on PATH", fix)
        }
        Err(error) => Check::warning(name, error.to_string(), error.hint().unwrap_or_else(|| fix.to_owned())),
    }
}

/// The first line that a program writes, where it can be run.
fn first_line(program: &str, args: &[&str]) -> Result<String, Error> {
    let text = HostRunner.run(&Invocation::new(program).args(args.iter().copied()))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn completion() -> Check {
    let name = crate::COMPLETION_NAME;
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists())
    });
    match found {
        Some(file) => Check::ok("completion", format!("kubectl finds {}", file.display())),
        None => Check::warning(
            "completion",
            "kubectl cannot complete",
            "kubectl kubsets completion install-kubectl",
        ),
    }
}

fn cache_folder(cache: &Path) -> Check {
    let size = folder_size(cache);
    let text = format!("{}: {}", cache.display(), if size == 0 { "empty".to_owned() } else { bytes(size) });
    Check::ok("cache", text)
}

/// Bytes of all files below a folder; links are not followed.
fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => folder_size(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_comes_with_its_fix() {
        assert!(missing_of(&[("x", "no-such-program-of-kubsets", &[]), ("sh", "sh", &["-c", ""])]) == ["x"]);
        let check = tool("no-such-program-of-kubsets", &[], "install it");
        assert_eq!((check.found.as_str(), check.fix.as_deref()), ("not found on PATH", Some("install it")));
        assert_eq!(go(None).fix.as_deref().map(|fix| fix.contains("native-prerequisites")), Some(true));
        assert_eq!(go(Some(("/opt/go".into(), "1.26.7".into()))).found, "1.26.7: /opt/go");
        let check = tool("sh", &["-c", "echo no licence >&2; exit 3"], "install it");
        assert!(check.found.ends_with("failed with exit code 3: no licence"), "{check:?}");
    }

    #[test]
    fn a_folder_weighs_what_its_files_weigh() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("a")).expect("a folder can be made");
        std::fs::write(folder.path().join("a/b"), [0; 100]).expect("a file can be written");
        assert_eq!(folder_size(folder.path()), 100);
        assert_eq!(folder_size(&folder.path().join("absent")), 0);
    }
}
