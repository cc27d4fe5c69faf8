//! A connection with or without TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::outcome::ErrorKind;

/// Name of HTTP/2 in the negotiation of TLS.
pub(crate) const ALPN_H2: &[u8] = b"h2";
/// Name of HTTP/1.1 there.
pub(crate) const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Where connections of one endpoint go, and how.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: Option<Tls>,
}

/// What TLS needs to know.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
    /// Nothing but HTTP/2 will do.
    pub(crate) needs_h2: bool,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("addresses", &self.addresses)
            .field("tls", &self.tls.as_ref().map(|tls| &tls.name))
            .finish()
    }
}

/// An open connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Endpoint {
    /// Opens a connection for small messages that shall not wait for each other. `number` chooses among several
    /// addresses.
    pub(crate) async fn connect(&self, number: usize) -> Result<Stream, ErrorKind> {
        let address = self.addresses[number % self.addresses.len()];
        let stream = TcpStream::connect(address).await.map_err(|error| ErrorKind::of_connect(&error))?;
        stream.set_nodelay(true).map_err(|error| ErrorKind::of_connect(&error))?;
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let stream = tls.connector.connect(tls.name.clone(), stream).await.map_err(|_| ErrorKind::Tls)?;
        if tls.needs_h2 && stream.get_ref().1.alpn_protocol() != Some(ALPN_H2) {
            return Err(ErrorKind::Tls);
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
