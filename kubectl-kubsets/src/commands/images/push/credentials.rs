//! Who we are to a registry: two variables, else what `docker login` wrote. Never shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

const USERNAME: &str = "KUBSETS_REGISTRY_USERNAME";
const PASSWORD: &str = "KUBSETS_REGISTRY_PASSWORD";

/// The part of Docker's configuration that holds credentials.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    /// Name and password with a colon between them, in base64.
    auth: String,
    username: String,
    password: String,
}

/// Credentials for a registry; anonymous where there are none.
///
/// # Errors
/// When Docker's configuration cannot be read, or only one of the two variables is set.
pub(super) fn find(host: &str) -> anyhow::Result<RegistryAuth> {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    match (variable(USERNAME), variable(PASSWORD)) {
        (Some(name), Some(password)) => return Ok(RegistryAuth::Basic(name, password)),
        (None, None) => {}
        _ => anyhow::bail!("{USERNAME} and {PASSWORD} must be set both or not at all"),
    }
    let Some(path) = config_path() else { return Ok(RegistryAuth::Anonymous) };
    match std::fs::read_to_string(&path) {
        Ok(text) => in_config(&text, host).with_context(|| format!("in {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn config_path() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".docker")))?;
    Some(folder.join("config.json"))
}

/// The entry for a host in the text of a configuration.
fn in_config(text: &str, host: &str) -> anyhow::Result<RegistryAuth> {
    // The parser's own words would show a part of the file.
    let config: DockerConfig =
        serde_json::from_str(text).map_err(|_| anyhow::anyhow!("this is no configuration of Docker"))?;
    let fits = |key: &str| {
        let key = key.trim_start_matches("https://").trim_start_matches("http://");
        let key = key.split('/').next().unwrap_or(key);
        key == host || (key == "index.docker.io" && host == "docker.io")
    };
    let Some((_, entry)) = config.auths.into_iter().find(|(key, _)| fits(key)) else {
        return Ok(RegistryAuth::Anonymous);
    };
    if !entry.username.is_empty() {
        return Ok(RegistryAuth::Basic(entry.username, entry.password));
    }
    if entry.auth.is_empty() {
        // A helper program keeps them.
        return Ok(RegistryAuth::Anonymous);
    }
    let plain = STANDARD.decode(&entry.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = plain.as_deref().and_then(|plain| plain.split_once(':'));
    let (name, password) =
        pair.with_context(|| format!("the entry of {host} is not a name and a password in base64"))?;
    Ok(RegistryAuth::Basic(name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(name: &str, password: &str) -> RegistryAuth {
        RegistryAuth::Basic(name.to_owned(), password.to_owned())
    }

    #[test]
    fn entries_are_found_by_host_with_or_without_scheme() {
        // ann:se:cret
        let text = r#"{"auths": {"r.example.com:5000": {"auth": "YW5uOnNlOmNyZXQ="},
            "https://index.docker.io/v1/": {"username": "bob", "password": "x"},
            "helped.example.com": {}}, "credsStore": "desktop"}"#;
        let found = |host: &str| in_config(text, host).expect("is read");
        assert!(found("r.example.com:5000") == basic("ann", "se:cret"));
        assert!(found("docker.io") == basic("bob", "x"));
        assert!(found("r.example.com") == RegistryAuth::Anonymous);
        assert!(found("helped.example.com") == RegistryAuth::Anonymous);
        assert!(in_config("{}", "r.example.com").expect("is read") == RegistryAuth::Anonymous);
    }

    #[test]
    fn a_bad_file_is_refused_without_a_word_of_it() {
        for text in [r#"{"auths": {"r": {"auth": "c2VjcmV0"}}}"#, r#"{"auths": {"r": "secret"}}"#] {
            let error = format!("{:#}", in_config(text, "r").expect_err("is refused"));
            assert!(!error.contains("secret") && !error.contains("c2VjcmV0"), "{error}");
        }
    }
}
