//! A push against a small registry in this process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::*;
use crate::ui::{Printer, PrinterOptions};

type Stored = Arc<Mutex<BTreeMap<String, Bytes>>>;

async fn answer(request: Request<Incoming>, stored: Stored) -> Result<Response<Full<Bytes>>, Infallible> {
    let (path, query) =
        (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let method = request.method().clone();
    let body = request.into_body().collect().await.expect("the body arrives").to_bytes();
    let mut response = Response::new(Full::default());
    *response.status_mut() = match method.as_str() {
        "HEAD" if stored.lock().expect("no panic").contains_key(&path) => StatusCode::OK,
        "HEAD" => StatusCode::NOT_FOUND,
        "POST" => {
            let place = path.replace("/uploads/", "/upload-1?state=x");
            response.headers_mut().insert(LOCATION, place.parse().expect("is a header"));
            StatusCode::ACCEPTED
        }
        "PUT" => {
            let key = match query.split_once("digest=") {
                Some((_, digest)) => path.replace("upload-1", digest),
                None => path,
            };
            stored.lock().expect("no panic").insert(key, body);
            StatusCode::CREATED
        }
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    Ok(response)
}

async fn registry() -> (String, Stored) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("is bound").to_string();
    let stored = Stored::default();
    let seen = Arc::clone(&stored);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stored = Arc::clone(&stored);
            let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&stored)));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, seen)
}

#[tokio::test]
async fn blobs_go_before_the_manifest_and_only_once() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let blobs = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder can be made");
    let manifest = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"digest":"sha256:cccccccccccccccc","size":2},"layers":[{"digest":"sha256:llllllllllllllll","size":3}]}"#;
    for (name, text) in
        [("mmmmmmmmmmmmmmmm", manifest), ("cccccccccccccccc", "{}"), ("llllllllllllllll", "tar")]
    {
        fs::write(blobs.join(name), text).expect("a file can be written");
    }
    let image = BuiltImage {
        reference: "registry.kubsets.local/kubsets/demo-app:0.1.0".into(),
        digest: "sha256:mmmmmmmmmmmmmmmm".into(),
        archive: folder.path().join("archive"),
        layout: folder.path().to_path_buf(),
        sbom: folder.path().join("sbom"),
        size: 3,
    };
    let (address, stored) = registry().await;
    let printer = Printer::new(PrinterOptions { quiet: true, no_tty: true, ..PrinterOptions::default() });
    let to: Registry = format!("{address}/team").parse().expect("is a registry");
    for _ in 0..2 {
        let name = push(&image, &to, &printer.step("push")).await.expect("is accepted");
        assert_eq!(name, format!("{address}/team/kubsets/demo-app:0.1.0@sha256:mmmmmmmmmmmmmmmm"));
    }
    let keys: Vec<String> = stored.lock().expect("no panic").keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "/v2/team/kubsets/demo-app/blobs/sha256:cccccccccccccccc",
            "/v2/team/kubsets/demo-app/blobs/sha256:llllllllllllllll",
            "/v2/team/kubsets/demo-app/manifests/0.1.0",
        ]
    );
}

#[test]
fn registries_are_checked() {
    for text in ["", "http://x", "a b"] {
        assert!(text.parse::<Registry>().is_err(), "{text}");
    }
    let registry: Registry = "localhost:5000".parse().expect("is a registry");
    assert_eq!(registry.place("registry.kubsets.local/coredns:v1"), ("coredns".into(), "v1".into()));
}
