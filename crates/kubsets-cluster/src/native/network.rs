//! The network of a native cluster: a bridge on the host, a link to each node, routes between their pods.

use serde::Deserialize;

use super::address::{AddressPlan, overlap};
use super::enter::inside;
use super::process::Process;
use super::state::NodeState;
use crate::command::{Invocation, Runner};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Link {
    ifname: String,
    #[serde(default)]
    addr_info: Vec<LinkAddress>,
}

#[derive(Deserialize)]
struct LinkAddress {
    #[serde(default)]
    local: String,
    #[serde(default)]
    prefixlen: u8,
}

#[derive(Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    dev: String,
}

/// Makes sure that nobody else uses the cluster's addresses.
///
/// # Errors
/// [`Error::AddressInUse`] names the link or route that does.
pub fn check_free(runner: &dyn Runner, plan: AddressPlan) -> Result<()> {
    let links: Vec<Link> = parse(&ip(runner, ["-json", "-4", "address", "show"])?)?;
    let routes: Vec<Route> = parse(&ip(runner, ["-json", "-4", "route", "show"])?)?;
    let ours = plan.bridge_link();
    for wanted in [plan.pods(), plan.services(), plan.nodes()] {
        let in_use = |range: &str| overlap(&wanted, range) == Some(true);
        let link = links
            .iter()
            .filter(|l| l.ifname != ours)
            .find(|l| l.addr_info.iter().any(|a| in_use(&format!("{}/{}", a.local, a.prefixlen))));
        if let Some(link) = link {
            return Err(Error::AddressInUse { range: wanted, owner: format!("link {}", link.ifname) });
        }
        let route = routes.iter().find(|r| r.dev != ours && r.dst != "default" && in_use(&r.dst));
        if let Some(route) = route {
            return Err(Error::AddressInUse {
                range: wanted,
                owner: format!("route {} by {}", route.dst, route.dev),
            });
        }
    }
    Ok(())
}

/// Makes the bridge where it is missing.
///
/// # Errors
/// [`Error::Command`].
pub fn create_bridge(runner: &dyn Runner, plan: AddressPlan) -> Result<()> {
    let bridge = plan.bridge_link();
    if !link_exists(&bridge) {
        ip(runner, ["link", "add", &bridge, "type", "bridge"])?;
    }
    ip(runner, ["address", "replace", &format!("{}/24", plan.bridge()), "dev", &bridge])?;
    ip(runner, ["link", "set", &bridge, "up"])?;
    Ok(())
}

/// Removes the bridge and every link to a node that is left.
///
/// # Errors
/// [`Error::Command`].
pub fn remove(runner: &dyn Runner, plan: AddressPlan) -> Result<()> {
    for link in (0..16).map(|i| plan.node_link(i)).chain([plan.bridge_link()]) {
        remove_link(runner, &link)?;
    }
    Ok(())
}

/// Removes one link where it exists.
///
/// # Errors
/// [`Error::Command`].
pub fn remove_link(runner: &dyn Runner, link: &str) -> Result<()> {
    if !link_exists(link) {
        return Ok(());
    }
    match ip(runner, ["link", "delete", link]) {
        // the kernel removes a node's link by itself a moment after the node's end
        Err(_) if !link_exists(link) => Ok(()),
        other => other.map(drop),
    }
}

/// Links a running node to the bridge and gives it its address.
///
/// # Errors
/// [`Error::Command`].
pub fn attach(runner: &dyn Runner, plan: AddressPlan, node: &NodeState, process: &Process) -> Result<()> {
    let link = plan.node_link(node.index);
    remove_link(runner, &link)?;
    let pid = process.pid.to_string();
    ip(runner, ["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
    ip(runner, ["link", "set", &link, "master", &plan.bridge_link(), "up"])?;
    let address = format!("{}/24", plan.node(node.index));
    for args in [
        vec!["link", "set", "lo", "up"],
        vec!["address", "replace", &address, "dev", "eth0"],
        vec!["link", "set", "eth0", "up"],
        vec!["route", "replace", "default", "via", &plan.bridge().to_string()],
    ] {
        runner.run(&inside(process, &["ip"]).args(args))?;
    }
    Ok(())
}

/// Routes the pods of every other node by that node's address.
///
/// # Errors
/// [`Error::Command`].
pub fn route_peers(
    runner: &dyn Runner,
    plan: AddressPlan,
    node: &NodeState,
    process: &Process,
    all: &[NodeState],
) -> Result<()> {
    for peer in all.iter().filter(|p| p.index != node.index) {
        let (pods, via) = (plan.node_pods(peer.index), plan.node(peer.index).to_string());
        runner.run(&inside(process, &["ip", "route", "replace", &pods, "via", &via]))?;
    }
    Ok(())
}

/// Whether a link of this name is on the host.
pub fn link_exists(link: &str) -> bool {
    std::path::Path::new("/sys/class/net").join(link).exists()
}

fn ip<const N: usize>(runner: &dyn Runner, args: [&str; N]) -> Result<String> {
    runner.run(&Invocation::new("ip").args(args))
}

fn parse<T: for<'a> Deserialize<'a>>(json: &str) -> Result<Vec<T>> {
    let json = if json.trim().is_empty() { "[]" } else { json };
    serde_json::from_str(json)
        .map_err(|e| Error::Format { path: "the output of ip".into(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::transcript::Transcript;

    const ADDRESS: &str = "ip -json -4 address show";
    const ROUTE: &str = "ip -json -4 route show";

    fn check(address: &str, route: &str) -> Result<()> {
        let transcript = Transcript::new(vec![(ADDRESS, address), (ROUTE, route)]);
        let result = check_free(&&transcript, AddressPlan::new(0).unwrap());
        transcript.finish();
        result
    }

    #[test]
    fn our_own_bridge_is_no_collision() {
        let address = r#"[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},
            {"ifname":"kubsets0","addr_info":[{"local":"198.19.128.1","prefixlen":24}]}]"#;
        let route = r#"[{"dst":"default","dev":"eth0"},{"dst":"198.19.128.0/24","dev":"kubsets0"}]"#;
        check(address, route).unwrap();
    }

    #[test]
    fn a_foreign_address_or_route_is_named() {
        let taken = r#"[{"ifname":"tun3","addr_info":[{"local":"198.18.0.1","prefixlen":15}]}]"#;
        let error = check(taken, "[]").unwrap_err();
        assert!(error.to_string().contains("tun3"), "{error}");
        let error = check("[]", r#"[{"dst":"198.18.7.0/24","dev":"wg0"}]"#).unwrap_err();
        assert!(error.to_string().contains("198.18.7.0/24 by wg0"), "{error}");
    }
}
