//! Hints for errors of the crates and libraries below this binary.

use std::error::Error;

use super::{ExitCode, Failure, Hint};

/// The hints of `error`, where its type is one that has some.
pub(super) fn hint_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a dyn Hint> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure);
    }
    if let Some(error) = error.downcast_ref::<kube::Error>() {
        return Some(error);
    }
    if let Some(error) = error.downcast_ref::<kube::config::KubeconfigError>() {
        return Some(error);
    }
    None
}

impl Hint for kube::Error {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Api(status) => api_hints(status.code, &status.message),
            Self::HyperError(_) | Self::Service(_) => {
                vec![
                    "is the cluster up? `kubectl kubsets cluster list` and `kubectl kubsets doctor` say more"
                        .to_owned(),
                ]
            }
            Self::Auth(_) => vec![
                "the credentials of this context do not work: log in again or pick another with --context"
                    .to_owned(),
            ],
            _ => Vec::new(),
        }
    }

    fn exit_code(&self) -> Option<ExitCode> {
        Some(ExitCode::Cluster)
    }
}

impl Hint for kube::config::KubeconfigError {
    fn hints(&self) -> Vec<String> {
        vec![
            "`kubectl config get-contexts` lists what there is; `kubectl kubsets up` makes a cluster"
                .to_owned(),
        ]
    }

    fn exit_code(&self) -> Option<ExitCode> {
        Some(ExitCode::Cluster)
    }
}

/// What to do about an answer of the API server.
fn api_hints(code: u16, message: &str) -> Vec<String> {
    let hint = match code {
        401 => {
            "the API server does not accept these credentials: log in again or pick another context with --context"
        }
        403 => "this user lacks the right named above: `kubectl auth can-i --list` shows what it has",
        404 if message.contains("the server could not find the requested resource") => {
            "a kind of resource is not installed here: `kubectl kubsets doctor` says which and how to add it"
        }
        409 => {
            "another tool owns a field of this object: `kubectl get -o yaml --show-managed-fields` shows which"
        }
        422 => "the API server found the object invalid",
        429 => "the API server is busy: try again in a moment",
        500..=599 => "the API server has trouble: `kubectl kubsets status` shows its parts",
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_api_server_have_their_own_hint() {
        for code in [401, 403, 409, 429, 500, 503] {
            assert_eq!(api_hints(code, "").len(), 1, "{code}");
        }
        assert!(api_hints(404, "pods \"x\" not found").is_empty());
        assert_eq!(api_hints(404, "the server could not find the requested resource").len(), 1);
    }
}
