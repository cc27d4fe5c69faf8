//! Addresses of a native cluster, all from 198.18.0.0/15 (RFC 2544, benchmark networks: never routed).
//!
//! A host has four slots. Slot `s` takes pods 198.18.(64s).0/18, services 198.19.(32s).0/19 and nodes
//! 198.19.(128+s).0/24; the first slot's pods and services lie at the front of the block.

use std::net::Ipv4Addr;

use crate::{Error, Result};

/// How many native clusters a host can hold.
pub const SLOTS: u8 = 4;

/// The addresses of the cluster in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPlan {
    slot: u8,
}

impl AddressPlan {
    /// The plan of a slot from 0 to 3.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another slot.
    pub fn new(slot: u8) -> Result<Self> {
        if slot < SLOTS {
            return Ok(Self { slot });
        }
        Err(Error::Invalid {
            field: "slot",
            value: slot.to_string(),
            accepted: "0 to 3: a host holds four native clusters",
        })
    }

    /// All pods, CIDR.
    pub fn pods(self) -> String {
        format!("198.18.{}.0/18", 64 * u16::from(self.slot))
    }

    /// The pods of one node, CIDR of 256 addresses.
    pub fn node_pods(self, index: u8) -> String {
        format!("198.18.{}.0/24", 64 * u16::from(self.slot) + u16::from(index))
    }

    /// All services, CIDR.
    pub fn services(self) -> String {
        format!("198.19.{}.0/19", 32 * u16::from(self.slot))
    }

    /// The service address of DNS.
    pub fn dns(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 19, 32 * self.slot, 10)
    }

    /// The nodes' network, CIDR.
    pub fn nodes(self) -> String {
        format!("198.19.{}.0/24", 128 + u16::from(self.slot))
    }

    /// The host's address on the nodes' network.
    pub fn bridge(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 19, 128 + self.slot, 1)
    }

    /// A node's address.
    pub fn node(self, index: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 19, 128 + self.slot, 11 + index)
    }

    /// The bridge's name on the host.
    pub fn bridge_link(self) -> String {
        format!("kubsets{}", self.slot)
    }

    /// The name of a node's link on the host.
    pub fn node_link(self, index: u8) -> String {
        format!("kubsets{}n{index}", self.slot)
    }
}

/// Whether two IPv4 networks share an address; `None` where one is not a network.
pub fn overlap(a: &str, b: &str) -> Option<bool> {
    let (a, b) = (range(a)?, range(b)?);
    Some(a.0 <= b.1 && b.0 <= a.1)
}

/// First and last address of a network such as `198.18.0.0/18`; an address alone counts as `/32`.
fn range(cidr: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr.split_once('/').unwrap_or((cidr, "32"));
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let length: u32 = length.parse().ok().filter(|l| *l <= 32)?;
    let host = u32::MAX.checked_shr(length).unwrap_or(0);
    Some((address & !host, address | host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_never_share_an_address() {
        let mut networks = Vec::new();
        for slot in 0..SLOTS {
            let plan = AddressPlan::new(slot).unwrap();
            networks.extend([plan.pods(), plan.services(), plan.nodes()]);
        }
        for (i, a) in networks.iter().enumerate() {
            assert_eq!(overlap(a, "198.18.0.0/15"), Some(true), "{a} is outside");
            for b in &networks[i + 1..] {
                assert_eq!(overlap(a, b), Some(false), "{a} and {b}");
            }
        }
        assert!(AddressPlan::new(SLOTS).is_err());
    }

    #[test]
    fn a_node_has_its_part_of_the_pods() {
        let plan = AddressPlan::new(1).unwrap();
        assert_eq!(plan.node_pods(4), "198.18.68.0/24");
        assert_eq!(overlap(&plan.node_pods(4), &plan.pods()), Some(true));
        assert_eq!(plan.node(0).to_string(), "198.19.129.11");
        assert_eq!(plan.dns().to_string(), "198.19.32.10");
        assert!(plan.node_link(4).len() <= 15, "a link's name has 15 characters at most");
    }

    #[test]
    fn networks_overlap_or_not() {
        assert_eq!(overlap("198.18.0.0/16", "198.18.255.1"), Some(true));
        assert_eq!(overlap("0.0.0.0/0", "198.18.255.1"), Some(true));
        assert_eq!(overlap("198.18.0.0/24", "198.18.1.0/24"), Some(false));
        assert_eq!(overlap("x", "198.18.1.0/24"), None);
        assert_eq!(overlap("198.18.1.0/33", "198.18.1.0/24"), None);
    }
}
