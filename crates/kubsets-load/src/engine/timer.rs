//! Sleeping more finely than the runtime's timer, whose grain is a millisecond, and without spinning.

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
use tokio::io::unix::AsyncFd;

/// A timer for the pacing task.
#[cfg(target_os = "linux")]
pub(crate) struct Timer {
    fd: AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, which is forbidden here; an owned descriptor meets its conditions"
        )]
        let fd = AsyncFd::with_interest(fd, tokio::io::Interest::READABLE)?;
        Ok(Self { fd })
    }

    /// Sleeps for a time above zero. May wake early, never late by the timer's own doing.
    pub(crate) async fn sleep(&mut self, duration: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let value = Timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(duration.subsec_nanos().max(1)),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // Setting the timer forgets the last expiry, so that the descriptor need not be read.
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        self.fd.readable().await?.clear_ready();
        Ok(())
    }
}

/// A timer for the pacing task: the runtime's own, with its grain of a millisecond.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn sleep(&mut self, duration: Duration) -> io::Result<()> {
        tokio::time::sleep(duration).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn sleeps_are_short_and_never_forgotten() {
        let mut timer = Timer::new().unwrap();
        let start = Instant::now();
        for _ in 0..50 {
            timer.sleep(Duration::from_micros(200)).await.unwrap();
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(10), "{elapsed:?}");
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    }
}
