//! Follows the node's templates by long polls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_api::ClientError;
use synod_api::miner::MiningPolicy;
use synod_api::node::{Template, TemplateQuery};
use synod_service::{Check, Shutdown};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::state::State;
use crate::work::Work;

/// The first wait after a failure; it doubles up to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait between two attempts to reach the node.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// The time for which a template is kept although the mempool changes. A new tip ends it at once.
const MEMPOOL_PAUSE: Duration = Duration::from_secs(1);
/// The network whose `bits` is always the limit.
const REGTEST: &str = "regtest";

/// The task that keeps the newest template.
pub(crate) struct Follower {
    pub(crate) state: State,
    pub(crate) templates: watch::Sender<Option<Arc<Work>>>,
    /// Asks for a template without waiting for a change.
    pub(crate) refresh: Arc<Notify>,
    pub(crate) check: Check,
    pub(crate) shutdown: Shutdown,
}

/// The template that the next long poll waits to be outdated.
struct Known {
    longpoll_id: String,
    received: Instant,
}

impl Follower {
    /// Runs until a stop is asked for.
    pub(crate) async fn run(self) {
        let mut controls = self.state.controls.subscribe();
        let mut known: Option<Known> = None;
        let mut backoff = MIN_BACKOFF;
        while !self.shutdown.is_stopping() {
            let payout = controls.borrow_and_update().payout.clone();
            let other_payout = controls.wait_for(|it| it.payout != payout);
            let next = async {
                if payout.is_empty() {
                    return std::future::pending().await;
                }
                self.next(&payout, known.as_ref()).await
            };
            let result = tokio::select! {
                biased;
                () = self.shutdown.stopping() => return,
                _ = other_payout => { known = None; continue }
                () = self.refresh.notified() => { known = None; continue }
                result = next => result,
            };
            match result
                .map_err(|error| error.to_string())
                .and_then(|it| self.accept(it))
            {
                Ok(accepted) => {
                    known = Some(accepted);
                    backoff = MIN_BACKOFF;
                }
                Err(reason) => {
                    self.lose(reason);
                    known = None;
                    let _ = timeout(backoff, self.shutdown.stopping()).await;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
        }
    }

    /// Waits for the next template: the present one, or one that differs from the known one.
    async fn next(&self, payout: &str, known: Option<&Known>) -> Result<Template, ClientError> {
        self.choose_policy().await?;
        let mut query = TemplateQuery {
            payout: payout.to_owned(),
            ..TemplateQuery::default()
        };
        let Some(known) = known else {
            return self.state.node.template(&query).await;
        };
        query.longpoll = Some(known.longpoll_id.clone());
        let pause = MEMPOOL_PAUSE.saturating_sub(known.received.elapsed());
        if !pause.is_zero()
            && let Ok(result) = timeout(pause, self.state.node.template(&query)).await
        {
            return result;
        }
        query.longpoll_mempool = Some(true);
        self.state.node.template(&query).await
    }

    /// Chooses the network's policy where nobody chose one.
    async fn choose_policy(&self) -> Result<(), ClientError> {
        if !self.state.controls.borrow().is_policy_open {
            return Ok(());
        }
        let network = self.state.node.chain().await?.network;
        let policy = if network == REGTEST {
            MiningPolicy::Interval
        } else {
            MiningPolicy::Auto
        };
        self.state.controls.send_if_modified(|controls| {
            let is_open = std::mem::replace(&mut controls.is_policy_open, false);
            if is_open {
                controls.policy = policy;
            }
            is_open
        });
        Ok(())
    }

    fn accept(&self, template: Template) -> Result<Known, String> {
        let received = Instant::now();
        let known = Known {
            longpoll_id: template.longpoll_id.clone(),
            received,
        };
        let work = Work::new(template, received).map_err(|error| error.to_string())?;
        let height = work.template().height;
        {
            let mut progress = self.state.progress();
            if !std::mem::replace(&mut progress.is_node_reachable, true) {
                tracing::info!(height, "the node gives templates");
            }
            progress.height = Some(height);
            progress.last_error = None;
        }
        self.check.pass();
        self.templates.send_replace(Some(Arc::new(work)));
        Ok(known)
    }

    fn lose(&self, reason: String) {
        {
            let mut progress = self.state.progress();
            let was_reachable = std::mem::replace(&mut progress.is_node_reachable, false);
            if was_reachable || progress.last_error.as_ref() != Some(&reason) {
                tracing::warn!(reason, "the node gives no template");
            }
            progress.height = None;
            progress.last_error = Some(reason);
        }
        self.check.fail("the node gives no template");
        self.templates.send_replace(None);
    }
}
