//! The task that asks for duties and does them.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use synod_api::node::{Duties, DutiesQuery, SealDuty, SignedVote, SubmitStatus, VoteDuty};
use synod_api::validator::{LastSeal, ValidatorKey, ValidatorPhase};
use synod_api::{HashHex, HexBytes};
use synod_primitives::{Block, BlockHash};
use synod_seal::{Checkpoint, Epoch, Seal, SealKey, VoteLink};
use synod_service::{Check, Shutdown};
use tokio::time::timeout;

use crate::clock::{Clock, ClockGuard};
use crate::metrics::ValidatorMetrics;
use crate::nodes::{Answer, Node};
use crate::signer::{SignError, Signer, checkpoint};
use crate::state::State;
use crate::watch::{Doppelganger, WATCH_EPOCHS, Watch, WatchError};

/// The longest wait for a new duty.
const DUTY_WAIT: Duration = Duration::from_secs(1);
/// The first wait after a failure; it doubles up to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait between two attempts to reach a node.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// The longest time that a node may take for a block or a vote.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// Duties that are remembered as done, so that they are not done again and again.
const MAX_DONE: usize = 1024;

/// The task.
pub(crate) struct Worker {
    pub(crate) nodes: Vec<Node>,
    pub(crate) signer: Signer,
    pub(crate) chain_id: [u8; 32],
    pub(crate) payout: Option<String>,
    pub(crate) watch_slots: Option<u64>,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    pub(crate) metrics: ValidatorMetrics,
    pub(crate) check: Check,
    pub(crate) shutdown: Shutdown,
    pub(crate) memory: Memory,
}

/// What the task remembers from round to round.
#[derive(Default)]
pub(crate) struct Memory {
    guard: ClockGuard,
    watch: Watch,
    done: VecDeque<Duty>,
}

/// Names a duty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Duty {
    Seal(HashHex, u64, u32),
    Vote(HashHex, u64),
}

/// Why a duty was not done.
#[derive(Debug, thiserror::Error)]
enum DutyError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the node's duty is malformed")]
    Malformed,
    #[error("its time has passed")]
    Missed,
    #[error(transparent)]
    Clock(#[from] crate::clock::ClockRefusal),
    #[error("no node took it: {0}")]
    NotTaken(String),
}

impl Worker {
    /// Runs until a stop is asked for.
    ///
    /// # Errors
    /// Somebody else signs with our keys.
    pub(crate) async fn run(mut self) -> Result<(), Doppelganger> {
        let mut backoff = MIN_BACKOFF;
        loop {
            let shutdown = self.shutdown.clone();
            let round = tokio::select! {
                biased;
                () = shutdown.stopping() => return Ok(()),
                round = self.round() => round,
            };
            match round {
                Ok(true) => backoff = MIN_BACKOFF,
                Ok(false) => {
                    let _ = timeout(backoff, shutdown.stopping()).await;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
                Err(found) => {
                    self.state.progress().last_error = Some(found.to_string());
                    self.metrics.set_signing(false);
                    return Err(found);
                }
            }
        }
    }

    /// Asks the first node that is healthy, and does what there is to do. Returns whether there
    /// was one.
    async fn round(&mut self) -> Result<bool, Doppelganger> {
        let asked = match self.signer.keys().await {
            Ok(keys) => keys,
            Err(error) => {
                self.wait_for(ValidatorPhase::WaitingForNode, error.to_string());
                return Ok(false);
            }
        };
        self.state.progress().keys.clone_from(&asked);
        let Some((index, answer)) = self.ask(&asked).await else {
            self.memory.watch.interrupt();
            let reason = "no node is there that is of this chain and synchronised";
            self.wait_for(ValidatorPhase::WaitingForNode, reason.to_owned());
            return Ok(false);
        };
        // Correctness: the keys' last signatures are read after the tip. What we signed that is
        // below that tip is among them.
        let Ok(keys) = self.signer.keys().await else {
            return Ok(false);
        };
        let client = self.nodes[index].client.clone();
        let watch = &mut self.memory.watch;
        match watch
            .follow(&client, answer.tip, &self.chain_id, &keys)
            .await
        {
            Ok(()) => watch.pass(self.clock.steady_ms()),
            Err(WatchError::Found(found)) => return Err(found),
            Err(error) => {
                watch.interrupt();
                self.wait_for(ValidatorPhase::WaitingForNode, error.to_string());
                return Ok(false);
            }
        }
        if self.may_sign(&answer) {
            self.do_all(&answer.duties).await;
        }
        Ok(true)
    }

    async fn ask(&mut self, keys: &[ValidatorKey]) -> Option<(usize, Answer)> {
        let keys: Vec<_> = keys.iter().map(|it| it.key.to_string()).collect();
        let query = DutiesQuery {
            keys: keys.join(","),
            payout: self.payout.clone(),
            ..DutiesQuery::default()
        };
        let chain_id = HashHex::from_bytes(self.chain_id);
        let mut found = None;
        for (index, node) in self.nodes.iter_mut().enumerate() {
            match node.ask(chain_id, &query, DUTY_WAIT, &self.clock).await {
                Ok(answer) => {
                    found = Some((index, answer));
                    break;
                }
                Err(problem) => tracing::debug!(node = node.shown.url, %problem, "no duties"),
            }
        }
        let mut progress = self.state.progress();
        progress.nodes = self.nodes.iter().map(|it| it.shown.clone()).collect();
        progress.node = found
            .as_ref()
            .map(|(index, _)| self.nodes[*index].shown.url.clone());
        found
    }

    fn wait_for(&self, phase: ValidatorPhase, reason: String) {
        self.check.fail(reason.clone());
        self.metrics.set_signing(false);
        let mut progress = self.state.progress();
        if progress.last_error.as_ref() != Some(&reason) {
            tracing::warn!(reason, "nothing is signed");
        }
        progress.phase = phase;
        progress.last_error = Some(reason);
    }

    /// Decides whether anything may be signed now.
    fn may_sign(&mut self, answer: &Answer) -> bool {
        let duties = &answer.duties;
        let clock = self
            .memory
            .guard
            .check(answer.wall_ms, duties.now_ms, duties.slot_ms);
        if let Err(refusal) = clock {
            self.wait_for(ValidatorPhase::ClockRefused, refusal.to_string());
            return false;
        }
        let wanted = self
            .watch_slots
            .unwrap_or_else(|| duties.epoch_slots.saturating_mul(WATCH_EPOCHS));
        let left = self.memory.watch.slots_left(wanted, duties.slot_ms);
        self.state.progress().watch_slots_left = left;
        if left > 0 {
            let reason =
                format!("watching {left} more slots whether another signer has these keys");
            self.wait_for(ValidatorPhase::Watching, reason);
            return false;
        }
        self.check.pass();
        let is_running = *self.state.is_running.borrow();
        self.metrics.set_signing(is_running);
        let mut progress = self.state.progress();
        if progress.phase != ValidatorPhase::Active {
            tracing::info!("signing");
            progress.phase = ValidatorPhase::Active;
            progress.last_error = None;
        }
        is_running
    }

    async fn do_all(&mut self, duties: &Duties) {
        for duty in &duties.votes {
            let name = Duty::Vote(duty.key, duty.target.epoch);
            if !self.memory.done.contains(&name) {
                let result = self.vote(duty).await;
                self.note(name, "vote", result);
            }
        }
        for duty in &duties.seals {
            let name = Duty::Seal(duty.key, duty.slot, duty.height);
            if !self.memory.done.contains(&name) {
                let result = self.seal(duty, duties.slot_ms).await;
                self.note(name, "seal", result);
            }
        }
    }

    fn note(&mut self, name: Duty, kind: &'static str, result: Result<(), DutyError>) {
        let (label, is_over) = match &result {
            Ok(()) => ("done", true),
            Err(DutyError::Missed) => ("missed", true),
            Err(DutyError::Sign(error)) if error.is_refusal() => ("refused", true),
            Err(DutyError::Malformed) => ("malformed", true),
            Err(_) => ("failed", false),
        };
        self.metrics.count(kind, label);
        if is_over {
            self.memory.done.push_back(name);
            while self.memory.done.len() > MAX_DONE {
                self.memory.done.pop_front();
            }
        }
        let mut progress = self.state.progress();
        match (label, kind) {
            ("done", "vote") => progress.voted += 1,
            ("refused", _) => progress.refused += 1,
            ("missed", _) => progress.missed += 1,
            _ => {}
        }
        if let Err(error) = result {
            tracing::warn!(kind, %error, "a duty was not done");
            progress.last_error = Some(error.to_string());
        }
    }

    async fn seal(&mut self, duty: &SealDuty, slot_ms: u64) -> Result<(), DutyError> {
        let seal = Seal::decode(duty.seal.as_bytes()).map_err(|_| DutyError::Malformed)?;
        let bytes = Bytes::copy_from_slice(duty.block.as_bytes());
        let block = Block::decode(&bytes).map_err(|_| DutyError::Malformed)?;
        let is_as_said = seal.key.0 == duty.key.to_bytes() && seal.slot.0 == duty.slot;
        if !is_as_said {
            return Err(DutyError::Malformed);
        }
        let wall_ms = self.clock.wall_ms();
        if wall_ms > duty.expires_ms {
            return Err(DutyError::Missed);
        }
        let start_ms = u64::from(block.header().time).saturating_mul(1000);
        self.memory.guard.check_slot(wall_ms, start_ms, slot_ms)?;
        let sealed = self
            .signer
            .seal_block(&self.chain_id, &block, &seal)
            .await?;
        let hash = HashHex::from_internal(*sealed.hash().as_bytes());
        self.post_block(sealed.raw()).await?;
        tracing::info!(%hash, height = duty.height, slot = duty.slot, "sealed a block");
        let mut progress = self.state.progress();
        progress.sealed += 1;
        progress.slot = Some(duty.slot);
        progress.last_seal = Some(LastSeal {
            hash,
            height: duty.height,
            slot: duty.slot,
        });
        Ok(())
    }

    /// Posts a block to all nodes; it is enough when one takes it.
    async fn post_block(&self, block: &Bytes) -> Result<(), DutyError> {
        let posts = self.nodes.iter().map(async |node| {
            match node.client.submit_block(block.clone()).await {
                Ok(answer) if answer.status != SubmitStatus::Orphan => Ok(()),
                Ok(_) => Err("the block's parent is unknown".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        self.any_of(posts).await
    }

    /// Waits for what was sent to all nodes, one answer for each in their order.
    async fn any_of(
        &self,
        posts: impl Iterator<Item = impl Future<Output = Result<(), String>>>,
    ) -> Result<(), DutyError> {
        let limited = posts.map(async |post| {
            let late = |_| "no answer in time".to_owned();
            timeout(POST_TIMEOUT, post).await.map_err(late)?
        });
        let answers = join_all(limited).await;
        if answers.iter().any(Result::is_ok) {
            return Ok(());
        }
        let reasons = self.nodes.iter().zip(answers);
        let reasons = reasons.map(|(node, answer)| match answer {
            Ok(()) => String::new(),
            Err(reason) => format!("{}: {reason}", node.shown.url),
        });
        Err(DutyError::NotTaken(reasons.collect::<Vec<_>>().join("; ")))
    }

    async fn vote(&mut self, duty: &VoteDuty) -> Result<(), DutyError> {
        let wall_ms = self.clock.wall_ms();
        if wall_ms > duty.expires_ms {
            return Err(DutyError::Missed);
        }
        let point = |it: &synod_api::node::CheckpointBody| Checkpoint {
            epoch: Epoch(it.epoch),
            hash: BlockHash::from_bytes(it.hash.to_internal()),
        };
        let link = VoteLink {
            source: point(&duty.source),
            target: point(&duty.target),
        };
        let key = SealKey(duty.key.to_bytes());
        let vote = self.signer.vote(&self.chain_id, key, link).await?;
        let body = SignedVote {
            key: duty.key,
            source: checkpoint(&vote.link.source),
            target: checkpoint(&vote.link.target),
            signature: HexBytes(vote.signature.to_vec()),
        };
        let posts = self.nodes.iter().map(async |node| {
            let posted = node.client.submit_vote(&body).await;
            posted.map_err(|error| error.to_string())
        });
        self.any_of(posts).await
    }
}
