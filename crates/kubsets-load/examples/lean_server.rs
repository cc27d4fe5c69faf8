//! The leanest server as a program of its own, for comparing generators: `lean_server [STALL_FROM STALL_UNTIL]`, in
//! seconds from the first request. It prints its address.

#[path = "shared/server.rs"]
mod server;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let times: Vec<Duration> = std::env::args()
        .skip(1)
        .map(|text| Ok(Duration::try_from_secs_f64(text.parse()?)?))
        .collect::<anyhow::Result<_>>()
        .context("STALL_FROM and STALL_UNTIL are seconds")?;
    let stall = match times[..] {
        [] => None,
        [from, until] => Some(from..until),
        _ => anyhow::bail!("a stall has a start and an end"),
    };
    let (server, address) = server::Server::bind(stall)?;
    writeln!(std::io::stdout(), "http://{address}/")?;
    server.run()
}
