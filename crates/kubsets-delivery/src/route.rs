//! What a canary needs to know about an `HTTPRoute` and how its weights are written. Pure.

use kubsets_undo::RunId;
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

/// Lets a rule take only those of its requests that carry a header with the run's name.
pub(crate) fn narrow(rule: &mut Value, header: &str, run: &RunId) {
    let header = json!({"type": "Exact", "name": header, "value": run.as_str()});
    let mut matches = rule["matches"].as_array().cloned().unwrap_or_default();
    if matches.is_empty() {
        matches.push(json!({"path": {"type": "PathPrefix", "value": "/"}}));
    }
    for one in &mut matches {
        match one["headers"].as_array_mut() {
            Some(headers) => headers.push(header.clone()),
            None => one["headers"] = json!([header]),
        }
    }
    rule["matches"] = json!(matches);
}

/// A rule's backends with the weights of both sides.
fn weighted(mut stable: Value, mut canary: Value, share: u32, sum: u32) -> Value {
    stable["weight"] = json!(sum - share);
    canary["weight"] = json!(share);
    json!([stable, canary])
}

/// The backends of both sides, stable first.
fn sides(original: &Value, carrier: Carrier, canary: &str) -> [Value; 2] {
    let stable = backend_of(original, carrier);
    let mut new = stable.clone();
    new["name"] = json!(canary);
    [stable, new]
}

fn rules_of(route: &Value) -> Vec<Value> {
    route.pointer("/spec/rules").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The rules with the carrier's traffic split: `percent` to the canary, the rest to stable.
///
/// A weight of 0 is written out for either side, so that each step changes numbers only.
pub(crate) fn split_rules(original: &Value, carrier: Carrier, canary: &str, percent: f64) -> Value {
    let mut rules = rules_of(original);
    let [stable, new] = sides(original, carrier, canary);
    if let Some(rule) = rules.get_mut(carrier.rule) {
        rule["backendRefs"] = weighted(stable, new, weight_of(percent, WEIGHT_SUM), WEIGHT_SUM);
    }
    json!(rules)
}

/// Who goes by the rule that marks answers. The carrier's own rule takes all others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Marked {
    /// Requests that carry the run's name in [`SIDE_HEADER`].
    Probes,
    /// All others: users. So many percent of them go to the canary.
    Users(f64),
}

/// The rules with one behind them that splits the carrier's traffic and marks answers.
///
/// Filters give each backend a cluster of its own in the gateway, and a gateway loses requests when a route
/// leads to a cluster that comes or goes at the same moment. So the rule's clusters are there before users come,
/// the carrier's stay, neither weight is ever 0, and no rule changes its place.
pub(crate) fn marked_rules(
    original: &Value,
    carrier: Carrier,
    canary: &str,
    marked: Marked,
    run: &RunId,
) -> Value {
    let mut rules = rules_of(original);
    let Some(own) = rules.get_mut(carrier.rule) else { return json!(rules) };
    let mut marking = own.clone();
    if let Some(map) = marking.as_object_mut() {
        map.remove("name");
    }
    let percent = match marked {
        Marked::Probes => {
            narrow(&mut marking, SIDE_HEADER, run);
            0.0
        }
        Marked::Users(percent) => {
            narrow(own, SIDE_HEADER, run);
            percent
        }
    };
    let share = weight_of(percent, MARKED_SUM).clamp(1, MARKED_SUM - 1);
    let [stable, new] = sides(original, carrier, canary);
    marking["backendRefs"] = weighted(mark(stable, Side::Stable), mark(new, Side::Canary), share, MARKED_SUM);
    rules.push(marking);
    json!(rules)
}

/// Sum of both weights: fine enough for tenths of a percent.
const WEIGHT_SUM: u32 = 1000;
/// Sum of both weights where neither may be 0: the largest weight that a route may have.
const MARKED_SUM: u32 = 1_000_000;

/// A percentage as a part of a sum of weights.
fn weight_of(percent: f64, sum: u32) -> u32 {
    (percent.clamp(0.0, 100.0) / 100.0 * f64::from(sum)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::test_objects::stable_route;

    fn carrier_of(route: &Value) -> Carrier {
        find_carrier(route, &["demo-app".into()]).unwrap()
    }

    #[test]
    fn weights_sum_up_and_the_rest_of_the_rule_stays() {
        let route = stable_route();
        let rules = split_rules(&route, carrier_of(&route), "demo-app-canary", 2.5);
        assert_eq!(rules.pointer("/0/backendRefs/0/weight"), Some(&json!(975)));
        assert_eq!(rules.pointer("/0/backendRefs/1/weight"), Some(&json!(25)));
        assert_eq!(rules.pointer("/0/backendRefs/1/name"), Some(&json!("demo-app-canary")));
        assert_eq!(rules.pointer("/0/backendRefs/1/port"), Some(&json!(80)));
        assert_eq!(rules.pointer("/0/backendRefs/0/filters"), None);
        assert_eq!(rules.pointer("/0/matches"), route.pointer("/spec/rules/0/matches"));
    }

    #[test]
    fn marks_name_each_side_and_keep_the_filters_that_are_there() {
        let marked =
            |filters: Value, side| mark(json!({"name": "web", "filters": filters}), side)["filters"].take();
        for side in [Side::Stable, Side::Canary] {
            let set = json!({"set": [{"name": "x-kubsets-side", "value": side.word()}]});
            let expected = json!([{"type": "ResponseHeaderModifier", "responseHeaderModifier": set}]);
            assert_eq!(marked(json!([]), side), expected);
        }
        let there = json!([
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a"]}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["b"]}}]);
        let filters = marked(there, Side::Canary);
        assert_eq!(filters[0]["requestHeaderModifier"]["remove"][0], "a");
        assert_eq!(filters[1]["responseHeaderModifier"]["remove"][0], "b");
        assert_eq!(filters[1]["responseHeaderModifier"]["set"][0]["value"], "canary");
        assert_eq!(filters[2], Value::Null);
    }

    #[test]
    fn while_traffic_goes_by_the_rule_that_marks_nothing_but_weights_and_who_goes_changes() {
        let mut route = stable_route();
        let rule = route["spec"]["rules"][0].clone();
        route["spec"]["rules"] = json!([rule, {"name": "other", "backendRefs": [{"name": "other"}]}]);
        let (carrier, run) = (carrier_of(&route), RunId::generate());
        let rules = |marked| marked_rules(&route, carrier, "demo-app-canary", marked, &run);
        let asks = |rules: &Value, rule: usize| {
            let header = rules.pointer(&format!("/{rule}/matches/0/headers/0"));
            header.is_some_and(|header| {
                *header == json!({"type": "Exact", "name": "x-kubsets-side", "value": run})
            })
        };
        let ready = rules(Marked::Probes);
        // The rule is there for whoever names the run, and no other has changed.
        assert_eq!([&ready[0], &ready[1]], [&route["spec"]["rules"][0], &route["spec"]["rules"][1]]);
        assert!(asks(&ready, 2));
        let states = [Marked::Probes, Marked::Users(0.0), Marked::Users(10.0), Marked::Users(100.0)];
        let (mut shares, mut bare) = (Vec::new(), Vec::new());
        for state in states {
            let mut now = rules(state);
            assert_eq!((asks(&now, 0), asks(&now, 2)), (state != Marked::Probes, state == Marked::Probes));
            let weight = |side: usize| now[2]["backendRefs"][side]["weight"].as_u64().unwrap();
            assert_eq!(weight(0) + weight(1), 1_000_000);
            shares.push(weight(1));
            for rule in [0, 2] {
                now[rule]["matches"].take();
            }
            for side in [0, 1] {
                now[2]["backendRefs"][side]["weight"].take();
            }
            bare.push(now);
        }
        assert_eq!(shares, [1, 1, 100_000, 999_999]);
        assert!(bare.iter().all(|one| *one == bare[0]));
        assert_eq!(
            bare[0][2]["backendRefs"][1]["filters"][0]["responseHeaderModifier"]["set"][0]["value"],
            "canary"
        );
    }

    #[test]
    fn a_rule_of_everything_is_narrowed_too() {
        let (mut rule, run) = (json!({}), RunId::generate());
        narrow(&mut rule, "x-run", &run);
        let expected = json!([{"path": {"type": "PathPrefix", "value": "/"},
                               "headers": [{"type": "Exact", "name": "x-run", "value": run}]}]);
        assert_eq!(rule["matches"], expected);
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
