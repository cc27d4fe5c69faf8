//! Sends an image to a registry by the OCI distribution protocol.

mod credentials;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use http::HeaderValue;
use kubsets_image::BuiltImage;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::Value;
use tokio_util::io::ReaderStream;

use crate::ui::{ExitCode, Failure, Step, bytes};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest upload of a layer.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(15);

/// Where to: host, port and a prefix for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registry {
    host: String,
    prefix: String,
}

impl FromStr for Registry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
        let fits = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "._-:[]/".contains(c));
        if host.is_empty() || text.contains("://") || !fits(text) {
            return Err("expected a registry such as localhost:5000 or registry.example.com/team".to_owned());
        }
        Ok(Self { host: host.to_owned(), prefix: prefix.to_owned() })
    }
}

impl Registry {
    /// `HOST/PREFIX`, which the names of images here begin with.
    pub(crate) fn base(&self) -> String {
        if self.prefix.is_empty() { self.host.clone() } else { format!("{}/{}", self.host, self.prefix) }
    }

    /// The name that an image gets here.
    fn place(&self, reference: &str) -> Reference {
        let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let name = name.split_once('/').map_or(name, |(_, path)| path);
        let name = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Reference::with_tag(self.host.clone(), name, tag.to_owned())
    }

    /// Whether it is on this machine, where nobody listens in.
    fn is_loopback(&self) -> bool {
        let bare = self.host.rsplit_once(':').filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit()));
        let name = bare.map_or(self.host.as_str(), |(name, _)| name);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// Sends images to one registry.
pub(super) struct Sender {
    client: Client,
    registry: Registry,
    auth: RegistryAuth,
}

impl Sender {
    /// A sender with the user's credentials: https, but plain HTTP on this machine or where it is asked for.
    ///
    /// # Errors
    /// When Docker's configuration cannot be read.
    pub(super) fn new(registry: Registry, plain_http: bool) -> anyhow::Result<Self> {
        let auth = credentials::find(&registry.host)?;
        let plain = plain_http || registry.is_loopback();
        let protocol = if plain { ClientProtocol::Http } else { ClientProtocol::Https };
        Self::with(registry, auth, ClientConfig { protocol, ..ClientConfig::default() })
    }

    fn with(registry: Registry, auth: RegistryAuth, config: ClientConfig) -> anyhow::Result<Self> {
        // It stays if somebody else set it before: there is only this one in the program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT_TIMEOUT),
            user_agent: concat!("kubectl-kubsets/", env!("CARGO_PKG_VERSION")),
            ..config
        };
        let client = Client::try_from(config).context("cannot set up TLS")?;
        Ok(Self { client, registry, auth })
    }

    /// Sends blobs that the registry lacks, then the manifest; returns the name there with its digest.
    ///
    /// # Errors
    /// When the registry does not answer or refuses.
    pub(super) async fn push(&self, image: &BuiltImage, step: &Step) -> anyhow::Result<String> {
        let place = self.registry.place(&image.reference);
        let manifest = fs::read(blob(&image.layout, &image.digest)?).context("cannot read the manifest")?;
        let parsed: Value = serde_json::from_slice(&manifest).context("the image's manifest is not JSON")?;
        self.client
            .auth(&place, &self.auth, RegistryOperation::Push)
            .await
            .map_err(|error| self.refused("the login", error))?;
        let layers = parsed["layers"].as_array().into_iter().flatten();
        for part in layers.chain([&parsed["config"]]) {
            let digest = part["digest"].as_str().context("a part of the manifest has no digest")?;
            let size = part["size"].as_u64().unwrap_or(0);
            step.update(format!("{} of {}", &digest[..19.min(digest.len())], bytes(size)));
            let sent =
                tokio::time::timeout(UPLOAD_TIMEOUT, self.send_blob(&place, &image.layout, digest)).await;
            sent.with_context(|| format!("a layer took longer than {} s", UPLOAD_TIMEOUT.as_secs()))??;
        }
        let kind = parsed["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
        let kind = HeaderValue::from_str(kind).context("the manifest's media type is none")?;
        let sent = self.client.push_manifest_raw(&place, manifest, kind).await;
        sent.map_err(|error| self.refused("the manifest", error))?;
        Ok(format!("{}@{}", place.whole(), image.digest))
    }

    async fn send_blob(&self, place: &Reference, layout: &Path, digest: &str) -> anyhow::Result<()> {
        let there = self.client.blob_exists(place, digest).await;
        if there.map_err(|error| self.refused("a look at a layer", error))? {
            return Ok(());
        }
        let path = blob(layout, digest)?;
        let file = tokio::fs::File::open(&path).await;
        let file = file.with_context(|| format!("cannot read {}", path.display()))?;
        let size = file.metadata().await?.len();
        let parts = ReaderStream::new(file).map_err(OciDistributionError::from).boxed();
        let sent = self.client.push_blob_stream(place, parts, digest, Some(size)).await;
        sent.map_err(|error| self.refused("a layer", error))?;
        Ok(())
    }

    fn refused(&self, what: &str, error: OciDistributionError) -> anyhow::Error {
        let host = &self.registry.host;
        let status = match &error {
            OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::UnauthorizedError { .. } => Some(401),
            OciDistributionError::ServerError { code, .. } => Some(*code),
            OciDistributionError::RequestError(error) => error.status().map(|status| status.as_u16()),
            _ => None,
        };
        let unauthorized = matches!(status, Some(401 | 403));
        let silent = matches!(&error, OciDistributionError::RequestError(_)) && status.is_none();
        let failure = if unauthorized {
            Failure::new(ExitCode::Cluster, format!("{host} refused {what}: these credentials do not do"))
                .with_hint("`docker login` writes them, or set KUBSETS_REGISTRY_USERNAME and KUBSETS_REGISTRY_PASSWORD")
        } else if silent {
            Failure::new(ExitCode::Cluster, format!("{host} does not answer")).with_hint(
                "https is spoken, except on this machine; --plain-http is for registries without TLS",
            )
        } else if self.registry.is_loopback() && status == Some(400) {
            Failure::new(ExitCode::Cluster, format!("{host} refused {what}")).with_hint(
                "plain HTTP is spoken on this machine; a registry with TLS is named as its certificate names it",
            )
        } else {
            Failure::new(ExitCode::Cluster, format!("{host} refused {what}"))
        };
        failure.because(error).into()
    }
}

/// Where a blob lies in an image's layout.
fn blob(layout: &Path, digest: &str) -> anyhow::Result<PathBuf> {
    let (algorithm, hex) = digest.split_once(':').context("a digest without its algorithm")?;
    Ok(layout.join("blobs").join(algorithm).join(hex))
}

#[cfg(test)]
mod tests;
