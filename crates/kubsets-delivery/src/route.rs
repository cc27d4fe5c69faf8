//! What a canary needs to know about an `HTTPRoute` and how its weights are written. Pure.

use serde_json::{Value, json};

use crate::driver::Side;
use crate::objects::SIDE_HEADER;

/// Group and version of the routes.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// The rule and backend of a route that carry a Deployment's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carrier {
    /// Index in `spec.rules`.
    pub(crate) rule: usize,
    /// Index in the rule's `backendRefs`.
    pub(crate) backend: usize,
}

/// Why a route cannot carry a canary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No rule leads to one of the Deployment's Services.
    #[error("no rule of the route leads to a Service of the Deployment")]
    NoBackend,
    /// Several rules do.
    #[error("several rules of the route lead to the Deployment")]
    SeveralRules,
    /// The rule splits its traffic already.
    #[error("the rule splits its traffic already among {0}")]
    AlreadySplit(String),
}

/// Finds the rule that leads to one of `services` and to nothing else.
pub(crate) fn find_carrier(route: &Value, services: &[String]) -> Result<Carrier, RouteError> {
    let rules = route.pointer("/spec/rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let leads = |backend: &Value| {
        let name = backend["name"].as_str().unwrap_or_default();
        let kind = backend["kind"].as_str().unwrap_or("Service");
        kind == "Service" && services.iter().any(|service| service == name)
    };
    let mut found = None;
    for (index, rule) in rules.iter().enumerate() {
        let backends = rule["backendRefs"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(backend) = backends.iter().position(leads) else { continue };
        if backends.len() > 1 {
            let names: Vec<&str> = backends.iter().filter_map(|one| one["name"].as_str()).collect();
            return Err(RouteError::AlreadySplit(names.join(", ")));
        }
        if found.replace(Carrier { rule: index, backend }).is_some() {
            return Err(RouteError::SeveralRules);
        }
    }
    found.ok_or(RouteError::NoBackend)
}

/// The backend as it is, without its weight.
pub(crate) fn backend_of(route: &Value, carrier: Carrier) -> Value {
    let pointer = format!("/spec/rules/{}/backendRefs/{}", carrier.rule, carrier.backend);
    let mut backend = route.pointer(&pointer).cloned().unwrap_or_else(|| json!({}));
    if let Some(map) = backend.as_object_mut() {
        map.remove("weight");
    }
    backend
}

/// The backend with a filter that names its side in every answer, whatever the application does.
pub(crate) fn mark(mut backend: Value, side: Side) -> Value {
    const KIND: &str = "ResponseHeaderModifier";
    let header = json!({"name": SIDE_HEADER, "value": side.word()});
    let Some(filters) = backend.as_object_mut().map(|map| map.entry("filters").or_insert_with(|| json!([])))
    else {
        return backend;
    };
    // A filter of a kind may stand only once in a backend.
    let at = filters.as_array().and_then(|all| all.iter().position(|one| one["type"] == KIND));
    match (at, filters.as_array_mut()) {
        (Some(at), Some(all)) => match all[at].pointer_mut("/responseHeaderModifier/set") {
            Some(Value::Array(set)) => set.push(header),
            _ => all[at]["responseHeaderModifier"]["set"] = json!([header]),
        },
        (None, Some(all)) => {
            all.push(json!({"type": KIND, "responseHeaderModifier": {"set": [header]}}));
        }
        (_, None) => {}
    }
    backend
}

/// The rules with the carrier's traffic split: `percent` to the canary, the rest to stable; `marked` says that
/// the route names the side in every answer.
///
/// A weight of 0 is written out for either side, so that each step changes numbers only.
pub(crate) fn split_rules(
    original: &Value,
    carrier: Carrier,
    canary: &str,
    percent: u32,
    marked: bool,
) -> Value {
    let mut rules = original.pointer("/spec/rules").cloned().unwrap_or_else(|| json!([]));
    let mut stable = backend_of(original, carrier);
    let mut new = stable.clone();
    new["name"] = json!(canary);
    if marked {
        (stable, new) = (mark(stable, Side::Stable), mark(new, Side::Canary));
    }
    let weighted = |mut backend: Value, weight: u32| {
        backend["weight"] = json!(weight);
        backend
    };
    if let Some(rule) = rules.get_mut(carrier.rule) {
        let share = percent.min(WEIGHT_SUM);
        rule["backendRefs"] = json!([weighted(stable, WEIGHT_SUM - share), weighted(new, share)]);
    }
    rules
}

/// Sum of both weights: fine enough for tenths of a percent.
pub(crate) const WEIGHT_SUM: u32 = 1000;

/// A percentage as a part of [`WEIGHT_SUM`].
pub(crate) fn weight_of(percent: f64) -> u32 {
    (percent / 100.0 * f64::from(WEIGHT_SUM)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::test_objects::stable_route;

    #[test]
    fn weights_sum_up_and_the_rest_of_the_rule_stays() {
        let route = stable_route();
        let carrier = find_carrier(&route, &["demo-app".into()]).unwrap();
        let rules = split_rules(&route, carrier, "demo-app-canary", weight_of(2.5), false);
        assert_eq!(rules.pointer("/0/backendRefs/0/weight"), Some(&json!(975)));
        assert_eq!(rules.pointer("/0/backendRefs/1/weight"), Some(&json!(25)));
        assert_eq!(rules.pointer("/0/backendRefs/1/name"), Some(&json!("demo-app-canary")));
        assert_eq!(rules.pointer("/0/backendRefs/1/port"), Some(&json!(80)));
        assert_eq!(rules.pointer("/0/matches"), route.pointer("/spec/rules/0/matches"));
    }

    #[test]
    fn marks_name_each_side_and_keep_the_filters_that_are_there() {
        let mut route = stable_route();
        let carrier = find_carrier(&route, &["demo-app".into()]).unwrap();
        let mark_of = |rules: &Value, backend: usize, filter: usize| {
            rules.pointer(&format!("/0/backendRefs/{backend}/filters/{filter}")).cloned().unwrap_or_default()
        };
        let rules = split_rules(&route, carrier, "demo-app-canary", 0, true);
        for (backend, side) in ["stable", "canary"].into_iter().enumerate() {
            let set = json!({"set": [{"name": "x-kubsets-side", "value": side}]});
            let expected = json!({"type": "ResponseHeaderModifier", "responseHeaderModifier": set});
            assert_eq!(mark_of(&rules, backend, 0), expected);
        }
        assert_eq!(rules.pointer("/0/backendRefs/1/weight"), Some(&json!(0)));
        let plain = split_rules(&route, carrier, "demo-app-canary", 0, false);
        assert_eq!(plain.pointer("/0/backendRefs/0/filters"), None);

        route["spec"]["rules"][0]["backendRefs"][0]["filters"] = json!([
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["b"]}}]);
        let rules = split_rules(&route, carrier, "demo-app-canary", 0, true);
        assert_eq!(mark_of(&rules, 0, 0)["requestHeaderModifier"]["remove"][0], "a");
        let own = mark_of(&rules, 1, 1);
        assert_eq!(own["responseHeaderModifier"]["remove"][0], "b");
        assert_eq!(own["responseHeaderModifier"]["set"][0]["value"], "canary");
        assert_eq!(mark_of(&rules, 1, 2), Value::Null);
    }

    #[test]
    fn routes_that_cannot_carry_a_canary_say_why() {
        let mut route = stable_route();
        assert_eq!(find_carrier(&route, &["other".into()]), Err(RouteError::NoBackend));
        let rule = route["spec"]["rules"][0].clone();
        route["spec"]["rules"] = json!([rule.clone(), rule]);
        assert_eq!(find_carrier(&route, &["demo-app".into()]), Err(RouteError::SeveralRules));
        route["spec"]["rules"] = json!([{"backendRefs": [{"name": "demo-app"}, {"name": "old"}]}]);
        let error = find_carrier(&route, &["demo-app".into()]).unwrap_err();
        assert_eq!(error.to_string(), "the rule splits its traffic already among demo-app, old");
    }
}
