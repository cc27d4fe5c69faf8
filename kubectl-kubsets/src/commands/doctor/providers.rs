//! Which cluster providers can work here.

use kubsets_cluster::command::HostRunner;
use kubsets_cluster::k3d::K3d;
use kubsets_cluster::kind::Kind;
use kubsets_cluster::native::{host, network};
use kubsets_cluster::{Error, Provider as _};

use super::{Check, State};

/// In the order in which `up` tries them; `missing` are programs without which native nodes cannot be built.
pub(super) fn checks(missing: &[&str]) -> Vec<Check> {
    let native = host::check()
        .and_then(|()| network::free_slot(&HostRunner, &[], |_| false).map(drop))
        .and_then(|()| can_build(missing));
    vec![
        check("kind", Kind::new(HostRunner, None).check(), "kind and a container engine answer"),
        check("k3d", K3d::new(HostRunner, None).check(), "k3d and a container engine answer"),
        check("native", native, "root, namespaces, control groups, addresses and all packages"),
    ]
}

fn can_build(missing: &[&str]) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Unavailable {
        provider: "native",
        reason: format!(
            "programs and images have to be built, and these are not found: {}",
            missing.join(", ")
        ),
        fix: "hack/native-prerequisites.sh installs them".into(),
    })
}

fn check(name: &str, result: Result<(), Error>, found: &str) -> Check {
    match result {
        Ok(()) => Check::ok(name, found),
        Err(Error::Unavailable { reason, fix, .. }) => Check::missing(name, reason, fix),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "see the message".to_owned());
            Check::missing(name, error.to_string(), hint)
        }
    }
}

/// The provider that takes the cluster of the current context.
pub(super) fn current(cluster: &[Check], skipped: bool) -> Check {
    let fix = "point KUBECONFIG or --context to a cluster";
    match cluster.first() {
        Some(Check { state: State::Ok, found, .. }) => Check::ok("current", found.clone()),
        Some(check) => Check::missing("current", check.found.clone(), fix),
        None if skipped => Check::warning("current", "not asked", "leave --no-cluster out"),
        None => Check::missing("current", "no context", fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_provider_keeps_its_reason_and_fix() {
        let error =
            Error::Unavailable { provider: "native", reason: "it needs root".into(), fix: "use sudo".into() };
        assert_eq!(check("native", Err(error), ""), Check::missing("native", "it needs root", "use sudo"));
    }

    #[test]
    fn what_a_cold_cache_needs_is_named() {
        assert!(can_build(&[]).is_ok());
        let found = check("native", can_build(&["go", "mvn"]), "");
        assert_eq!(found.state, State::Missing);
        assert!(found.found.ends_with("not found: go, mvn"), "{}", found.found);
    }

    #[test]
    fn current_follows_the_access_to_the_cluster() {
        assert_eq!(current(&[Check::ok("access", "context x")], false).state, State::Ok);
        assert_eq!(current(&[Check::missing("access", "refused", "")], false).state, State::Missing);
        assert_eq!(current(&[], true).state, State::Warning);
    }
}
