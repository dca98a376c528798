//! What makes a node with a sealed engine run: its timers, the keys that ask it what to sign,
//! the blocks and votes that it asks of them, what it tells peers, and evidence.
//!
//! The engine is driven by the chain thread alone ([`Runtime`]); HTTP and peers share the
//! [`Board`] of duties and the [`Offences`] with it.

mod board;
mod bootstrap;
mod hear;
mod leaving;
mod offences;
mod runtime;
mod spread;
mod timers;

pub use board::{Board, MAX_ASKERS, TooManyKeys};
pub use bootstrap::{BootstrapError, seal_bootstrap};
pub(crate) use hear::{Accused, hear, hear_evidence, hear_vote};
pub use offences::{EVIDENCE_RECORD, Offences, Piece};
pub use runtime::Runtime;
pub use spread::{Incoming, decode_message};
pub(crate) use spread::{Outgoing, spread};
pub(crate) use timers::keep_time;

use std::sync::Arc;

use bytes::Bytes;
use synod_chainspec::{ChainSpec, EngineSpec};
use synod_engine::Millis;
use synod_ledger::StakeRules;
use tokio::sync::{mpsc, watch};

/// The most messages for peers that wait to be handed to gossip; past it further ones are lost,
/// as messages may be.
const MAX_OUTGOING: usize = 1024;

/// What the parts of a node share about duties.
#[derive(Clone)]
pub struct Duties {
    /// What is to be signed, and who asks.
    pub board: Arc<Board>,
    /// Evidence.
    pub offences: Arc<Offences>,
    /// Slots, where the engine has them.
    pub clockwork: Option<Clockwork>,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
}

/// The slots of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clockwork {
    /// The moment from which slots count, in milliseconds since 1970.
    pub start_ms: u64,
    /// The length of a slot in milliseconds.
    pub slot_ms: u64,
    /// The slots of an epoch or round.
    pub epoch_slots: u64,
    /// Validators vote beside their blocks.
    pub has_votes: bool,
}

impl Clockwork {
    fn of_spec(spec: &ChainSpec) -> Option<Self> {
        let rules = StakeRules::of_spec(spec)?;
        let (epoch_slots, has_votes) = match &spec.consensus.engine {
            EngineSpec::Pow(_) => return None,
            EngineSpec::Pos(pos) => (pos.epoch_slots, true),
            EngineSpec::Dpos(dpos) => (dpos.seats, false),
        };
        Some(Self {
            start_ms: u64::from(rules.start_time).saturating_mul(1000),
            slot_ms: u64::from(rules.slot_s).saturating_mul(1000),
            epoch_slots: epoch_slots.into(),
            has_votes,
        })
    }

    /// Returns when a slot begins, in milliseconds since 1970.
    #[must_use]
    pub fn slot_start_ms(&self, slot: u64) -> u64 {
        let since = slot.saturating_mul(self.slot_ms);
        self.start_ms.saturating_add(since)
    }

    /// Returns when the last slot of an epoch ends, in milliseconds since 1970.
    #[must_use]
    pub fn epoch_end_ms(&self, epoch: u64) -> u64 {
        let slots = epoch.saturating_add(1).saturating_mul(self.epoch_slots);
        self.slot_start_ms(slots.saturating_add(1))
    }
}

/// The ends of a runtime that others hold.
pub struct Ends {
    /// What is shared.
    pub duties: Duties,
    /// When the next timer is due.
    pub(crate) due: watch::Receiver<Option<Millis>>,
    /// What peers are to be told.
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
}

/// Makes the runtime of a chain's engine. `saved` is the evidence that was saved before.
#[must_use]
pub fn runtime(spec: &ChainSpec, saved: Option<&Bytes>, now_ms: u64) -> (Runtime, Ends) {
    let (outgoing, outbox) = mpsc::channel(MAX_OUTGOING);
    let (next, due) = watch::channel(None);
    let duties = Duties {
        board: Arc::new(Board::new(now_ms)),
        offences: Arc::new(Offences::restore(spec.chain_id().0, saved)),
        clockwork: Clockwork::of_spec(spec),
        outgoing,
    };
    let runtime = Runtime::new(duties.clone(), StakeRules::of_spec(spec), next);
    let ends = Ends {
        duties,
        due,
        outgoing: outbox,
    };
    (runtime, ends)
}
