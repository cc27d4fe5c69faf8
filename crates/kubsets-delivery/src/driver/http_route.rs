//! Weights of a Gateway API `HTTPRoute`.

use futures::FutureExt;
use futures::future::BoxFuture;
use kubsets_kube::{Access, ApiError};
use kubsets_undo::object::{apply, set_at};
use serde_json::json;

use super::{Side, TrafficDriver};
use crate::objects::probe_route;
use crate::plan::Plan;
use crate::route::{backend_of, mark, split_rules, weight_of};
use kubsets_lab::units::Percent;

/// Writes both weights of one rule in one patch that is bound to the version of the route it read.
pub(crate) struct HttpRouteDriver {
    access: Access,
    plan: Plan,
}

impl HttpRouteDriver {
    pub(crate) fn new(access: &Access, plan: &Plan) -> Self {
        Self { access: access.clone(), plan: plan.clone() }
    }
}

impl TrafficDriver for HttpRouteDriver {
    fn name(&self) -> &'static str {
        "HTTPRoute"
    }

    fn shift(&self, share: Percent) -> BoxFuture<'_, Result<(), ApiError>> {
        async move {
            let originals = &self.plan.originals;
            let canary = self.plan.names().canary;
            let weight = weight_of(share.value());
            let rules = split_rules(&originals.route, originals.carrier(), &canary, weight, self.plan.marked);
            set_at(&self.access, &self.plan.route_ref(), "/spec/rules", &rules).await.map(|_| ())
        }
        .boxed()
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
