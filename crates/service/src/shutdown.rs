//! Stopping in two steps.

use tokio_util::sync::CancellationToken;

/// Says to every task of a service that it should stop, and then that it must.
///
/// Clones share their state. The soft step asks: no new work, finish what was promised. The hard
/// step ends what is left.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// Makes one that nobody has asked to stop.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one that stops with this one, and can be stopped alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            soft: self.soft.child_token(),
            hard: self.hard.child_token(),
        }
    }

    /// Asks everything to stop.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Ends everything now.
    pub fn force(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Says whether a stop was asked for.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits until a stop is asked for.
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Waits until a stop is asked for; owns what it waits on.
    pub fn stopping_owned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.soft.clone().cancelled_owned()
    }

    /// Waits until the hard step.
    pub async fn forced(&self) {
        self.hard.cancelled().await;
    }

    /// Turns the first Ctrl-C or SIGTERM into the soft step and the second into the hard one.
    ///
    /// For `main` alone: signals belong to the process.
    ///
    /// # Errors
    /// The operating system refuses a signal handler.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut signals = Signals::new()?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            signals.next().await;
            shutdown.begin();
            tracing::info!("stopping; a second signal stops at once");
            signals.next().await;
            shutdown.force();
        });
        Ok(())
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a handler there is nothing to wait for; the process ends by default.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_step_includes_the_soft_one() {
        let shutdown = Shutdown::new();
        shutdown.force();
        assert!(shutdown.is_stopping());
    }

    #[test]
    fn a_child_stops_with_its_parent_and_alone() {
        let parent = Shutdown::new();
        let (first, second) = (parent.child(), parent.child());
        first.begin();
        assert!(first.is_stopping() && !second.is_stopping() && !parent.is_stopping());
        parent.begin();
        assert!(second.is_stopping());
    }
}
