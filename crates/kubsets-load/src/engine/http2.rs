//! HTTP/2 connections, each shared by several slots.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex;

use super::http1::connect;
use super::request::Outgoing;
use super::slot::{Answer, Failure};
use crate::outcome::ErrorKind;

/// A place for one connection; slots share it and the first that needs it opens it.
pub(crate) type Shared = Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>;

/// Sends a request over a shared connection and reads the whole answer.
pub(crate) async fn exchange(
    shared: &Shared,
    address: std::net::SocketAddr,
    request: Outgoing,
    version_header: &HeaderName,
) -> Result<Answer, Failure> {
    let mut sender = sender(shared, address).await.map_err(Failure::Error)?;
    if sender.ready().await.is_err() {
        return Err(Failure::NotSent(Box::new(request)));
    }
    let response =
        sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(unsent) => Failure::NotSent(Box::new(unsent)),
            None => Failure::Error(ErrorKind::of_exchange(error.error())),
        })?;
    let answer = Answer::of(&response, version_header);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Err(error) = frame {
            return Err(Failure::Error(ErrorKind::of_exchange(&error)));
        }
    }
    Ok(answer)
}

async fn sender(
    shared: &Shared,
    address: std::net::SocketAddr,
) -> Result<SendRequest<Full<Bytes>>, ErrorKind> {
    let mut place = shared.lock().await;
    if let Some(sender) = place.as_ref().filter(|sender| !sender.is_closed()) {
        return Ok(sender.clone());
    }
    *place = None;
    let stream = connect(address).await?;
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
