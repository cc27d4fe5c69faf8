//! HTTP/2 connections, each shared by several slots.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex;

use super::http1::Named;
use super::request::Outgoing;
use super::stream::Endpoint;
use crate::outcome::ErrorKind;

/// A place for one connection; slots share it and the first that needs it opens it.
pub(crate) type Shared = Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>;

/// Fresh connections tried for one request when the shared one turns out to be closed before anything was sent.
const TRIES: usize = 3;

/// Sends a request over a shared connection and reads the whole answer; its status, and its version into `version`.
pub(crate) async fn exchange(
    shared: &Shared,
    endpoint: (&Endpoint, usize),
    mut request: Outgoing,
    version_header: &HeaderName,
    version: &mut Named,
) -> Result<u16, ErrorKind> {
    for _ in 0..TRIES {
        let mut sender = sender(shared, endpoint).await?;
        if sender.ready().await.is_err() {
            continue;
        }
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => match error.take_message() {
                Some(unsent) => {
                    request = unsent;
                    continue;
                }
                None => return Err(ErrorKind::of_exchange(error.error())),
            },
        };
        version.clear();
        if let Some(value) = response.headers().get(version_header) {
            version.set(value.as_bytes());
        }
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| ErrorKind::of_exchange(&error))?;
        }
        return Ok(status);
    }
    Err(ErrorKind::Reset)
}

async fn sender(
    shared: &Shared,
    (endpoint, number): (&Endpoint, usize),
) -> Result<SendRequest<Full<Bytes>>, ErrorKind> {
    let mut place = shared.lock().await;
    if let Some(sender) = place.as_ref().filter(|sender| !sender.is_closed()) {
        return Ok(sender.clone());
    }
    *place = None;
    let stream = endpoint.connect(number).await?;
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ErrorKind::of_exchange(&error))?;
    // Its errors reach the requests that it carries.
    tokio::spawn(async move {
        let _ended = connection.await;
    });
    *place = Some(sender.clone());
    Ok(sender)
}
