//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! hyper's connection future is polled in the same task as the request, so that no wake-up crosses tasks.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderName;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::request::Outgoing;
use super::slot::{Answer, Failure};
use crate::outcome::ErrorKind;

/// An open connection.
pub(crate) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    closed: bool,
}

impl Http1 {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, ErrorKind> {
        let stream = connect(address).await?;
        // Requests are small: one buffer is cheaper to write than a list of them.
        let (sender, connection) = Builder::new()
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ErrorKind::of_exchange(&error))?;
        Ok(Self { sender, connection: Box::pin(connection), closed: false })
    }

    /// Looks after the connection between requests; ready when it has been closed.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.closed && self.connection.as_mut().poll(cx).is_ready() {
            self.closed = true;
        }
        if self.closed || self.sender.is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn is_reusable(&self) -> bool {
        !self.closed && !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Outgoing,
        version_header: &HeaderName,
    ) -> Result<Answer, Failure> {
        if !self.sender.is_ready() {
            let ready = std::future::poll_fn(|cx| {
                if self.poll_idle(cx).is_ready() {
                    return Poll::Ready(false);
                }
                self.sender.poll_ready(cx).map(|ready| ready.is_ok())
            });
            if !ready.await {
                return Err(Failure::NotSent(Box::new(request)));
            }
        }
        let mut response = pin!(self.sender.try_send_request(request));
        let (connection, closed) = (&mut self.connection, &mut self.closed);
        let response =
            std::future::poll_fn(|cx| drive(connection, closed, cx, |cx| response.as_mut().poll(cx)));
        let response = response.await.map_err(|mut error| match error.take_message() {
            Some(unsent) => Failure::NotSent(Box::new(unsent)),
            None => Failure::Error(ErrorKind::of_exchange(error.error())),
        })?;
        let answer = Answer::of(&response, version_header);
        let mut body = response.into_body();
        while !body.is_end_stream() {
            let frame =
                std::future::poll_fn(|cx| drive(connection, closed, cx, |cx| poll_frame(&mut body, cx)));
            match frame.await {
                None => break,
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(Failure::Error(ErrorKind::of_exchange(&error))),
            }
        }
        Ok(answer)
    }
}

/// Opens a connection for small messages that shall not wait for each other.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, ErrorKind> {
    let stream = TcpStream::connect(address).await.map_err(|error| ErrorKind::of_connect(&error))?;
    stream.set_nodelay(true).map_err(|error| ErrorKind::of_connect(&error))?;
    Ok(stream)
}

fn poll_frame(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<(), hyper::Error>>> {
    Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map(|_| ())))
}

/// Polls what waits for the connection, then the connection, then once more what it may have brought.
fn drive<T>(
    connection: &mut Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    closed: &mut bool,
    cx: &mut Context<'_>,
    mut waiting: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if let Poll::Ready(ready) = waiting(cx) {
        return Poll::Ready(ready);
    }
    if !*closed && connection.as_mut().poll(cx).is_ready() {
        *closed = true;
    }
    waiting(cx)
}
