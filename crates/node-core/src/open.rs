//! Opening a chain on what storage has.

use synod_chainspec::{ChainSpec, EngineSpec, genesis_block};
use synod_engine::Engine;
use synod_engine_dpos::{DelegatedStake, Settings};
use synod_engine_pos::ProofOfStake;
use synod_engine_pow::ProofOfWork;
use synod_ledger::{CoinsCache, HashKey, Rules};
use synod_primitives::{Block, BlockHash};

use crate::ahead::Ahead;
use crate::chain::{Chain, ChainSettings, InMemory, Unwritten};
use crate::feed::Agreement;
use crate::storage::{Batch, ChainChange, CoinsFlush, Storage, StorageError, Stored};
use crate::tree::{BlockTree, EntryId};
use crate::trust::Trust;
use crate::unknown_rules::{SignalCounts, UnknownRules};
use crate::verdict::NodeError;

/// Makes the engine that a spec names.
///
/// # Errors
/// The spec lacks what its engine needs.
pub fn engine_of(spec: &ChainSpec) -> Result<Box<dyn Engine>, StorageError> {
    match &spec.consensus.engine {
        EngineSpec::Pow(pow) => Ok(Box::new(ProofOfWork::new(*pow, spec.consensus.bootstrap))),
        EngineSpec::Pos(_) => {
            let engine = ProofOfStake::new(spec, genesis_block().hash());
            Ok(Box::new(engine.ok_or_else(without_bootstrap)?))
        }
        EngineSpec::Dpos(_) => {
            let settings = Settings::of_spec(spec).ok_or_else(without_bootstrap)?;
            Ok(Box::new(DelegatedStake::new(settings)))
        }
    }
}

fn without_bootstrap() -> StorageError {
    StorageError::Failed("the spec has no bootstrap for its stake".to_owned())
}

impl Chain {
    /// Opens the chain: rebuilds the tree and brings the coins to the tip.
    ///
    /// # Errors
    /// Storage failed or is damaged, or holds another chain.
    ///
    /// # Panics
    /// When the system cannot start threads.
    pub fn open(
        spec: &ChainSpec,
        mut storage: Box<dyn Storage>,
        settings: ChainSettings,
    ) -> Result<Self, StorageError> {
        let engine = engine_of(spec)?;
        let genesis = genesis_block();
        let mut stored = storage.load()?;
        if stored.active.is_empty() {
            storage.commit(first_batch(&genesis, &*engine))?;
            stored = storage.load()?;
        }
        let tree = rebuild_tree(&genesis, &stored, &*engine)?;
        let (k0, k1) = settings.hash_key;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(settings.threads.max(1))
            .thread_name(|index| format!("scripts-{index}"))
            .build()
            .expect("the system starts threads");
        let tip = tree.tip();
        let mut chain = Self {
            rules: Rules::from(spec),
            engine,
            tree,
            coins: CoinsCache::new(HashKey::new(k0, k1)),
            coins_are_here: false,
            storage,
            work: Unwritten {
                stored_tip: Some(tip),
                ..Unwritten::default()
            },
            ahead: Ahead::default(),
            memory: InMemory::default(),
            settings,
            pool: pool.into(),
            pruned_below: stored.pruned_below,
            agreement: Agreement::default(),
            trust: Trust::of_spec(spec),
            signals: SignalCounts::default(),
            unknown_rules: UnknownRules::default(),
        };
        chain.start_engine(stored.engine.as_ref(), stored.engine_state.as_ref())?;
        let coins_tip = stored.coins_tip.unwrap_or(genesis.hash());
        chain.bring_coins_from(coins_tip)?;
        chain.replay_to_engine()?;
        Ok(chain)
    }

    /// Connects and disconnects what lies between the block that the coins table stands at
    /// and the tip.
    ///
    /// Correctness: the table may stand on a branch that was left before it was written
    /// again, so the way may lead down first.
    fn bring_coins_from(&mut self, coins_tip: BlockHash) -> Result<(), StorageError> {
        let target = self.tree.tip();
        let damaged = || StorageError::Corrupt(format!("the coins stand at unknown {coins_tip}"));
        let start = self.tree.find(coins_tip).ok_or_else(damaged)?;
        self.work.coins_tip = coins_tip;
        let fork = self.tree.fork_point(start);
        let down = self.tree.path(fork, start);
        let up = self.tree.path(fork, target);
        self.tree.set_active_end(start);
        for _ in down {
            self.disconnect_tip()?;
        }
        for id in up {
            self.replay(id)?;
        }
        Ok(())
    }

    fn replay(&mut self, id: EntryId) -> Result<(), StorageError> {
        let block = self.contextual_block(id)?;
        self.connect_coins(&block, None)
            .map_err(|error| match error {
                NodeError::Storage(error) => error,
                NodeError::Refused(refusal) => StorageError::Corrupt(format!(
                    "block {} was connected before and now breaks a rule: {refusal}",
                    block.hash()
                )),
            })?;
        self.tree.extend_active(id);
        if self.coins.is_over(self.settings.coins_cache_bytes) {
            let coins = Some(self.take_coins());
            self.storage.commit(Batch {
                coins,
                ..Batch::default()
            })?;
        }
        Ok(())
    }
}

fn first_batch(genesis: &Block, engine: &dyn Engine) -> Batch {
    let tree = BlockTree::new(genesis.header(), engine);
    let record = tree.entry(tree.tip()).record.clone();
    let hash = genesis.hash();
    Batch {
        chain: Some(ChainChange {
            fork: (record.height, hash),
            connected: Vec::new(),
        }),
        headers: vec![record],
        blocks: vec![(hash, genesis.raw().clone())],
        coins: Some(CoinsFlush {
            tip: hash,
            inserts: Vec::new(),
            deletes: Vec::new(),
        }),
        ..Batch::default()
    }
}

fn rebuild_tree(
    genesis: &Block,
    stored: &Stored,
    engine: &dyn Engine,
) -> Result<BlockTree, StorageError> {
    let damaged = |why: String| StorageError::Corrupt(why);
    if stored.active.first() != Some(&genesis.hash()) {
        return Err(damaged(
            "the stored chain starts at another genesis block".to_owned(),
        ));
    }
    let mut tree = BlockTree::new(genesis.header(), engine);
    for record in &stored.headers {
        if record.header.block_hash() != record.hash {
            return Err(damaged(format!("header {} has another hash", record.hash)));
        }
        if record.hash == genesis.hash() {
            continue;
        }
        if tree.find(record.header.previous_block_hash).is_none() {
            return Err(damaged(format!("header {} has no parent", record.hash)));
        }
        tree.insert(record.clone(), engine);
    }
    for hash in &stored.active[1..] {
        let id = tree
            .find(*hash)
            .filter(|id| tree.entry(*id).parent == Some(tree.tip()));
        let id = id.ok_or_else(|| damaged(format!("{hash} does not follow the chain below it")))?;
        tree.extend_active(id);
    }
    Ok(tree)
}
