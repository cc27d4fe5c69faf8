//! What to do about builds of images and programs that failed.

use std::error::Error;
use std::io;

use kubsets_image::{BuildError, CacheError, CommandError, GoError, SourceError};

use super::ExitCode;
use super::known::Advice;

/// The hints on an error of a build, where it is one.
pub(super) fn advice_on(error: &(dyn Error + 'static)) -> Option<Advice> {
    if let Some(error) = error.downcast_ref::<BuildError>() {
        return match error {
            BuildError::Layer { source, .. } => Some(on_source(source)),
            BuildError::Cache(error) => Some(on_cache(error)),
            BuildError::Recipe(_) => None,
        };
    }
    let source = error.downcast_ref().map(on_source);
    let go = || error.downcast_ref().map(on_go);
    let command = || error.downcast_ref().map(on_command);
    source.or_else(go).or_else(command).or_else(|| error.downcast_ref().map(on_cache))
}

fn on_source(error: &SourceError) -> Advice {
    match error {
        SourceError::NotBuilt { bin, .. } => {
            missing(format!("`cargo build --release --bin {bin}`, or `make build` for all of ours"))
        }
        SourceError::Offline(_) => offline(),
        SourceError::Absent(_) => missing(PREREQUISITES),
        SourceError::Checksum { .. } => changed(),
        SourceError::Go(error) => on_go(error),
        SourceError::Command(error) => on_command(error),
        SourceError::Cache(error) => on_cache(error),
        SourceError::Io { source, .. } => on_io(source),
    }
}

fn on_go(error: &GoError) -> Advice {
    match error {
        GoError::NoGo { .. } => missing(PREREQUISITES),
        GoError::Offline(_) => offline(),
        GoError::Sum { .. } => changed(),
        GoError::Command(error) => on_command(error),
        GoError::Cache(error) => on_cache(error),
        GoError::Io { source, .. } => on_io(source),
        GoError::UnknownModule(_) | GoError::NotRequired(_) | GoError::Output(_) => failed(Vec::new()),
    }
}

fn on_command(error: &CommandError) -> Advice {
    match error {
        CommandError::Missing { .. } => missing(PREREQUISITES),
        CommandError::Io { source, .. } => on_io(source),
        CommandError::Failed { output, .. } => on_output(&output.to_lowercase()),
    }
}

/// What a program printed before it failed, in lower case.
fn on_output(output: &str) -> Advice {
    let has = |words: &[&str]| words.iter().any(|word| output.contains(word));
    if has(&["no space left"]) {
        return failed(vec![DISK_FULL.into()]);
    }
    if has(&["dial tcp", "no such host", "could not resolve", "failure resolving", "network is unreachable"])
    {
        return failed(vec![NETWORK.into()]);
    }
    failed(vec!["the last lines of the program say why; what is built already is kept".into()])
}

fn on_cache(error: &CacheError) -> Advice {
    match error {
        CacheError::NoHome => missing("set KUBSETS_CACHE to a folder"),
        CacheError::Io { source, .. } => on_io(source),
    }
}

fn on_io(error: &io::Error) -> Advice {
    failed(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => vec![DISK_FULL.into()],
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            vec!["set KUBSETS_CACHE to a folder that can be written".into()]
        }
        _ => Vec::new(),
    })
}

const PREREQUISITES: &str =
    "`hack/native-prerequisites.sh` installs what builds need; `kubectl kubsets doctor` says what is missing";
const DISK_FULL: &str = "free some space, or set KUBSETS_CACHE to a folder on another disk";
const NETWORK: &str = "the first build of an image needs the network: look at its proxy settings and GOPROXY; \
                       later ones come from the cache";

fn offline() -> Advice {
    missing("build it once with the network; from then on it comes from the cache")
}

fn changed() -> Advice {
    failed(vec![
        "something on the way changed the download, often a proxy; it was thrown away: try again".into(),
    ])
}

fn missing(hint: impl Into<String>) -> Advice {
    Advice { hints: vec![hint.into()], code: ExitCode::Skipped }
}

fn failed(hints: Vec<String>) -> Advice {
    Advice { hints, code: ExitCode::Host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_layer(source: SourceError) -> BuildError {
        let (reference, layer) = ("demo-app".to_owned(), "go".to_owned());
        BuildError::Layer { reference, layer, source: Box::new(source) }
    }

    #[test]
    fn a_missing_need_is_skipped_with_the_way_to_get_it() {
        let go = GoError::NoGo { required: "1.26".into() };
        let tool = CommandError::Missing { program: "dpkg-deb".into() };
        for error in [SourceError::Go(go), SourceError::Command(tool), SourceError::Absent("x".into())] {
            let advice = advice_on(&in_a_layer(error)).expect("is known");
            assert_eq!(advice.code, ExitCode::Skipped);
            assert!(advice.hints[0].contains("hack/native-prerequisites.sh"), "{:?}", advice.hints);
        }
        let advice = advice_on(&GoError::Offline("containerd".into())).expect("is known");
        assert_eq!(advice.code, ExitCode::Skipped);
        assert!(advice.hints[0].contains("with the network"), "{:?}", advice.hints);
    }

    #[test]
    fn a_full_disk_and_a_lost_network_are_told_apart() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let full = SourceError::Cache(CacheError::Io { path: "/cache".into(), source: full });
        let advice = advice_on(&in_a_layer(full)).expect("is known");
        assert_eq!((advice.code, advice.hints[0].as_str()), (ExitCode::Host, DISK_FULL));
        assert_eq!(on_output("write /x: no space left on device").hints, [DISK_FULL]);
        assert_eq!(on_output("dial tcp: lookup host: no such host").hints, [NETWORK]);
        assert_eq!(on_output("undefined: foo").code, ExitCode::Host);
    }
}
