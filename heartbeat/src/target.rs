//! Where the orders go.

use std::str::FromStr;

use http::{Uri, uri::Scheme};

/// The base address of the demo app: `http://host[:port][/prefix]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    prefix: String,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a target: write http://host, http://host:port or http://host:port/prefix")]
pub struct InvalidTarget {
    /// What was given.
    pub text: String,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTarget { text: text.to_owned() };
        let uri: Uri = text.trim().parse().map_err(|_| invalid())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        if uri.scheme() != Some(&Scheme::HTTP) || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl Target {
    /// The path of a request below the prefix.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The value of the host header.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_port_and_prefix() {
        let target: Target = "http://demo-app".parse().unwrap();
        assert_eq!(
            (target.port, target.authority(), target.path("/orders")),
            (80, "demo-app".into(), "/orders".into())
        );
        let target: Target = "http://[::1]:8080/shop/".parse().unwrap();
        assert_eq!((&*target.host, target.authority()), ("::1", "[::1]:8080".into()));
        assert_eq!(target.path("/orders"), "/shop/orders");
    }

    #[test]
    fn refuses_what_it_cannot_reach() {
        for text in ["", "demo-app", "https://demo-app", "http://", "http://a?b=c"] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.to_string().contains("http://host:port"), "{text}");
        }
    }
}
