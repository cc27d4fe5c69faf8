//! The name of a cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A cluster's name: 1 to 20 lower-case letters, digits and inner hyphens, beginning with a letter.
///
/// The length keeps host names of nodes under the 63 characters of a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kubeconfig context, user and cluster entry of this cluster: `kubsets` or `kubsets-NAME`.
    pub fn context(&self) -> String {
        if self.0 == "kubsets" { self.0.clone() } else { format!("kubsets-{}", self.0) }
    }

    /// The name of node `index`; 0 is the control plane.
    pub fn node(&self, index: u8) -> String {
        match index {
            0 => format!("{}-control-plane", self.0),
            1 => format!("{}-worker", self.0),
            n => format!("{}-worker{n}", self.0),
        }
    }
}

impl Default for ClusterName {
    fn default() -> Self {
        Self("kubsets".into())
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let valid = (1..=20).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(inner);
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(Error::Invalid {
                field: "name",
                value: text.into(),
                accepted: "1 to 20 of a-z, 0-9 and inner hyphens, beginning with a letter",
            })
        }
    }
}

impl TryFrom<String> for ClusterName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["kubsets", "a", "lab-2"] {
            assert_eq!(good.parse::<ClusterName>().unwrap().as_str(), good);
        }
        for bad in ["", "2lab", "Lab", "lab-", "../etc", "a_b", "abcdefghijklmnopqrstu"] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn nodes_are_named_by_their_place() {
        let name = ClusterName::default();
        assert_eq!(name.node(0), "kubsets-control-plane");
        assert_eq!(name.node(1), "kubsets-worker");
        assert_eq!(name.node(3), "kubsets-worker3");
        assert_eq!("lab".parse::<ClusterName>().unwrap().context(), "kubsets-lab");
    }
}
