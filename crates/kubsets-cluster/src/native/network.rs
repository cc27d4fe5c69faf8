//! The network of a native cluster: a bridge on the host, a link to each node, routes between their pods.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::address::{AddressPlan, SLOTS, overlap};
use super::enter::inside;
use super::process::Process;
use super::state::NodeState;
use crate::command::{Invocation, Runner};
use crate::{Error, Result};

/// Where the kernel shows the host's links.
pub const LINKS: &str = "/sys/class/net";

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

/// The first slot that no record and no bridge has and whose addresses nobody uses.
///
/// # Errors
/// [`Error::AddressInUse`] where others use the addresses of each slot that is left; [`Error::Unavailable`] where
/// none is left.
pub fn free_slot(runner: &dyn Runner, recorded: &[u8], exists: impl Fn(&str) -> bool) -> Result<u8> {
    let mut refused = None;
    for slot in (0..SLOTS).filter(|slot| !recorded.contains(slot)) {
        let plan = AddressPlan::new(slot)?;
        if exists(&plan.bridge_link()) {
            continue;
        }
        match check_free(runner, plan) {
            Ok(()) => return Ok(slot),
            Err(error @ Error::AddressInUse { .. }) => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| Error::Unavailable {
        provider: "native",
        reason: format!("there are {SLOTS} native clusters on this host, the most that it holds"),
        fix: "`kubectl kubsets cluster delete --name NAME` removes one".into(),
    }))
}

/// Makes the bridge where it is missing and writes its owner on it, so that it is found without a record.
///
/// # Errors
/// [`Error::Command`].
pub fn create_bridge(runner: &dyn Runner, plan: AddressPlan, owner: &str) -> Result<()> {
    let bridge = plan.bridge_link();
    if !link_exists(&bridge) {
        ip(runner, ["link", "add", &bridge, "type", "bridge"])?;
    }
    ip(runner, ["link", "set", &bridge, "alias", owner])?;
    ip(runner, ["address", "replace", &format!("{}/24", plan.bridge()), "dev", &bridge])?;
    ip(runner, ["link", "set", &bridge, "up"])?;
    Ok(())
}

/// What is written on the bridge of a cluster: its folder.
pub fn owner(cluster: &Path) -> String {
    cluster.to_string_lossy().into_owned()
}

/// The addresses of the bridges that carry this owner's name; `links` is the folder of the host's links.
pub fn owned(links: &Path, owner: &str) -> Vec<AddressPlan> {
    let alias = |plan: &AddressPlan| fs::read_to_string(links.join(plan.bridge_link()).join("ifalias"));
    (0..SLOTS)
        .filter_map(|slot| AddressPlan::new(slot).ok())
        .filter(|plan| alias(plan).is_ok_and(|text| text.trim_end() == owner))
        .collect()
}

/// The bridge of these addresses and the links to its nodes, those that exist.
pub fn left(plan: AddressPlan) -> Vec<String> {
    links(plan).filter(|link| link_exists(link)).collect()
}

fn links(plan: AddressPlan) -> impl Iterator<Item = String> {
    (0..16).map(move |i| plan.node_link(i)).chain([plan.bridge_link()])
}

/// Removes the bridge and every link to a node that is left.
///
/// # Errors
/// [`Error::Command`].
pub fn remove(runner: &dyn Runner, plan: AddressPlan) -> Result<()> {
    for link in links(plan) {
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

/// Whether the host's end of a node's link is on a bridge, which [`attach`] does last; `links` is the folder of the
/// host's links.
pub fn is_attached(links: &Path, link: &str) -> bool {
    links.join(link).join("brport").exists()
}

/// Gives a running node its address and links it to the bridge; a link that it had before goes.
///
/// # Errors
/// [`Error::Command`].
pub fn attach(runner: &dyn Runner, plan: AddressPlan, node: &NodeState, process: &Process) -> Result<()> {
    let link = plan.node_link(node.index);
    remove_link(runner, &link)?;
    let pid = process.pid.to_string();
    ip(runner, ["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
    let address = format!("{}/24", plan.node(node.index));
    for args in [
        vec!["link", "set", "lo", "up"],
        vec!["address", "replace", &address, "dev", "eth0"],
        vec!["link", "set", "eth0", "up"],
        vec!["route", "replace", "default", "via", &plan.bridge().to_string()],
    ] {
        runner.run(&inside(process, &["ip"]).args(args))?;
    }
    // the last, so that a link on the bridge is a whole one
    ip(runner, ["link", "set", &link, "master", &plan.bridge_link(), "up"])?;
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
    Path::new(LINKS).join(link).exists()
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

    #[test]
    fn the_first_slot_that_nobody_uses_is_taken() {
        let taken = r#"[{"dst":"198.18.64.0/24","dev":"wg0"}]"#;
        let calls = vec![(ADDRESS, "[]"), (ROUTE, taken), (ADDRESS, "[]"), (ROUTE, taken)];
        let transcript = Transcript::new(calls);
        // slot 0 is on record, 1 in the way of somebody's route, 2 has a bridge that no record claims
        let slot = free_slot(&&transcript, &[0], |link| link == "kubsets2").unwrap();
        assert_eq!(slot, 3);
        transcript.finish();

        let transcript = Transcript::new(vec![(ADDRESS, "[]"), (ROUTE, taken)]);
        let error = free_slot(&&transcript, &[0, 2, 3], |_| false).unwrap_err();
        assert!(error.to_string().contains("wg0"), "{error}");
        let nothing = Transcript::new(vec![]);
        assert!(matches!(free_slot(&&nothing, &[0, 1, 2], |_| true), Err(Error::Unavailable { .. })));
    }

    #[test]
    fn a_link_that_is_on_no_bridge_is_not_attached() {
        let links = tempfile::tempdir().unwrap();
        fs::create_dir_all(links.path().join("whole/brport")).unwrap();
        fs::create_dir(links.path().join("half")).unwrap();
        let attached = ["whole", "half", "none"].map(|link| is_attached(links.path(), link));
        assert_eq!(attached, [true, false, false]);
    }

    #[test]
    fn a_bridge_is_found_by_its_owner_s_name() {
        let links = tempfile::tempdir().unwrap();
        let mine = owner(Path::new("/var/lib/kubsets/a"));
        for (link, alias) in
            [("kubsets1", mine.as_str()), ("kubsets2", "/var/lib/kubsets/ab"), ("eth0", &mine)]
        {
            fs::create_dir(links.path().join(link)).unwrap();
            fs::write(links.path().join(link).join("ifalias"), format!("{alias}\n")).unwrap();
        }
        assert_eq!(owned(links.path(), &mine), [AddressPlan::new(1).unwrap()]);
    }
}
