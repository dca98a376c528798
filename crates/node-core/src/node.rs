//! A node: a chain and the mempool on top of it, kept in step.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_engine::{Input, Millis, Output};
use synod_ledger::{Coin, HashKey, Lookup};
use synod_mempool::{self as mempool, Context, Mempool, OrphanLimits, Policy, TemplateLimits};
use synod_primitives::{BlockHash, Height, OutPoint, Script, Transaction};

use crate::chain::{Chain, ChainSettings, TipChange};
use crate::coins::BranchTimes;
use crate::event::Event;
use crate::prepared::PreparedBlock;
use crate::storage::{Durability, Storage, StorageError};
use crate::submit::View;
use crate::template::{BlockTemplate, Choice, Chosen, TemplateEntry, TemplateParts};
use crate::transactions::{copy_of, verify_all};
use crate::verdict::{Accepted, NodeError, Refusal};
use crate::waiting::{SharedWaiting, Waiting};

/// The mempool as a node shares it with its readers.
pub type SharedMempool = Arc<RwLock<Mempool>>;

/// Limits and choices of a node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the chain.
    pub chain: ChainSettings,
    /// Of the mempool.
    pub policy: Policy,
}

/// A chain and its mempool. One owner makes all changes, in order; the mempool may be read by
/// others meanwhile.
pub struct Node {
    pub(crate) chain: Chain,
    pub(crate) mempool: SharedMempool,
    pub(crate) waiting: SharedWaiting,
    /// What was chosen for the last template, for all who mine on the same mempool.
    chosen: Mutex<LastChosen>,
    events: Vec<Event>,
}

/// The transactions of the last template, and what they were chosen from.
#[derive(Default)]
struct LastChosen {
    choice: Choice,
    /// The mempool's generation and the limits, with what was chosen.
    last: Option<(u64, TemplateLimits, Arc<Chosen>)>,
}

impl Node {
    /// Opens a node on what storage has, with an empty mempool.
    ///
    /// # Errors
    /// Storage failed, is damaged, or holds another chain.
    pub fn open(
        spec: &ChainSpec,
        storage: Box<dyn Storage>,
        settings: Settings,
        now: u64,
    ) -> Result<Self, StorageError> {
        let (k0, k1) = settings.chain.hash_key;
        let chain = Chain::open(spec, storage, settings.chain)?;
        let mempool = Mempool::new(settings.policy, HashKey::new(k1, k0));
        let mempool = Arc::new(RwLock::new(mempool));
        let mut node = Self {
            chain,
            mempool,
            chosen: Mutex::default(),
            waiting: Arc::new(RwLock::new(Waiting::new(OrphanLimits::default()))),
            events: Vec::new(),
        };
        node.chain.start_trusting(now)?;
        let change = node.chain.settle(&*read(&node.mempool))?;
        node.follow(&change, now)?;
        Ok(node)
    }

    /// Borrows the chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Borrows the chain, to read blocks.
    pub fn chain_mut(&mut self) -> &mut Chain {
        &mut self.chain
    }

    /// Returns what readers may see of the chain.
    #[must_use]
    pub fn view(&self) -> View {
        self.chain.view()
    }

    /// Shares the mempool with readers.
    #[must_use]
    pub fn mempool(&self) -> SharedMempool {
        Arc::clone(&self.mempool)
    }

    /// Shares what waits beside the mempool with readers.
    #[must_use]
    pub fn waiting(&self) -> SharedWaiting {
        Arc::clone(&self.waiting)
    }

    /// Notes that all of a saved mempool has been given to [`Node::restore_mempool`].
    pub fn end_restoring(&mut self) {
        self.events.push(Event::MempoolRestored);
    }

    /// Takes the events since the last time, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes in raw blocks in order; all is durable, as `durability` says, when it returns.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again. What is wrong with a block is in
    /// its own verdict.
    pub fn submit_blocks(
        &mut self,
        raws: &[Bytes],
        now: u64,
        durability: Durability,
    ) -> Result<Vec<Result<Accepted, Refusal>>, StorageError> {
        let mut blocks = raws.iter().map(PreparedBlock::decode);
        self.submit_prepared(&mut blocks, now, durability)
    }

    /// Takes in blocks in order as [`Node::submit_blocks`] does; each is asked for when those
    /// before it are connected, so others can prepare the next ones meanwhile.
    ///
    /// # Errors
    /// As [`Node::submit_blocks`].
    pub fn submit_prepared(
        &mut self,
        blocks: &mut dyn Iterator<Item = PreparedBlock>,
        now: u64,
        durability: Durability,
    ) -> Result<Vec<Result<Accepted, Refusal>>, StorageError> {
        let submission =
            self.chain
                .submit_blocks(blocks, now, durability, &*read(&self.mempool))?;
        self.follow(&submission.change, now)?;
        Ok(submission.verdicts)
    }

    /// Gives the engine an input from outside: a message, a timer, a block or vote that was
    /// signed. What it asks of others comes back, oldest first, once all is durable that they
    /// rest on.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn handle(&mut self, now: Millis, input: Input) -> Result<Vec<Output>, StorageError> {
        self.tell(now, input)?;
        Ok(self.chain.take_outputs())
    }

    /// Treats a block and all above it as invalid.
    ///
    /// # Errors
    /// The block is not known or is the genesis block; storage failed.
    pub fn invalidate(&mut self, hash: BlockHash, now: u64) -> Result<(), NodeError> {
        let change = self.chain.invalidate(hash)?;
        Ok(self.follow(&change, now)?)
    }

    /// Forgets that a block was found invalid.
    ///
    /// # Errors
    /// The block is not known or is the genesis block; storage failed.
    pub fn reconsider(&mut self, hash: BlockHash, now: u64) -> Result<(), NodeError> {
        let change = self.chain.reconsider(hash)?;
        Ok(self.follow(&change, now)?)
    }

    /// Brings the mempool after the chain and notes what happened.
    pub(crate) fn follow(&mut self, change: &TipChange, now: u64) -> Result<(), StorageError> {
        if !change.is_empty() {
            self.follow_tip(change, now)?;
        }
        let finalized = self.chain.take_finalized().into_iter();
        self.events.extend(finalized.map(|block| Event::Finalized {
            hash: block.hash,
            height: block.height,
        }));
        Ok(())
    }

    fn follow_tip(&mut self, change: &TipChange, now: u64) -> Result<(), StorageError> {
        let mut height = change.fork_height.0 + change.disconnected.len() as u32;
        for hash in &change.disconnected {
            let block = self.chain.block(*hash)?;
            write(&self.mempool).add_disconnected(&block);
            self.events.push(Event::BlockDisconnected {
                hash: *hash,
                height: height.into(),
            });
            height -= 1;
        }
        let mut confirmed = Vec::new();
        for hash in &change.connected {
            let block = self.chain.block(*hash)?;
            write(&self.mempool).remove_for_block(&block, now);
            let mut waiting = write(&self.waiting);
            if waiting.orphan_count() > 0 {
                waiting.orphans.remove_for_block(&block);
                confirmed.extend(block.transactions().iter().map(Transaction::txid));
            }
            height += 1;
            let count = u32::try_from(block.transactions().len());
            self.events.push(Event::BlockConnected {
                hash: *hash,
                height: height.into(),
                header: *block.header(),
                transaction_count: count.expect("a block fits memory"),
            });
        }
        write(&self.waiting).refused.clear();
        if !change.disconnected.is_empty() {
            self.finish_reorg(change, now)?;
        }
        self.adopt_children(confirmed, now)?;
        self.note_mempool_events();
        Ok(())
    }

    /// Takes back what the blocks that left held, and drops what is not valid any more.
    ///
    /// Correctness: this takes seconds when 20 MB of transactions come back that no mempool has
    /// seen, so it is worked out on a copy, and readers see the mempool before or after it.
    fn finish_reorg(&mut self, change: &TipChange, now: u64) -> Result<(), StorageError> {
        let wanted = read(&self.mempool).reorg_coins(change.fork_height);
        self.fetch(wanted)?;
        let mut mempool = copy_of(&self.mempool);
        let context = context(&self.chain, now);
        mempool.finish_reorg_with(&context, change.fork_height, |prepared| {
            verify_all(&self.chain, prepared)
        });
        std::mem::swap(&mut *write(&self.mempool), &mut mempool);
        self.events.push(Event::Reorganized {
            fork_height: change.fork_height,
            disconnected: change.disconnected.clone(),
            connected: change.connected.clone(),
        });
        Ok(())
    }

    pub(crate) fn note_mempool_events(&mut self) {
        let taken = write(&self.mempool).take_events();
        self.events
            .extend(taken.events.into_iter().map(Event::from));
    }

    fn fetch(&mut self, outpoints: Vec<OutPoint>) -> Result<(), StorageError> {
        let missing = self.chain.coins.missing_of(outpoints);
        self.chain.fetch_coins(missing)
    }

    /// Reads the coins that transactions spend and bounds the memory that they take.
    pub(crate) fn fetch_for<'t>(
        &mut self,
        transactions: impl Iterator<Item = &'t Transaction>,
    ) -> Result<(), StorageError> {
        let wanted: Vec<OutPoint> = {
            let mempool = read(&self.mempool);
            transactions
                .flat_map(|tx| mempool.wanted_coins(tx))
                .collect()
        };
        self.make_room_for_coins()?;
        self.fetch(wanted)
    }

    /// Security: what is asked for is remembered, also that a coin is not there, so questions
    /// alone could fill the memory.
    fn make_room_for_coins(&mut self) -> Result<(), StorageError> {
        if self
            .chain
            .coins
            .is_over(self.chain.settings.coins_cache_bytes)
        {
            self.chain.flush()?;
        }
        Ok(())
    }

    /// Reads a coin of the tip.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn coin(&mut self, outpoint: OutPoint) -> Result<Option<Coin>, StorageError> {
        Ok(self.coins(&[outpoint])?.pop().flatten())
    }

    /// Reads coins of the tip, in the order asked for.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn coins(&mut self, outpoints: &[OutPoint]) -> Result<Vec<Option<Coin>>, StorageError> {
        self.make_room_for_coins()?;
        self.fetch(outpoints.to_vec())?;
        let coin_at = |outpoint: &OutPoint| match self.chain.coins.lookup(outpoint) {
            Lookup::Coin(coin) => Some(coin.clone()),
            Lookup::Absent | Lookup::Unknown => None,
        };
        Ok(outpoints.iter().map(coin_at).collect())
    }

    /// Builds a template on the tip that pays to `payout`.
    #[must_use]
    pub fn template(&self, payout: Script, now: u64) -> BlockTemplate {
        let view = self.view();
        let height = view.height.next();
        let chosen = if self.has_segwit(height) {
            self.choose_within(TemplateLimits::new(height, view.median_time))
        } else {
            // While witnesses are not in force a block with one could not commit to it.
            Arc::default()
        };
        let clock = u32::try_from(now).unwrap_or(u32::MAX);
        BlockTemplate::new(self.parts(payout, clock, chosen))
    }

    fn has_segwit(&self, height: Height) -> bool {
        height >= self.chain.rules.activations.segwit
    }

    /// Gathers what a block on the tip is made of; `clock` is the time that it gets where the
    /// rules leave it open.
    pub(crate) fn parts(&self, payout: Script, clock: u32, chosen: Arc<Chosen>) -> TemplateParts {
        let chain = &self.chain;
        let tree = &chain.tree;
        let tip = tree.tip();
        let view = self.view();
        let height = view.height.next();
        let fixed_time = chain.engine.required_time(height);
        let opens_period = chain
            .rules
            .bip94_interval
            .is_some_and(|it| height.0.is_multiple_of(it));
        let timewarp_bound = view
            .header
            .time
            .saturating_sub(synod_ledger::MAX_TIMEWARP_S);
        let after_median = view.median_time.saturating_add(1);
        let min_time = if opens_period {
            after_median.max(timewarp_bound)
        } else {
            after_median
        };
        TemplateParts {
            height,
            previous_block_hash: view.hash,
            bits: chain.engine.required_bits(height, &tree.ancestry(tip)),
            time: fixed_time.unwrap_or(clock.max(min_time)),
            min_time: fixed_time.unwrap_or(min_time),
            fixed_time,
            subsidy: chain.rules.subsidy(height),
            payout,
            fixed_outputs: chain
                .rules
                .stake
                .as_ref()
                .map_or_else(Vec::new, |stake| stake.bootstrap_outputs(height)),
            chain_id: chain.rules.chain_id_output.filter(|_| height.0 == 1),
            has_witness_commitment: self.has_segwit(height),
            chosen,
        }
    }

    /// Chooses what a block holds.
    pub(crate) fn choose_within(&self, limits: TemplateLimits) -> Arc<Chosen> {
        let mut kept = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = read(&self.mempool).generation();
        if let Some((chosen_in, chosen_under, chosen)) = &kept.last
            && (*chosen_in, *chosen_under) == (generation, limits)
        {
            return Arc::clone(chosen);
        }
        let template = write(&self.mempool).next_block(&limits);
        let entries = template.transactions.into_iter().map(|it| TemplateEntry {
            transaction: it.transaction,
            fee: it.fee,
        });
        let sums = (template.fees, template.weight);
        let chosen = Arc::new(kept.choice.choose(entries.collect(), sums));
        kept.last = Some((generation, limits, Arc::clone(&chosen)));
        chosen
    }

    /// Goes on after [`StorageError::Full`]: writes what there was no room for and lets the tip
    /// settle. Without such a failure before it does no harm.
    ///
    /// # Errors
    /// There is still no room, or storage failed.
    pub fn resume(&mut self, now: u64) -> Result<(), StorageError> {
        self.chain.storage.retry()?;
        let change = self.chain.settle(&*read(&self.mempool))?;
        self.follow(&change, now)
    }

    /// Does a bounded part of the work that storage has left for later, see [`Storage::tidy`]; says
    /// whether more is left.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again, unless it was full.
    pub fn tidy(&mut self) -> Result<bool, StorageError> {
        self.chain.storage.tidy()
    }

    /// Forgets the oldest blocks, at most `limit` heights of them, see [`Chain::prune`]; says
    /// whether anything was forgotten.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again, unless it was full.
    pub fn prune(&mut self, limit: u32) -> Result<bool, StorageError> {
        self.chain.prune(limit)
    }

    /// Sets a small record of the shell's, see [`Storage::set_record`].
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again, unless it was full.
    pub fn set_record(&mut self, name: &'static str, value: Bytes) -> Result<(), StorageError> {
        self.chain.storage.set_record(name, value)
    }

    /// Writes all changed coins.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn flush(&mut self) -> Result<(), StorageError> {
        self.chain.flush()
    }

    /// Makes everything that was deferred durable.
    ///
    /// # Errors
    /// Storage failed; the node must then be opened again.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        self.chain.commit(Durability::Synced).map(drop)
    }
}

impl From<mempool::Event> for Event {
    fn from(event: mempool::Event) -> Self {
        match event {
            mempool::Event::Added {
                txid,
                wtxid,
                fee,
                vsize,
            } => Self::TransactionAdded {
                txid,
                wtxid,
                fee_sat: fee.to_sat_unsigned(),
                vsize,
            },
            mempool::Event::Removed { txid, reason, .. } => Self::TransactionRemoved {
                txid,
                reason: reason.name(),
            },
        }
    }
}

pub(crate) fn context(chain: &Chain, now: u64) -> Context<'_> {
    let tip = chain.tree.tip();
    Context {
        next_height: chain.tree.entry(tip).record.height.next(),
        tip_median_time: chain.tree.median_time_past(tip),
        times: chain,
        coins: &chain.coins,
        rules: &chain.rules,
        now,
    }
}

impl synod_ledger::MedianTimes for Chain {
    fn median_time_past(&self, height: synod_primitives::Height) -> u32 {
        BranchTimes {
            tree: &self.tree,
            end: self.tree.tip(),
        }
        .median_time_past(height)
    }
}

/// Correctness: a panic inside the mempool is a bug that ends the node; readers that meet the
/// lock before it does may still look.
pub(crate) fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}
