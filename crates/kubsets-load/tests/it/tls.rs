//! `https` targets, with certificates made for the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use kubsets_load::{ErrorKind, Generator, LoadReport, LoadSpec, Protocol, Schedule, Trust};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// A server with a certificate of its own for `localhost`.
struct Server {
    port: u16,
    certificate: String,
    connections: Arc<AtomicU64>,
    http2: Arc<AtomicU64>,
}

impl Server {
    /// Offers these protocols to whoever connects.
    fn start(protocols: &[&str]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server =
            Self { port, certificate: made.cert.pem(), connections: Arc::default(), http2: Arc::default() };
        let (connections, http2) = (Arc::clone(&server.connections), Arc::clone(&server.http2));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (acceptor, connections, http2) =
                        (acceptor.clone(), Arc::clone(&connections), Arc::clone(&http2));
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        connections.fetch_add(1, Ordering::Relaxed);
                        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                            let second = request.version() == http::Version::HTTP_2;
                            http2.fetch_add(u64::from(second), Ordering::Relaxed);
                            async { Ok::<_, std::convert::Infallible>(answer()) }
                        });
                        let io = TokioIo::new(stream);
                        let _closed = Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
                    });
                }
            });
        });
        server
    }

    async fn load(&self, change: impl FnOnce(&mut LoadSpec)) -> LoadReport {
        let mut spec = LoadSpec::new(format!("https://localhost:{}/", self.port), Schedule::constant(100.0));
        spec.duration = Some(Duration::from_millis(500));
        spec.trust = Trust::Authorities(self.certificate.clone());
        change(&mut spec);
        let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
        assert!(report.accounting.holds(), "{}", report.identity);
        report
    }
}

fn answer() -> http::Response<Full<bytes::Bytes>> {
    let body = Full::new(bytes::Bytes::from_static(b"hello"));
    http::Response::builder().header("x-kubsets-version", "1.0").body(body).unwrap()
}

#[tokio::test]
async fn a_trusted_server_is_loaded_with_either_protocol() {
    for (protocol, of_http2) in [(Protocol::Http1, 0), (Protocol::Http1PerRequest, 0), (Protocol::Http2, 50)]
    {
        let server = Server::start(&["h2", "http/1.1"]);
        let report = server.load(|spec| spec.protocol = protocol).await;
        assert_eq!(report.accounting.ok, 50, "{protocol:?} {:?}", report.total.errors);
        assert_eq!(server.http2.load(Ordering::Relaxed), of_http2, "{protocol:?}");
        assert_eq!(report.versions[0].name, "1.0");
        let connections = server.connections.load(Ordering::Relaxed);
        assert_eq!(connections == 50, protocol == Protocol::Http1PerRequest, "{protocol:?} {connections}");
    }
}

#[tokio::test]
async fn a_stranger_is_loaded_only_when_anything_is_accepted() {
    let (server, other) = (Server::start(&["http/1.1"]), Server::start(&["http/1.1"]));
    let report = server.load(|spec| spec.trust = Trust::Authorities(other.certificate.clone())).await;
    assert_eq!(report.total.errors[&ErrorKind::Tls], 50);
    let report = server.load(|spec| spec.trust = Trust::Anything).await;
    assert_eq!(report.accounting.ok, 50, "{:?}", report.total.errors);
}

#[tokio::test]
async fn the_name_counts_too() {
    let server = Server::start(&["http/1.1"]);
    let url = format!("https://127.0.0.1:{}/", server.port);
    let report = server.load(|spec| spec.targets[0].url = url).await;
    assert_eq!(report.total.errors[&ErrorKind::Tls], 50);
}

#[tokio::test]
async fn http2_is_not_given_up_silently() {
    let server = Server::start(&["http/1.1"]);
    let report = server.load(|spec| spec.protocol = Protocol::Http2).await;
    assert_eq!(report.total.errors[&ErrorKind::Tls], 50);
}

#[tokio::test]
async fn a_server_without_tls_is_no_agreement() {
    let server = crate::server::Server::start(|_| crate::server::Reply::ok());
    let mut spec =
        LoadSpec::new(format!("https://localhost:{}/", server.address.port()), Schedule::constant(20.0));
    spec.duration = Some(Duration::from_millis(500));
    spec.trust = Trust::Anything;
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert_eq!(report.total.errors[&ErrorKind::Tls], 10);
}
