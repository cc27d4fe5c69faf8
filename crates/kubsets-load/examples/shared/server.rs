//! The leanest server: one thread, one read and one write for each request, always the same answer.

use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-kubsets-version: 1.0\r\n\r\nok";

/// A server that has its address but does not answer yet.
pub(crate) struct Server {
    listener: TcpListener,
    /// Answers that would fall into this time, counted from the first request, wait for its end.
    stall: Option<Range<Duration>>,
}

impl Server {
    pub(crate) fn bind(stall: Option<Range<Duration>>) -> anyhow::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((Self { listener, stall }, address))
    }

    /// Answers on this thread for as long as the process lives.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(answer(stream, self.stall.clone()));
            }
        })
    }
}

async fn answer(mut stream: TcpStream, stall: Option<Range<Duration>>) {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        // The requests of generators are small and come one at a time.
        if !buffer[..length].ends_with(b"\r\n\r\n") {
            continue;
        }
        if let Some(stall) = &stall {
            let since = FIRST.get_or_init(Instant::now).elapsed();
            if stall.contains(&since) {
                tokio::time::sleep(stall.end.saturating_sub(since)).await;
            }
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
