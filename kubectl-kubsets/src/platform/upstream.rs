//! Where a component comes from: its project, not a registry of images.

use serde::{Deserialize, Serialize};

/// The project of a component, by which a cluster with internet would install it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    /// The repository of its source.
    pub(crate) repository: Repository,
    /// The tag or branch there that is its version.
    pub(crate) version: String,
    /// The folder of its chart there, where its makers keep one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chart: Option<String>,
}

/// The address of a repository of source code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Repository(String);

impl TryFrom<String> for Repository {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let place = text.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        // a name of an image has a tag or a digest behind `:` or `@`
        let is_path = |path: &str| {
            !path.is_empty() && !path.contains(|c: char| c.is_whitespace() || [':', '@'].contains(&c))
        };
        let is_host = |host: &str| host.contains('.') && !host.starts_with("registry.") && is_path(host);
        if place.is_some_and(|(host, path)| is_host(host) && is_path(path)) {
            return Ok(Self(text));
        }
        Err(format!(
            "upstream.repository: `{text}` is not accepted; it takes https://HOST/PATH of the source"
        ))
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.0
    }
}

impl Upstream {
    /// Whether its version is that of the component, which may leave out a `v` and what tags have around it, but no
    /// further digits.
    ///
    /// # Errors
    /// Both versions where they differ.
    pub(super) fn check(&self, version: &str) -> anyhow::Result<()> {
        let tag = self.version.as_str();
        let goes_on = |neighbour: Option<char>| neighbour.is_some_and(|c| c == '.' || c.is_ascii_digit());
        let is_whole = |(at, found): (usize, &str)| {
            !goes_on(tag[..at].chars().next_back()) && !goes_on(tag[at + found.len()..].chars().next())
        };
        anyhow::ensure!(
            tag.match_indices(version.trim_start_matches('v')).any(is_whole),
            "upstream.version: `{tag}` is not the tag of version `{version}`"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_address_of_source_and_no_image() {
        assert!(Repository::try_from("https://github.com/coredns/coredns".to_owned()).is_ok());
        for wrong in [
            "github.com/coredns/coredns",
            "http://github.com/coredns/coredns",
            "oci://charts.example.com/coredns",
            "https://registry.example.com/coredns",
            "https://example.com/coredns:v1",
            "https://example.com/coredns@sha256",
            "https://example.com/",
            "https://example.com",
            "https://localhost/coredns",
        ] {
            let error = Repository::try_from(wrong.to_owned()).unwrap_err();
            assert!(error.contains(wrong) && error.contains("it takes https://HOST/PATH"), "{error}");
        }
    }

    #[test]
    fn a_version_that_was_left_behind_is_seen() {
        let upstream = |version: &str| Upstream {
            repository: "https://github.com/a/b".to_owned().try_into().unwrap(),
            version: version.into(),
            chart: None,
        };
        for (tag, version) in [("v1.2.3", "v1.2.3"), ("v2.42.0", "2.42.0"), ("REL_15_STABLE", "15")] {
            upstream(tag).check(version).unwrap();
        }
        let error = upstream("v1.2.3").check("v1.2.4").unwrap_err();
        assert_eq!(error.to_string(), "upstream.version: `v1.2.3` is not the tag of version `v1.2.4`");
        for (tag, version) in [("v1.2.30", "v1.2.3"), ("v11.2.3", "1.2.3"), ("v1.2.3", "1.2")] {
            assert!(upstream(tag).check(version).is_err(), "{tag} passes for {version}");
        }
    }
}
