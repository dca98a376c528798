//! Decides what the threads search, submits what they find, and counts what becomes of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_api::miner::MinedBlock;
use synod_api::node::{SubmitBlock, SubmitStatus};
use synod_api::problem::code;
use synod_api::{ClientError, HashHex, NodeClient};
use synod_service::{ApiError, Shutdown};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::metrics::MinerMetrics;
use crate::policy::{Decision, Situation, decide};
use crate::rate::Rate;
use crate::searchers::{Found, Searchers};
use crate::state::{Controls, MAX_REQUESTS, MineRequest, State};
use crate::tip::Tip;
use crate::work::Work;

/// How often the rate is measured.
const SAMPLE: Duration = Duration::from_millis(500);
/// How often a block is submitted when the node does not answer.
const ATTEMPTS: u32 = 4;
/// The wait after the first attempt; it doubles.
const ATTEMPT_WAIT: Duration = Duration::from_millis(200);
/// The time that a submission has to end after a stop was asked for.
const LAST_SUBMISSION: Duration = Duration::from_secs(5);
/// The wait after the node refused a block, so that a fault does not become a flood.
const REFUSED_WAIT: Duration = Duration::from_secs(1);

/// What became of a submission.
pub(crate) struct Verdict {
    found: Found,
    result: Result<SubmitBlock, ClientError>,
}

/// The queues and signals that the miner reads.
pub(crate) struct Inputs {
    pub(crate) templates: watch::Receiver<Option<Arc<Work>>>,
    pub(crate) found: mpsc::Receiver<Found>,
    pub(crate) requests: mpsc::Receiver<MineRequest>,
    pub(crate) shutdown: Shutdown,
}

/// The task that decides.
pub(crate) struct Miner {
    state: State,
    searchers: Searchers,
    metrics: MinerMetrics,
    refresh: Arc<Notify>,
    verdicts: mpsc::Sender<Verdict>,
    waiting: VecDeque<MineRequest>,
    rate: Rate,
    tip: Tip,
}

impl Miner {
    pub(crate) fn new(
        state: State,
        searchers: Searchers,
        metrics: MinerMetrics,
        refresh: Arc<Notify>,
    ) -> (Self, mpsc::Receiver<Verdict>) {
        let (verdicts, receiver) = mpsc::channel(1);
        let now = Instant::now();
        let tip = Tip::new(now);
        let (waiting, rate) = (VecDeque::new(), Rate::new(now));
        (
            Self {
                state,
                searchers,
                metrics,
                refresh,
                verdicts,
                waiting,
                rate,
                tip,
            },
            receiver,
        )
    }

    /// Runs until a stop is asked for; a submission that is under way then still ends.
    pub(crate) async fn run(mut self, mut inputs: Inputs, mut verdicts: mpsc::Receiver<Verdict>) {
        let mut controls = self.state.controls.subscribe();
        let mut tick = tokio::time::interval(SAMPLE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.apply(&controls.borrow_and_update().clone());
        loop {
            let work = inputs.templates.borrow_and_update().clone();
            let wake = self.plan(work.as_ref(), &controls.borrow().clone());
            let wake_at = wake.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = inputs.shutdown.stopping() => break,
                Some(found) = inputs.found.recv() => self.submit(found),
                Some(verdict) = verdicts.recv() => self.judge(verdict),
                changed = controls.changed() => {
                    if changed.is_err() { break }
                    let now = controls.borrow_and_update().clone();
                    self.apply(&now);
                }
                changed = inputs.templates.changed() => if changed.is_err() { break },
                Some(request) = inputs.requests.recv(), if self.waiting.len() < MAX_REQUESTS => {
                    self.waiting.push_back(request);
                }
                _ = tick.tick() => self.sample(),
                () = tokio::time::sleep_until(wake_at.into()), if wake.is_some() => {}
            }
        }
        self.searchers.assign(None);
        if self.tip.is_submitting {
            tokio::select! {
                Some(verdict) = verdicts.recv() => self.judge(verdict),
                () = inputs.shutdown.forced() => {}
                () = tokio::time::sleep(LAST_SUBMISSION) => {}
            }
        }
    }

    /// Gives the threads what they should search now; returns when to ask again.
    fn plan(&mut self, work: Option<&Arc<Work>>, controls: &Controls) -> Option<Instant> {
        let now = Instant::now();
        self.drop_requests(controls.is_running);
        let requested = self.waiting.iter().map(|it| it.left).sum();
        self.state.progress().requested = requested;
        let Some(work) = work.filter(|_| controls.is_running && !self.tip.is_submitting) else {
            self.assign(None);
            return None;
        };
        if let Err(wake) = self.tip.admit(work, now, &self.refresh) {
            self.assign(None);
            return wake;
        }
        let situation = Situation {
            policy: controls.policy,
            block_time: controls.block_time,
            requested,
            tip_since: self.tip.since,
            now,
        };
        match decide(work, &situation) {
            Decision::Search => {
                self.assign(Some(work));
                None
            }
            Decision::WaitUntil(moment) => {
                self.assign(None);
                Some(moment)
            }
            Decision::Wait => {
                self.assign(None);
                None
            }
        }
    }

    fn assign(&mut self, work: Option<&Arc<Work>>) {
        let id = work.map(|it| it.template().template_id.clone());
        if id == self.tip.assigned {
            return;
        }
        // The time until now was spent as the last assignment says.
        self.sample();
        self.searchers.assign(work.cloned());
        self.state.progress().is_searching = id.is_some();
        self.tip.assigned = id;
    }

    fn apply(&mut self, controls: &Controls) {
        if let Err(error) = self.searchers.set_threads(controls.threads) {
            tracing::error!(%error, "the system gives no more threads");
            self.state.progress().last_error = Some(format!("no more threads: {error}"));
        }
    }

    fn sample(&mut self) {
        let hashes = self.searchers.hashes();
        self.rate
            .sample(Instant::now(), hashes, self.tip.assigned.is_some());
        self.metrics.observe_hashes(hashes, self.rate.recent());
        let mut progress = self.state.progress();
        progress.hashes = hashes;
        progress.recent_rate = self.rate.recent();
        progress.total_rate = self.rate.total();
    }

    fn submit(&mut self, found: Found) {
        self.sample();
        self.tip.assigned = None;
        self.tip.is_submitting = true;
        self.state.progress().is_searching = false;
        let (node, verdicts) = (self.state.node.clone(), self.verdicts.clone());
        tokio::spawn(async move {
            let result = deliver(&node, &found).await;
            // The receiver goes away only after it has read this.
            let _ = verdicts.send(Verdict { found, result }).await;
        });
    }

    fn judge(&mut self, verdict: Verdict) {
        let Verdict { found, result } = verdict;
        self.tip.is_submitting = false;
        let template = found.work.template();
        let now = Instant::now();
        let is_taken = |status| matches!(status, SubmitStatus::Active | SubmitStatus::Duplicate);
        match result {
            // A duplicate is what a second attempt finds of the first.
            Ok(answer) if is_taken(answer.status) => {
                self.tip.solved = Some((found.work.parent(), now));
                self.count_found(&found, answer.hash);
                return;
            }
            Ok(answer) => self.count_stale(&format!("the node put {} aside", answer.hash)),
            Err(error) if error.status() == Some(422) => {
                tracing::warn!(%error, height = template.height, "the node refused a block");
                self.metrics.count("refused");
                let mut progress = self.state.progress();
                progress.refused += 1;
                progress.last_error = Some(error.to_string());
                self.tip.pause_until = Some(now + REFUSED_WAIT);
            }
            Err(error) => self.count_stale(&error.to_string()),
        }
        self.tip.spent = Some(template.template_id.clone());
        self.refresh.notify_one();
    }

    fn count_found(&mut self, found: &Found, hash: HashHex) {
        let template = found.work.template();
        tracing::info!(height = template.height, %hash, "found a block");
        self.metrics.count("found");
        {
            let mut progress = self.state.progress();
            progress.found += 1;
            progress.last_block = Some(MinedBlock {
                hash,
                height: template.height,
                time: found.submission.time,
                coinbase_value_sat: template.coinbase_value_sat,
            });
        }
        let Some(request) = self.waiting.front_mut() else {
            return;
        };
        request.blocks.push(hash);
        request.left -= 1;
        if request.left == 0
            && let Some(request) = self.waiting.pop_front()
        {
            // The requester may have gone; the block stands anyway.
            let _ = request.reply.send(Ok(request.blocks));
        }
    }

    fn count_stale(&self, reason: &str) {
        tracing::info!(reason, "a block came too late");
        self.metrics.count("stale");
        self.state.progress().stale += 1;
    }

    /// Drops requests whose senders have gone, and all while the miner is stopped.
    fn drop_requests(&mut self, is_running: bool) {
        self.waiting
            .retain(|it| !it.reply.is_closed() && it.left > 0);
        if !is_running {
            for request in self.waiting.drain(..) {
                let _ = request.reply.send(Err(stopped()));
            }
        }
    }
}

/// 409 for a request for blocks while the miner is stopped.
pub(crate) fn stopped() -> ApiError {
    ApiError::conflict(code::CONFLICT, "The miner is stopped.").with_hint("POST /v1/start first.")
}

/// Submits a block, again when the node does not answer: nothing that was found is given up for
/// a broken connection.
async fn deliver(node: &NodeClient, found: &Found) -> Result<SubmitBlock, ClientError> {
    let mut wait = ATTEMPT_WAIT;
    for _ in 1..ATTEMPTS {
        match node.submit_work(&found.submission).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "could not submit a block");
            }
            result => return result,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    node.submit_work(&found.submission).await
}
