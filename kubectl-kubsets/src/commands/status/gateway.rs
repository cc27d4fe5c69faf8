//! The way in from outside: the `Gateway` and the `HTTPRoute` behind it.

use serde_json::Value;

use super::model::{Part, Problem};
use super::snapshot::{Seen, Snapshot};
use crate::entrance::{GATEWAY, ROUTE};

const GATEWAY_RANK: u8 = 40;
const ROUTE_RANK: u8 = 42;

/// Conditions that a route must have, in the order in which a controller settles them.
const ROUTE_CONDITIONS: [&str; 2] = ["Accepted", "ResolvedRefs"];

/// Judges both. A cluster may take the stack without the Gateway API; then there is nothing to say.
pub(super) fn gateway(snapshot: &Snapshot, stack: &mut Vec<(u8, Part)>, problems: &mut Vec<Problem>) {
    let address = match &snapshot.gateway {
        Seen::NoApi => return,
        Seen::Absent => String::new(),
        Seen::Found(gateway) => {
            let address = gateway.pointer("/status/addresses/0/value").and_then(Value::as_str);
            address.unwrap_or_default().to_owned()
        }
    };
    let programmed = match &snapshot.gateway {
        Seen::Found(gateway) => holds(gateway.pointer("/status/conditions"), "Programmed")
            .map_err(|why| ("not programmed", format!("not programmed: {why}"))),
        _ => Err(("missing", "missing: nothing from outside reaches the stack".to_owned())),
    };
    judge(snapshot, ("Gateway", GATEWAY, GATEWAY_RANK), "programmed", programmed, address, (stack, problems));

    let routed = match &snapshot.route {
        Seen::Found(route) => accepted(route),
        _ => Err(("missing", "missing: the gateway does not know the way to the stack".to_owned())),
    };
    judge(snapshot, ("HTTPRoute", ROUTE, ROUTE_RANK), "accepted", routed, String::new(), (stack, problems));
}

/// What the gateway's controller says of a route: nothing, or a word and a sentence.
fn accepted(route: &Value) -> Result<(), (&'static str, String)> {
    let parents = route.pointer("/status/parents").and_then(Value::as_array);
    let parent = parents
        .and_then(|list| list.iter().find(|parent| parent["parentRef"]["name"] == GATEWAY))
        .map(|parent| &parent["conditions"]);
    for condition in ROUTE_CONDITIONS {
        holds(parent, condition)
            .map_err(|why| ("not accepted", format!("{condition} is not true: {why}")))?;
    }
    Ok(())
}

/// Whether a condition is true, else why not.
fn holds(conditions: Option<&Value>, name: &str) -> Result<(), String> {
    let list = conditions.and_then(Value::as_array);
    let condition = list.and_then(|list| list.iter().find(|one| one["type"] == name));
    match condition {
        Some(one) if one["status"] == "True" => Ok(()),
        Some(one) => Err(one["message"].as_str().unwrap_or("its controller gives no reason").to_owned()),
        None => Err("no controller has taken it up yet".to_owned()),
    }
}

fn judge(
    snapshot: &Snapshot,
    (kind, name, rank): (&str, &str, u8),
    good: &str,
    verdict: Result<(), (&'static str, String)>,
    detail: String,
    (stack, problems): (&mut Vec<(u8, Part)>, &mut Vec<Problem>),
) {
    let namespace = &snapshot.namespace;
    let state = match &verdict {
        Ok(()) => good,
        Err((word, _)) => word,
    };
    stack.push((
        rank,
        Part {
            kind: kind.to_owned(),
            namespace: namespace.clone(),
            name: name.to_owned(),
            healthy: verdict.is_ok(),
            state: state.to_owned(),
            version: None,
            detail,
        },
    ));
    if let Err((word, reason)) = verdict {
        let look = match word {
            "missing" => "kubectl kubsets up".to_owned(),
            _ => format!("kubectl -n {namespace} describe {} {name}", kind.to_lowercase()),
        };
        problems.push(Problem {
            object: format!("{kind} {name}"),
            namespace: namespace.clone(),
            reason,
            look,
            last_log: None,
            rank,
            logs: None,
        });
    }
}
