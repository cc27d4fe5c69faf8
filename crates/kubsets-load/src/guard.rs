//! Where load may go: loopback and the benchmark range 198.18.0.0/15, and hosts named by the user.
//!
//! Pure: looks at the text of an address only and asks no resolver. A name other than `localhost` is never
//! taken for local, whatever it resolves to.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;

use crate::shown::shown;

/// A target that must not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The text is no absolute `http://` or `https://` address.
    #[error("`{target}` is no address of the form http[s]://host[:port]/path")]
    Address {
        /// What was given, without user, password and values of a query.
        target: String,
    },
    /// The host is outside of what is allowed by default and not named.
    #[error(
        "refusing to put load on `{host}`: it is neither loopback nor in 198.18.0.0/15, and not allowed by name"
    )]
    Host {
        /// The host of the target.
        host: String,
    },
}

/// An accepted address, split into what a connection needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port; 80, or 443 for `https`, if none is given.
    pub port: u16,
    /// Whether TLS is spoken there (`https`).
    pub tls: bool,
    /// Host and port as they go into the `Host` header.
    pub authority: String,
    /// Path and query, at least `/`.
    pub path: String,
}

/// Splits a target address and accepts it if its host is loopback (`127.0.0.0/8`, `::1`, `localhost`), in
/// `198.18.0.0/15`, or in `allow`. An entry of `allow` is a host name, an IP address, or `*.domain` for every
/// name below a domain; letter case does not matter.
///
/// # Errors
///
/// The address cannot be read, or its host is not allowed.
pub fn guard(target: &str, allow: &[String]) -> Result<Address, GuardError> {
    let address = split(target)?;
    if is_local(&address.host) || allow.iter().any(|entry| matches(entry, &address.host)) {
        Ok(address)
    } else {
        Err(GuardError::Host { host: address.host })
    }
}

fn split(target: &str) -> Result<Address, GuardError> {
    let bad = || GuardError::Address { target: shown(target) };
    // Placeholders of a template are no legal URI; they stand in the path only, which is cut off here.
    let (scheme, rest) = target.split_once("://").ok_or_else(bad)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(bad()),
    };
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    let uri: Uri = format!("http://{authority}/").parse().map_err(|_| bad())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
    if authority.contains('@') {
        return Err(bad());
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let path = path.split('#').next().unwrap_or("/").to_owned();
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    Ok(Address { host, port, tls, authority: authority.to_owned(), path })
}

fn is_local(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || is_benchmark(address),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// RFC 2544: addresses set aside for measuring network devices.
fn is_benchmark(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 198 && (second == 18 || second == 19)
}

fn matches(entry: &str, host: &str) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    match entry.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|name| name.len() > 1 && name.ends_with('.')),
        None => entry == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(target: &str, allow: &[&str]) -> bool {
        let allow: Vec<String> = allow.iter().map(|&entry| entry.to_owned()).collect();
        guard(target, &allow).is_ok()
    }

    #[test]
    fn local_addresses_are_accepted() {
        for target in [
            "http://127.0.0.1:8080/api/info",
            "http://127.9.9.9",
            "http://localhost",
            "HTTP://LocalHost:80/x",
            "http://app.localhost/",
            "http://[::1]:8080/",
            "http://198.18.0.1/",
            "http://198.19.255.254:30080/{{seq}}",
        ] {
            assert!(allowed(target, &[]), "{target}");
        }
    }

    #[test]
    fn others_need_to_be_named() {
        for target in [
            "http://10.0.0.1/",
            "http://198.20.0.1/",
            "http://198.17.255.255/",
            "http://example.org/",
            "http://localhost.example.org/",
            "http://127.0.0.1.example.org/",
            "http://[2001:db8::1]/",
            "http://0.0.0.0/",
        ] {
            assert!(matches!(guard(target, &[]), Err(GuardError::Host { .. })), "{target}");
        }
        assert!(allowed("http://Example.org/", &["example.ORG"]));
        assert!(allowed("http://a.example.org/", &["*.example.org"]));
        assert!(!allowed("http://example.org/", &["*.example.org"]));
        assert!(!allowed("http://badexample.org/", &["*.example.org"]));
        assert!(!allowed("http://10.0.0.1/", &["10.0.0.2"]));
    }

    #[test]
    fn tricks_and_mistakes_are_refused() {
        for target in
            ["127.0.0.1:80", "ftp://127.0.0.1/", "http://", "http://127.0.0.1@example.org/", "http:///x"]
        {
            assert!(matches!(guard(target, &[]), Err(GuardError::Address { .. })), "{target}");
        }
        let refused = guard("http://u:s3cret@127.0.0.1/", &[]).unwrap_err().to_string();
        assert!(refused.contains("http://VALUE@127.0.0.1/") && !refused.contains("s3cret"), "{refused}");
        assert!(matches!(guard("https://example.org/", &[]), Err(GuardError::Host { .. })));
    }

    #[test]
    fn parts_of_an_address() {
        let address = guard("http://127.0.0.1:8080?x=1#top", &[]).unwrap();
        assert_eq!(address.port, 8080);
        assert_eq!(address.authority, "127.0.0.1:8080");
        assert_eq!(address.path, "/?x=1");
        assert_eq!(guard("http://[::1]/a", &[]).unwrap().host, "::1");
        let address = guard("https://localhost/", &[]).unwrap();
        assert!(address.tls && address.port == 443 && guard("https://localhost:1/", &[]).unwrap().port == 1);
    }
}
