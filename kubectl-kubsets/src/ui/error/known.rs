//! Hints for errors of the crates and libraries below this binary.

use std::error::Error;

use kubsets_kube::Hint;

use super::{ExitCode, Failure, builds};

/// What is known about an error beyond its text.
pub(super) struct Advice {
    /// Sentences that say what to do, best first; commands in backticks.
    pub(super) hints: Vec<String>,
    /// The exit code that it asks for.
    pub(super) code: ExitCode,
}

/// The hints of `error`, where its type is one that has some.
pub(super) fn advice_on(error: &(dyn Error + 'static)) -> Option<Advice> {
    let from = |error: &dyn Hint, code| Advice { hints: error.hint().into_iter().collect(), code };
    Some(if let Some(failure) = error.downcast_ref::<Failure>() {
        Advice { hints: failure.hints().to_vec(), code: failure.code() }
    } else if let Some(error) = error.downcast_ref::<kubsets_kube::AccessError>() {
        from(error, ExitCode::Cluster)
    } else if let Some(error) = error.downcast_ref::<kubsets_kube::ApiError>() {
        from(error, api_code(error))
    } else if let Some(error) = error.downcast_ref::<kubsets_kube::ForwardError>() {
        from(error, ExitCode::Cluster)
    } else if let Some(error) = error.downcast_ref::<kubsets_kube::WaitError>() {
        match error {
            kubsets_kube::WaitError::Timeout { .. } => Advice {
                hints: vec!["`kubectl kubsets status` says what is wrong and where to look first".to_owned()],
                code: ExitCode::Timeout,
            },
            kubsets_kube::WaitError::Api(error) => from(error, api_code(error)),
        }
    } else if let Some(error) = error.downcast_ref::<kubsets_cluster::Error>() {
        Advice { hints: error.hint().into_iter().collect(), code: cluster_code(error)? }
    } else if let Some(error) = error.downcast_ref::<kubsets_delivery::PlanError>() {
        let code = match error {
            kubsets_delivery::PlanError::Api(error) => api_code(error),
            error if error.is_cluster_error() => ExitCode::Cluster,
            _ => ExitCode::Usage,
        };
        from(error, code)
    } else if let Some(error) = error.downcast_ref::<kubsets_delivery::ManageError>() {
        from(error, ExitCode::from_number(error.exit_code()))
    } else if is_wrong_input(error) {
        Advice { hints: Vec::new(), code: ExitCode::Usage }
    } else if let Some(advice) = builds::advice_on(error) {
        advice
    } else if error.is::<kube::Error>() {
        Advice { hints: Vec::new(), code: ExitCode::Cluster }
    } else {
        return None;
    })
}

/// What a person typed or wrote into a file is not of the accepted form.
fn is_wrong_input(error: &(dyn Error + 'static)) -> bool {
    error.is::<kubsets_lab::LabError>()
        || error.is::<kubsets_delivery::RunIdError>()
        || error.is::<kubsets_judge::ConfigError>()
        || error.is::<kubsets_judge::LatencyError>()
        || error.is::<kubsets_load::SpecError>()
        || error.is::<kubsets_load::TargetError>()
        || error.is::<kubsets_load::GuardError>()
        || error.is::<kubsets_load::ScheduleError>()
        || error.is::<kubsets_load::TemplateError>()
        || error.is::<kubsets_load::ThresholdError>()
        || error.is::<kubsets_load::TrustError>()
        || matches!(error.downcast_ref(), Some(kubsets_load::FindMaxError::Options(_)))
        || matches!(error.downcast_ref(), Some(kubsets_load::LoadError::Name(_)))
}

/// A refusal by our own rules is a usage error, a late answer a timeout, the rest the cluster's.
fn api_code(error: &kubsets_kube::ApiError) -> ExitCode {
    match error.kind {
        kubsets_kube::ApiErrorKind::Refused(_) => ExitCode::Usage,
        kubsets_kube::ApiErrorKind::Timeout => ExitCode::Timeout,
        _ => ExitCode::Cluster,
    }
}

/// What cannot be done on this machine is skipped; what the person gave wrongly is a usage error; a build that failed has
/// a code of its own.
fn cluster_code(error: &kubsets_cluster::Error) -> Option<ExitCode> {
    use kubsets_cluster::Error;
    Some(match error {
        Error::Parts { .. } => return None,
        Error::Invalid { .. } | Error::NoNode { .. } | Error::Format { .. } => ExitCode::Usage,
        Error::Unavailable { .. } | Error::AddressInUse { .. } => ExitCode::Skipped,
        Error::Timeout { .. } | Error::Late { .. } => ExitCode::Timeout,
        Error::Leftover { .. } => ExitCode::CleanupIncomplete,
        _ => ExitCode::Cluster,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> kubsets_kube::ApiError {
        let io = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "tcp connect error");
        kubsets_kube::ApiError::new("read the server's version", kube::Error::Service(Box::new(io)))
    }

    #[test]
    fn an_unreachable_cluster_has_a_hint_and_its_code() {
        let error = refused();
        let known = advice_on(&error).expect("is known");
        assert_eq!(known.code, ExitCode::Cluster);
        assert!(known.hints[0].contains("kubectl kubsets doctor"));
    }

    #[test]
    fn a_namespace_that_is_not_ours_is_a_usage_error_at_plan_time() {
        let refusal = kubsets_kube::Refusal::UnlabelledNamespace { namespace: "production".into() };
        let refusal = kube::Error::Service(Box::new(refusal));
        let error = kubsets_kube::ApiError::new("change namespace production", refusal);
        let known = advice_on(&kubsets_delivery::PlanError::Api(error)).expect("is known");
        assert_eq!(known.code, ExitCode::Usage);
        assert!(known.hints[0].contains("--allow-namespace production"), "{:?}", known.hints);
    }

    #[tokio::test]
    async fn a_canary_without_the_gateway_api_is_refused_before_anything_is_changed() {
        let api = kubsets_undo::FakeApi::default();
        let container = serde_json::json!({"name": "web", "image": "x:1"});
        let deployment = serde_json::json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1,
                       "availableReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]},
        });
        api.put("deployments", deployment);
        let mut spec = kubsets_delivery::CanarySpec::new("web");
        spec.env.insert("APP_VERSION".into(), "2".into());
        let plan =
            async || kubsets_delivery::plan(&api.access(), spec.clone()).await.expect_err("is refused");
        // With the kind it is the route that is missing.
        assert!(plan().await.to_string().contains("no HTTPRoute"), "{}", plan().await);
        api.forget_kind("httproutes");
        let error = plan().await;
        let known = advice_on(&error).expect("is known");
        assert_eq!(known.code, ExitCode::Cluster);
        assert!(error.to_string().contains("the cluster has no Gateway API"), "{error}");
        assert!(known.hints[0].contains("`kubectl kubsets up`"), "{:?}", known.hints);
        assert_eq!(api.changes(), 0);
        assert!(api.requests().iter().all(|request| request.starts_with("GET ")), "{:?}", api.requests());
    }

    #[test]
    fn a_wrong_number_is_a_usage_error() {
        let error =
            kubsets_judge::JudgeConfig { error_limit: 7.0, ..Default::default() }.validate().unwrap_err();
        assert_eq!(advice_on(&error).expect("is known").code, ExitCode::Usage);
    }

    #[test]
    fn a_program_that_hangs_is_a_timeout_with_what_to_try() {
        let limit = kubsets_cluster::command::QUESTION;
        let late = kubsets_cluster::Error::Late { program: "kind get clusters --quiet".into(), limit };
        let known = advice_on(&late).expect("is known");
        assert_eq!(known.code, ExitCode::Timeout);
        assert!(known.hints[0].contains("--provider native"), "{:?}", known.hints);
    }

    #[test]
    fn errors_of_strangers_have_no_hint() {
        assert!(advice_on(&std::fmt::Error).is_none());
    }
}
