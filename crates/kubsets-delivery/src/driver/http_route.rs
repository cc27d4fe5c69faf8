//! Weights of a Gateway API `HTTPRoute`.

use futures::FutureExt;
use futures::future::BoxFuture;
use kubsets_kube::{Access, ApiError};
use kubsets_undo::object::{apply, replace_at};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Side, TrafficDriver};
use crate::objects::probe_route;
use crate::plan::Plan;
use crate::route::{Marked, backend_of, mark, marked_rules, split_rules};
use kubsets_lab::units::Percent;

/// Writes both weights of one rule in one patch that is bound to the version of the route it read, and never
/// over rules that somebody else wrote.
pub(crate) struct HttpRouteDriver {
    access: Access,
    plan: Plan,
    /// The rules as the server kept them at the last write, with the defaults that it may have added.
    written: Mutex<Value>,
}

impl HttpRouteDriver {
    pub(crate) fn new(access: &Access, plan: &Plan) -> Self {
        Self { access: access.clone(), plan: plan.clone(), written: Mutex::default() }
    }

    fn marked_rules(&self, marked: Marked) -> Value {
        let originals = &self.plan.originals;
        let canary = self.plan.names().canary;
        marked_rules(&originals.route, originals.carrier(), &canary, marked, &self.plan.run)
    }

    async fn write(&self, rules: &Value) -> Result<(), ApiError> {
        let route = self.plan.route_ref();
        let mut written = self.written.lock().await;
        // The originals are somebody's too once others were written: a watchdog has given the traffic back.
        let ours = if written.is_null() { &self.plan.originals.route["spec"]["rules"] } else { &*written };
        let kept = replace_at(&self.access, &route, "/spec/rules", rules, |found| found == ours).await?;
        *written = kept.map_or_else(|| rules.clone(), |mut route| route["spec"]["rules"].take());
        Ok(())
    }
}

impl TrafficDriver for HttpRouteDriver {
    fn name(&self) -> &'static str {
        "HTTPRoute"
    }

    fn shift(&self, share: Percent) -> BoxFuture<'_, Result<(), ApiError>> {
        async move {
            let originals = &self.plan.originals;
            let rules = if self.plan.marked {
                self.marked_rules(Marked::Users(share.value()))
            } else {
                split_rules(&originals.route, originals.carrier(), &self.plan.names().canary, share.value())
            };
            self.write(&rules).await
        }
        .boxed()
    }

    fn stand_by(&self) -> BoxFuture<'_, Result<(), ApiError>> {
        async move { self.write(&self.marked_rules(Marked::Probes)).await }.boxed()
    }

    fn aim_probe(&self, side: Side) -> BoxFuture<'_, Result<(), ApiError>> {
        async move {
            let originals = &self.plan.originals;
            let names = self.plan.names();
            let mut backend = backend_of(&originals.route, originals.carrier());
            if side == Side::Canary {
                backend["name"] = json!(names.canary);
            }
            if self.plan.marked {
                backend = mark(backend, side);
            }
            let run = (&self.plan.run, self.plan.spec.lab.as_deref());
            let route = probe_route(&originals.route, originals.rule, &names.probe, &backend, run);
            apply(&self.access, &route).await.map(|_| ())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::test_objects::stable_route;
    use crate::plan::tests::plan_for;
    use kubsets_kube::ApiErrorKind;
    use kubsets_lab::operation::CanarySpec;
    use kubsets_undo::FakeApi;

    #[tokio::test]
    async fn rules_that_somebody_else_wrote_are_not_written_over() {
        let api = FakeApi::default();
        api.put("httproutes", stable_route());
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "2".into());
        let plan = plan_for(spec).unwrap();
        let driver = HttpRouteDriver::new(&api.access(), &plan);
        let shift = |percent| driver.shift(Percent::new(percent).unwrap());
        let rules = || api.get("httproutes/demo-app")["spec"]["rules"].take();
        let original = rules();
        shift(10.0).await.unwrap();
        api.change("httproutes/demo-app", &json!({"metadata": {"labels": {"team": "a"}}}));
        shift(25.0).await.unwrap();
        let mut more = rules();
        api.change("httproutes/demo-app", &json!({"spec": {"rules": original}}));
        assert_eq!(shift(50.0).await.unwrap_err().kind, ApiErrorKind::Conflict);
        more.as_array_mut().unwrap().push(json!({"matches": [{"path": {"value": "/new"}}]}));
        api.change("httproutes/demo-app", &json!({"spec": {"rules": more}}));
        let changes = api.changes();
        for refused in [shift(100.0).await, driver.stand_by().await] {
            assert_eq!(refused.unwrap_err().kind, ApiErrorKind::Conflict);
        }
        assert_eq!((rules(), api.changes()), (more, changes));
        api.remove("httproutes/demo-app");
        assert_eq!(shift(100.0).await.unwrap_err().kind, ApiErrorKind::NotFound);
    }

    #[tokio::test]
    async fn what_marks_answers_stands_by_before_users_come_and_after_they_are_gone() {
        let api = FakeApi::default();
        api.put("httproutes", stable_route());
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "2".into());
        let plan = Plan { marked: true, ..plan_for(spec).unwrap() };
        let driver = HttpRouteDriver::new(&api.access(), &plan);
        let rules = || api.get("httproutes/demo-app")["spec"]["rules"].take();
        let original = rules();
        driver.stand_by().await.unwrap();
        let ready = rules();
        assert_eq!(ready[0], original[0], "users go as before");
        assert_eq!(ready[1]["matches"][0]["headers"][0]["name"], "x-kubsets-side");
        driver.shift(Percent::new(10.0).unwrap()).await.unwrap();
        let shifted = rules();
        assert_eq!(shifted[0]["matches"][0]["headers"][0]["name"], "x-kubsets-side");
        assert_eq!(
            shifted[0]["backendRefs"], original[0]["backendRefs"],
            "what served before is still known"
        );
        assert_eq!(shifted[1]["matches"], original[0]["matches"]);
        assert_eq!(shifted[1]["backendRefs"][1]["weight"], 100_000);
        driver.stand_by().await.unwrap();
        assert_eq!(rules(), ready);
    }
}
