//! A push against a small registry in this process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, LOCATION, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use oci_client::client::{Certificate, CertificateEncoding};

use super::*;
use crate::ui::{Printer, PrinterOptions};

/// What a registry demands.
#[derive(Clone, Copy, PartialEq)]
enum Demand {
    Nothing,
    Basic,
    Bearer,
    /// TLS, of somebody who speaks plain HTTP.
    Tls,
}

#[derive(Clone)]
struct Server {
    demand: Demand,
    scheme: &'static str,
    stored: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Server {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let mut response = Response::new(Full::default());
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let said = header(AUTHORIZATION).unwrap_or_default().to_owned();
        let host = header(HOST).unwrap_or_default().to_owned();
        let basic = format!("Basic {}", STANDARD.encode("ann:secret"));
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        if path == "/token" {
            let fits = said == basic && query.contains("scope=repository%3Ateam%2Fkubsets%2Fdemo-app%3A");
            *response.status_mut() = if fits { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            *response.body_mut() = r#"{"token": "t1"}"#.into();
            return Ok(response);
        }
        if self.demand == Demand::Tls {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
        let (wanted, challenge) = match self.demand {
            Demand::Nothing | Demand::Tls => (String::new(), String::new()),
            Demand::Basic => (basic, r#"Basic realm="here""#.to_owned()),
            Demand::Bearer => (
                "Bearer t1".to_owned(),
                format!(r#"Bearer realm="{}://{host}/token",service="here""#, self.scheme),
            ),
        };
        if said != wanted {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge.parse().expect("is a header"));
            return Ok(response);
        }
        let method = request.method().clone();
        let body = request.into_body().collect().await.expect("the body arrives").to_bytes();
        let mut stored = self.stored.lock().expect("no panic");
        *response.status_mut() = match method {
            Method::GET if path == "/v2/" => StatusCode::OK,
            Method::HEAD if stored.contains_key(&path) => StatusCode::OK,
            Method::HEAD => StatusCode::NOT_FOUND,
            Method::POST => {
                let place = path.replace("/uploads/", "/upload-1?state=x");
                response.headers_mut().insert(LOCATION, place.parse().expect("is a header"));
                StatusCode::ACCEPTED
            }
            Method::PUT => {
                let key = match query.split_once("digest=") {
                    Some((_, digest)) => path.replace("upload-1", &digest.replace("%3A", ":")),
                    None => path,
                };
                response.headers_mut().insert(LOCATION, key.parse().expect("is a header"));
                assert!(stored.insert(key, body).is_none(), "a blob is sent once");
                StatusCode::CREATED
            }
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        Ok(response)
    }

    /// Starts one; over TLS it returns the certificate to trust.
    async fn start(demand: Demand, tls: bool) -> (String, Self, Vec<Certificate>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("is bound").to_string();
        let scheme = if tls { "https" } else { "http" };
        let server = Self { demand, scheme, stored: Arc::default() };
        let (acceptor, roots) = if tls { tls_acceptor() } else { (None, Vec::new()) };
        let each = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, acceptor) = (each.clone(), acceptor.clone());
                let service = hyper::service::service_fn(move |request| server.clone().answer(request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                            }
                        }
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                    }
                });
            }
        });
        (address, server, roots)
    }

    fn keys(&self) -> Vec<String> {
        self.stored.lock().expect("no panic").keys().cloned().collect()
    }
}

fn tls_acceptor() -> (Option<tokio_rustls::TlsAcceptor>, Vec<Certificate>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate is made");
    let der = made.cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions are known")
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key.into())
        .expect("the certificate fits its key");
    let root = Certificate { encoding: CertificateEncoding::Der, data: der.to_vec() };
    (Some(Arc::new(config).into()), vec![root])
}

fn image(folder: &Path) -> BuiltImage {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder can be made");
    let manifest = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"digest":"sha256:cccccccccccccccc","size":2},"layers":[{"digest":"sha256:llllllllllllllll","size":3}]}"#;
    for (name, text) in
        [("mmmmmmmmmmmmmmmm", manifest), ("cccccccccccccccc", "{}"), ("llllllllllllllll", "tar")]
    {
        fs::write(blobs.join(name), text).expect("a file can be written");
    }
    BuiltImage {
        reference: "registry.kubsets.local/kubsets/demo-app:0.1.0".into(),
        digest: "sha256:mmmmmmmmmmmmmmmm".into(),
        archive: folder.join("archive"),
        layout: folder.to_path_buf(),
        sbom: folder.join("sbom"),
        size: 3,
    }
}

fn sender(address: &str, auth: RegistryAuth, protocol: ClientProtocol, roots: Vec<Certificate>) -> Sender {
    let registry = format!("{address}/team").parse().expect("is a registry");
    let config = ClientConfig { protocol, tls_certs_only: roots, ..ClientConfig::default() };
    Sender::with(registry, auth, config).expect("can be made")
}

fn ann(password: &str) -> RegistryAuth {
    RegistryAuth::Basic("ann".to_owned(), password.to_owned())
}

fn quiet() -> Step {
    Printer::new(PrinterOptions { quiet: true, no_tty: true, ..PrinterOptions::default() }).step("push")
}

const STORED: [&str; 3] = [
    "/v2/team/kubsets/demo-app/blobs/sha256:cccccccccccccccc",
    "/v2/team/kubsets/demo-app/blobs/sha256:llllllllllllllll",
    "/v2/team/kubsets/demo-app/manifests/0.1.0",
];

#[tokio::test]
async fn blobs_and_manifest_arrive_whatever_the_registry_demands() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let image = image(folder.path());
    for (demand, tls) in [
        (Demand::Nothing, false),
        (Demand::Basic, false),
        (Demand::Nothing, true),
        (Demand::Basic, true),
        (Demand::Bearer, true),
    ] {
        let (address, server, roots) = Server::start(demand, tls).await;
        let protocol = if tls { ClientProtocol::Https } else { ClientProtocol::Http };
        let auth = if demand == Demand::Nothing { RegistryAuth::Anonymous } else { ann("secret") };
        let name = sender(&address, auth, protocol, roots).push(&image, &quiet()).await.expect("is accepted");
        assert_eq!(name, format!("{address}/team/kubsets/demo-app:0.1.0@sha256:mmmmmmmmmmmmmmmm"));
        assert_eq!(server.keys(), STORED);
        assert_eq!(server.stored.lock().expect("no panic")[STORED[1]], "tar");
    }
}

#[tokio::test]
async fn blobs_that_are_there_are_not_sent_again() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let image = image(folder.path());
    let (address, server, _) = Server::start(Demand::Nothing, false).await;
    let sender = sender(&address, RegistryAuth::Anonymous, ClientProtocol::Http, Vec::new());
    sender.push(&image, &quiet()).await.expect("is accepted");
    server.stored.lock().expect("no panic").remove(STORED[2]);
    sender.push(&image, &quiet()).await.expect("is accepted, and the server saw no blob twice");
    assert_eq!(server.keys(), STORED);
}

#[tokio::test]
async fn wrong_credentials_and_strange_certificates_are_said_as_such() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let image = image(folder.path());
    for demand in [Demand::Basic, Demand::Bearer] {
        for auth in [RegistryAuth::Anonymous, ann("wr0ng")] {
            let (address, server, roots) = Server::start(demand, true).await;
            let error = sender(&address, auth, ClientProtocol::Https, roots).push(&image, &quiet()).await;
            let error = error.expect_err("is refused");
            let failure = error.downcast_ref::<Failure>().expect("has a hint");
            assert!(failure.to_string().contains("credentials"), "{error:#}");
            assert!(failure.hints()[0].contains("KUBSETS_REGISTRY_USERNAME"));
            assert!(!format!("{error:#}").contains("wr0ng"), "{error:#}");
            assert!(server.keys().is_empty());
        }
    }
    let (address, server, _) = Server::start(Demand::Nothing, true).await;
    let (_, others) = tls_acceptor();
    let error = sender(&address, ann("secret"), ClientProtocol::Https, others).push(&image, &quiet()).await;
    let error = error.expect_err("is not trusted");
    assert!(error.to_string().contains("does not answer"), "{error:#}");
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_registry_with_tls_on_this_machine_is_told_how_to_be_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let image = image(folder.path());
    let (address, ..) = Server::start(Demand::Tls, false).await;
    let sender = sender(&address, RegistryAuth::Anonymous, ClientProtocol::Http, Vec::new());
    let error = sender.push(&image, &quiet()).await.expect_err("is refused");
    let failure = error.downcast_ref::<Failure>().expect("has a hint");
    assert!(failure.hints()[0].contains("as its certificate names it"), "{:?}", failure.hints());
}

#[test]
fn registries_are_checked() {
    for text in ["", "http://x", "a b"] {
        assert!(text.parse::<Registry>().is_err(), "{text}");
    }
    let registry: Registry = "localhost:5000".parse().expect("is a registry");
    let place = registry.place("registry.kubsets.local/coredns:v1");
    assert_eq!(place.whole(), "localhost:5000/coredns:v1");
    // `up --registry` looks for images where `images push --to` put them
    let registry: Registry = "r.example.com/team/".parse().expect("is a registry");
    let place = registry.place("registry.kubsets.local/kubsets/cli:1");
    assert_eq!(place.whole(), format!("{}/kubsets/cli:1", registry.base()));
}

#[test]
fn plain_http_is_for_this_machine() {
    let loopback = |text: &str| text.parse::<Registry>().expect("is a registry").is_loopback();
    for text in ["localhost", "localhost:5000/team", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
        assert!(loopback(text), "{text}");
    }
    for text in ["registry.example.com", "10.0.0.1:5000", "localhost.example.com:5000", "127.0.0.1.nip.io"] {
        assert!(!loopback(text), "{text}");
    }
}
