//! The changes of a canary, asked of the API server and not made.

use std::collections::BTreeSet;

use kubsets_kube::{Access, ApiError, ObjectRef, Trial};
use kubsets_lab::operation::WatchdogPolicy;
use kubsets_undo::object::{apply, reference, set_at};
use kubsets_undo::{Entry, try_keeping};

use crate::driver::{HttpRouteDriver, Side, TrafficDriver};
use crate::objects::{canary_deployment, canary_service};
use crate::plan::Plan;
use crate::route::GATEWAY_API;

/// Asks for everything that a run of the plan would make and change, up to its promotion.
///
/// # Errors
/// [`ApiError`] where the server gives no answer.
pub async fn try_out(access: &Access, plan: &Plan) -> Result<Vec<Trial>, ApiError> {
    let asking = access.clone().dry_run();
    let (originals, names, template) = (&plan.originals, plan.names(), plan.new_template());
    let run = (&plan.run, plan.spec.lab.as_deref());
    let (deployment, route) = (plan.deployment_ref(), plan.route_ref());
    let guarded = match plan.spec.watchdog {
        WatchdogPolicy::Required => BTreeSet::from([
            Entry::restore(route.clone(), "/spec", &originals.route).target(),
            Entry::restore(deployment.clone(), "/spec/template", &originals.deployment).target(),
        ]),
        WatchdogPolicy::Off => BTreeSet::new(),
    };
    let mut trials = try_keeping(access, &plan.claim(), &guarded).await?;
    for object in [
        canary_service(&originals.service, &names.canary, &originals.label, run),
        canary_deployment(&originals.deployment, &names.canary, &originals.label, &template, run),
    ] {
        trials.push(Trial::of(reference(&object), apply(&asking, &object).await)?);
    }
    let driver = HttpRouteDriver::new(&asking, plan);
    let probe = ObjectRef::namespaced(GATEWAY_API, "HTTPRoute", &plan.namespace, &names.probe);
    trials.push(Trial::of(probe, driver.aim_probe(Side::Canary).await)?);
    let share = plan.steps.first().map(|step| step.percent).unwrap_or_default();
    trials.push(Trial::of(route, driver.shift(share).await)?);
    trials.push(Trial::of(
        deployment.clone(),
        set_at(&asking, &deployment, "/spec/template", &template).await,
    )?);
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use kubsets_lab::operation::CanarySpec;
    use kubsets_undo::FakeApi;

    use super::*;
    use crate::objects::test_objects::{stable_deployment, stable_route, stable_service};
    use crate::plan::tests::plan_for;

    #[tokio::test]
    async fn every_planned_object_is_asked_for_and_nothing_is_changed() {
        let api = FakeApi::default();
        api.put("deployments", stable_deployment());
        api.put("services", stable_service());
        api.put("httproutes", stable_route());
        let before = api.names();
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "0.2.0".into());
        let plan = plan_for(spec).unwrap();
        let trials = try_out(&api.access(), &plan).await.unwrap();
        let asked: Vec<&ObjectRef> = trials.iter().map(|trial| &trial.object).collect();
        let planned: Vec<&ObjectRef> = plan.objects.iter().map(|planned| &planned.object).collect();
        assert_eq!(asked, planned);
        assert!(!trials.iter().any(Trial::is_refused), "{trials:?}");
        assert_eq!((api.names(), api.changes()), (before, 0));

        api.remove("httproutes/demo-app");
        let trials = try_out(&api.access(), &plan).await.unwrap();
        let refused: Vec<&str> =
            trials.iter().filter(|one| one.is_refused()).map(|one| one.object.name.as_str()).collect();
        assert_eq!(refused, ["demo-app"], "{trials:?}");
    }
}
