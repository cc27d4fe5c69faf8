//! Sends an image to a registry by the OCI distribution protocol, over plain HTTP.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context as _;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use kubsets_image::BuiltImage;
use serde_json::Value;

use crate::http::Http;
use crate::ui::{ExitCode, Failure, Step, bytes};

/// Where to: host, port and a prefix for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registry {
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
            return Err("expected a registry such as localhost:5000 or 127.0.0.1:5000/team".to_owned());
        }
        Ok(Self { host: host.to_owned(), prefix: prefix.to_owned() })
    }
}

impl Registry {
    /// Repository and tag that an image gets here.
    fn place(&self, reference: &str) -> (String, String) {
        let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let name = name.split_once('/').map_or(name, |(_, path)| path);
        let name = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        (name, tag.to_owned())
    }
}

/// Sends blobs that the registry lacks, then the manifest; returns the name there with its digest.
///
/// # Errors
/// When the registry does not answer or refuses.
pub(super) async fn push(image: &BuiltImage, registry: &Registry, step: &Step) -> anyhow::Result<String> {
    let (repository, tag) = registry.place(&image.reference);
    let client = Client { http: Http::new(), base: format!("http://{}/v2/{repository}", registry.host) };
    let manifest = blob(&image.layout, &image.digest)?;
    let parsed: Value = serde_json::from_slice(&manifest).context("the image's manifest is not JSON")?;
    let layers = parsed["layers"].as_array().into_iter().flatten();
    for part in layers.chain([&parsed["config"]]) {
        let digest = part["digest"].as_str().context("a part of the manifest has no digest")?;
        step.update(format!(
            "{} of {}",
            &digest[..19.min(digest.len())],
            bytes(part["size"].as_u64().unwrap_or(0))
        ));
        client.send_blob(digest, || blob(&image.layout, digest)).await?;
    }
    let kind = parsed["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let answer = client
        .http
        .send_bytes(Method::PUT, &format!("{}/manifests/{tag}", client.base), kind, manifest.into())
        .await?;
    accept(answer.status, &[StatusCode::CREATED, StatusCode::OK], "the manifest", &answer.body)?;
    Ok(format!("{}/{repository}:{tag}@{}", registry.host, image.digest))
}

struct Client {
    http: Http,
    base: String,
}

impl Client {
    async fn send_blob(
        &self,
        digest: &str,
        read: impl FnOnce() -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let there = self.http.send(Method::HEAD, &format!("{}/blobs/{digest}", self.base), None).await;
        let there = there.map_err(|error| {
            Failure::new(ExitCode::Cluster, "the registry does not answer")
                .because(error)
                .with_hint("only plain HTTP is spoken; for others use `images save` and a registry tool")
        })?;
        if there.status.is_success() {
            return Ok(());
        }
        let begun = self.http.send(Method::POST, &format!("{}/blobs/uploads/", self.base), None).await?;
        accept(begun.status, &[StatusCode::ACCEPTED], "an upload", &begun.body)?;
        let url = upload_url(&self.base, &begun.headers, digest)?;
        let sent =
            self.http.send_bytes(Method::PUT, &url, "application/octet-stream", read()?.into()).await?;
        accept(sent.status, &[StatusCode::CREATED], "a layer", &sent.body)
    }
}

/// Where the registry wants the blob: absolute or relative, with or without parameters of its own.
fn upload_url(base: &str, headers: &HeaderMap, digest: &str) -> anyhow::Result<String> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.context("the registry did not say where to send a layer")?;
    let server = base.split("/v2/").next().unwrap_or(base);
    let url = if location.starts_with('/') { format!("{server}{location}") } else { location.to_owned() };
    let sign = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{sign}digest={digest}"))
}

fn accept(status: StatusCode, accepted: &[StatusCode], what: &str, body: &str) -> anyhow::Result<()> {
    if accepted.contains(&status) {
        return Ok(());
    }
    let words: String = body.chars().take(200).collect();
    Err(Failure::new(
        ExitCode::Cluster,
        format!("the registry refused {what} with {status}: {}", words.trim()),
    )
    .into())
}

fn blob(layout: &Path, digest: &str) -> anyhow::Result<Vec<u8>> {
    let (algorithm, hex) = digest.split_once(':').context("a digest without its algorithm")?;
    let path = layout.join("blobs").join(algorithm).join(hex);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests;
