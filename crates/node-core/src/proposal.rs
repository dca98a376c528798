//! The blocks that an engine asks for: templates that are sealed, not searched for.

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_engine::{Input, Millis, Proposal};
use synod_mempool::TemplateLimits;
use synod_primitives::{Amount, Block, Height, OutPoint, Script, Transaction, Txid};
use synod_seal::MAX_SEAL_SIZE;

use crate::node::Node;
use crate::storage::StorageError;
use crate::template::{BlockTemplate, Choice, Chosen, EXTRA_NONCE_BYTES, FoundWork, TemplateEntry};

/// Weight units that are kept free for a seal with its push, four a byte: the longest, so that
/// what is chosen for one serves the next.
const SEAL_WEIGHT: u64 = 4 * (MAX_SEAL_SIZE as u64 + 16);
/// Signature operations that one input with evidence costs.
const SLASHING_SIGOP_COST: u64 = 2;

/// A block that waits for its seal.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Its height.
    pub height: Height,
    /// The block, with an empty place for the seal.
    pub block: Block,
}

impl Node {
    /// Gives the engine an input from outside, as [`Node::handle`] does; what it asks of others
    /// waits for [`crate::Chain::take_outputs`].
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn tell(&mut self, now: Millis, input: Input) -> Result<(), StorageError> {
        let cache = self.mempool();
        let change = {
            let mempool = crate::node::read(&cache);
            self.chain.handle(now, input, &*mempool)?
        };
        self.follow(&change, now.seconds())
    }

    /// Builds the block that an engine asks for, with `slashings` before all that the mempool
    /// offers; `None` when the tip has moved.
    ///
    /// Security: a transaction of the mempool that spends what a slashing takes gives way, with
    /// what builds on it, whatever it pays.
    #[must_use]
    pub fn proposal(
        &self,
        proposal: &Proposal,
        payout: Script,
        slashings: Vec<Transaction>,
    ) -> Option<Unsealed> {
        let view = self.view();
        if proposal.parent != view.hash {
            return None;
        }
        let mut limits = TemplateLimits::new(view.height.next(), view.median_time);
        limits.reserved_weight += SEAL_WEIGHT;
        for slashing in &slashings {
            let inputs = u64::try_from(slashing.inputs().len()).ok()?;
            limits.reserved_weight += slashing.weight().0;
            limits.reserved_sigop_cost += inputs.saturating_mul(SLASHING_SIGOP_COST);
        }
        let chosen = self.choose_within(limits);
        let chosen = put_first(slashings, chosen);
        let template = BlockTemplate::new(self.parts(payout, proposal.time, chosen));
        let block = template.assemble(&FoundWork {
            extra_nonce: [0; EXTRA_NONCE_BYTES],
            time: proposal.time,
            nonce: 0,
            version: None,
        });
        let height = template.height;
        Some(Unsealed { height, block })
    }
}

/// Puts slashings before the other transactions and takes out what is in their way.
fn put_first(slashings: Vec<Transaction>, chosen: Arc<Chosen>) -> Arc<Chosen> {
    if slashings.is_empty() {
        return chosen;
    }
    let inputs = slashings.iter().flat_map(Transaction::inputs);
    let taken: BTreeSet<OutPoint> = inputs.map(|it| it.prevout).collect();
    let mut gone: BTreeSet<Txid> = BTreeSet::new();
    let mut fees = Amount::ZERO;
    let mut entries: Vec<TemplateEntry> = slashings
        .into_iter()
        .map(|it| TemplateEntry {
            transaction: Arc::new(it),
            fee: Amount::ZERO,
        })
        .collect();
    for entry in &chosen.transactions {
        let prevouts = || entry.transaction.inputs().iter().map(|it| it.prevout);
        let is_in_the_way = prevouts().any(|it| taken.contains(&it) || gone.contains(&it.txid));
        match fees.checked_add(entry.fee) {
            Some(sum) if !is_in_the_way => {
                fees = sum;
                entries.push(entry.clone());
            }
            _ => {
                gone.insert(entry.transaction.txid());
            }
        }
    }
    let weight = entries.iter().map(|it| it.transaction.weight().0).sum();
    Arc::new(Choice::default().choose(entries, (fees, weight)))
}
