//! Values of flags: parsed at the edge, each error shows the accepted form.

use std::time::Duration;

use clap_complete::CompletionCandidate;

/// Parses `250ms`, `30s`, `5m`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 250ms, 30s, 5m or 1h30m".to_owned();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let figures = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let value: f64 = rest[..figures].parse().map_err(|_| wrong())?;
        rest = &rest[figures..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        total += Duration::try_from_secs_f64(value * seconds).map_err(|_| wrong())?;
        rest = &rest[unit..];
    }
    Ok(total)
}

/// A share between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Percent(f64);

impl Percent {
    /// The share, from 0 to 1.
    pub(crate) fn share(self) -> f64 {
        self.0
    }
}

/// Parses `10%`, `10` or `0.5%`; 0 to 100.
pub(crate) fn parse_percent(text: &str) -> Result<Percent, String> {
    let wrong = || "expected a percentage from 0 to 100 such as 5, 5% or 0.5%".to_owned();
    let figures = text.trim().trim_end_matches('%').trim_end();
    let value: f64 = figures.parse().map_err(|_| wrong())?;
    if (0.0..=100.0).contains(&value) { Ok(Percent(value / 100.0)) } else { Err(wrong()) }
}

/// Parses the number of a cluster's nodes: 1 to 5.
pub(crate) fn parse_nodes(text: &str) -> Result<u8, String> {
    match text.trim().parse() {
        Ok(nodes @ 1..=5) => Ok(nodes),
        _ => Err("a cluster has 1 to 5 nodes".to_owned()),
    }
}

/// Parses one weight of a canary: a whole percentage from 1 to 100.
pub(crate) fn parse_weight(text: &str) -> Result<u8, String> {
    let figures = text.trim().trim_end_matches('%').trim_end();
    match figures.parse::<u8>() {
        Ok(weight @ 1..=100) => Ok(weight),
        _ => Err("expected whole percentages from 1 to 100 such as 5,10,25,50,100".to_owned()),
    }
}

/// Parses requests per second: above 0, at most a million.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1_000_000.0 => Ok(rate),
        _ => Err("expected requests per second above 0 such as 100 or 0.5".to_owned()),
    }
}

/// Parses the address of a server that is spoken to without TLS: `http://HOST[:PORT][/PATH]`.
pub(crate) fn parse_base_url(text: &str) -> Result<String, String> {
    let url = text.trim().trim_end_matches('/');
    let is_address = |uri: &http::Uri| {
        uri.scheme_str() == Some("http")
            && uri.query().is_none()
            && uri.host().is_some_and(|host| !host.is_empty())
    };
    match url.parse::<http::Uri>() {
        Ok(uri) if is_address(&uri) => Ok(url.to_owned()),
        _ => Err("expected an address such as http://127.0.0.1:9090, without TLS".to_owned()),
    }
}

/// Contexts of the kubeconfig, for completion.
pub(crate) fn contexts() -> Vec<CompletionCandidate> {
    let Ok(config) = kube::config::Kubeconfig::read() else { return Vec::new() };
    config.contexts.into_iter().map(|context| CompletionCandidate::new(context.name)).collect()
}

/// A name and a value, such as `APP_VERSION=2`.
pub(crate) fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_units_are_taken() {
        let cases = [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("1.5s", 1_500)];
        for (text, milliseconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn times_without_units_and_nonsense_are_refused() {
        for text in ["", "30", "s", "-1s", "1x", "1s2", "1..2s", "99999999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_stay_in_range() {
        assert_eq!(parse_percent("5%").map(Percent::share), Ok(0.05));
        assert_eq!(parse_percent("100").map(Percent::share), Ok(1.0));
        for text in ["", "%", "-1", "101", "NaN", "five"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn weights_are_whole_and_not_zero() {
        assert_eq!(parse_weight("25%"), Ok(25));
        for text in ["0", "101", "2.5", "", "300"] {
            assert!(parse_weight(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cluster_has_a_handful_of_nodes() {
        assert_eq!(parse_nodes("5"), Ok(5));
        for text in ["0", "6", "", "two", "-1"] {
            assert_eq!(parse_nodes(text), Err("a cluster has 1 to 5 nodes".to_owned()), "{text}");
        }
    }

    #[test]
    fn addresses_of_servers_are_plain_http() {
        assert_eq!(parse_base_url("http://127.0.0.1:9090/").as_deref(), Ok("http://127.0.0.1:9090"));
        assert_eq!(parse_base_url("http://host/prometheus").as_deref(), Ok("http://host/prometheus"));
        for text in
            ["", "127.0.0.1:9090", "https://host", "http://", "http://host/?q=1", "ftp://host", "http://a b"]
        {
            assert!(parse_base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_positive() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        for text in ["0", "-3", "inf", "NaN", "x"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
