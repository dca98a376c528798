//! The checks that need neither scripts nor replaced entries (Core: `PreChecks`).

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_ledger::{
    Coin, StakeError, TransactionError, check_inputs, check_stake_inputs, check_stake_outputs,
    check_transaction, is_final_transaction, sequence_locks, stake_lock, stake_sigop_cost,
};
use synod_primitives::{Amount, OutPoint, Transaction, TxOut, Txid, Weight};
use synod_script::{Flags, transaction_sigop_cost};

use super::standard::check_standard;
use super::{Context, Mode, check_fee, inputs, truc};
use crate::entry::{ChainFacts, Cost};
use crate::fee_rate::modified_fee;
use crate::graph::Slots;
use crate::pool::Mempool;
use crate::rejected::{NotStandard, Rejected};

/// Where a transaction is checked.
pub(crate) struct Scene<'a> {
    pub(crate) mempool: &'a Mempool,
    pub(crate) context: &'a Context<'a>,
    pub(crate) mode: Mode,
    /// Transactions of its package that were checked before it.
    pub(crate) package: &'a [Transaction],
}

/// A transaction that passed all checks but those of replacement and of scripts.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) transaction: Arc<Transaction>,
    /// The outputs that its inputs spend, in their order.
    pub(crate) spent_outputs: Vec<TxOut>,
    pub(crate) cost: Cost,
    pub(crate) facts: ChainFacts,
    pub(crate) ancestors: Slots,
    /// Entries that spend what it spends, and a sibling that is to go.
    pub(crate) conflicts: Slots,
    pub(crate) is_sibling_eviction: bool,
    /// The conflicts with their descendants; empty until replacement is planned.
    pub(crate) replaced: Slots,
}

/// The coins that a transaction spends, and what they make it depend on.
pub(crate) struct Spent {
    coins: Vec<Coin>,
    pub(crate) facts: ChainFacts,
}

impl Spent {
    pub(crate) fn coins(&self) -> &[Coin] {
        &self.coins
    }
}

impl Scene<'_> {
    /// Makes all checks but those of replacement and of scripts.
    pub(crate) fn check(&self, transaction: &Transaction) -> Result<Candidate, Rejected> {
        self.check_alone(transaction)?;
        self.check_unknown(transaction)?;
        let conflicts = self.find_conflicts(transaction)?;
        let spent = self.find_coins(transaction)?;
        let context = self.context;
        self.check_stake_lock(transaction, &spent)?;
        if !spent
            .facts
            .locks
            .are_open(context.next_height, context.tip_median_time)
        {
            return Err(Rejected::NonBip68Final);
        }
        let maturity = context.rules.coinbase_maturity;
        let fee = check_inputs(transaction, &spent.coins, context.next_height, maturity)?;
        let spent_outputs: Vec<TxOut> = spent.coins.iter().map(Coin::to_tx_out).collect();
        let policy = &self.mempool.policy;
        if policy.require_standard {
            let has_stake = context.rules.stake.is_some();
            inputs::check_inputs_standard(transaction, &spent_outputs, has_stake)?;
            inputs::check_witnesses_standard(transaction, &spent_outputs)?;
        }
        let mut sigop_cost = transaction_sigop_cost(transaction, &spent_outputs, Flags::STANDARD);
        if context.rules.stake.is_some() {
            sigop_cost += stake_sigop_cost(transaction, &spent.coins);
        }
        let cost = self.cost(transaction, fee, sigop_cost);
        if sigop_cost > policy.max_standard_sigop_cost {
            let limit = policy.max_standard_sigop_cost;
            return Err(Rejected::TooManySigops {
                cost: sigop_cost,
                limit,
            });
        }
        self.check_fees(transaction, &cost)?;
        // Security: after everything that costs less than its signatures.
        if let Some(stake) = &context.rules.stake {
            check_stake_inputs(transaction, &spent.coins, context.next_height, stake)
                .map_err(TransactionError::from)?;
        }
        let candidate = Candidate {
            // Security: a small transaction must not keep a large body of many in memory.
            transaction: transaction.detach().into(),
            spent_outputs,
            cost,
            facts: spent.facts,
            ancestors: Slots::new(),
            conflicts,
            is_sibling_eviction: false,
            replaced: Slots::new(),
        };
        self.check_relations(candidate)
    }

    fn check_alone(&self, transaction: &Transaction) -> Result<(), Rejected> {
        check_transaction(transaction)?;
        if transaction.is_coinbase() {
            return Err(Rejected::Coinbase);
        }
        let policy = &self.mempool.policy;
        if let Some(stake) = &self.context.rules.stake {
            check_stake_outputs(transaction, stake).map_err(TransactionError::from)?;
        }
        if policy.require_standard {
            check_standard(transaction, policy)?;
        }
        let stripped = transaction.stripped_size();
        if stripped < policy.min_standard_stripped_size {
            return Err(NotStandard::TooSmall(stripped).into());
        }
        let Context {
            next_height,
            tip_median_time,
            ..
        } = *self.context;
        if !is_final_transaction(transaction, next_height, tip_median_time) {
            return Err(Rejected::NonFinal { next_height });
        }
        Ok(())
    }

    /// Says by its own code that stake is still unbonding.
    fn check_stake_lock(&self, transaction: &Transaction, spent: &Spent) -> Result<(), Rejected> {
        let rules = self.context.rules.stake.as_ref();
        let last = rules.and_then(|stake| stake_lock(transaction, &spent.coins, stake));
        let next = u64::from(self.context.next_height.0);
        match last.filter(|last| *last >= next) {
            Some(last) => {
                let left = u32::try_from(last + 1 - next).unwrap_or(u32::MAX);
                Err(TransactionError::from(StakeError::Locked { left }).into())
            }
            None => Ok(()),
        }
    }

    fn check_unknown(&self, transaction: &Transaction) -> Result<(), Rejected> {
        let graph = &self.mempool.graph;
        if graph.find_wtxid(&transaction.wtxid()).is_some() {
            return Err(Rejected::AlreadyInMempool);
        }
        if graph.find(&transaction.txid()).is_some() {
            return Err(Rejected::SameNonWitnessData);
        }
        Ok(())
    }

    fn find_conflicts(&self, transaction: &Transaction) -> Result<Slots, Rejected> {
        let graph = &self.mempool.graph;
        let mut conflicts = Slots::new();
        for input in transaction.inputs() {
            let Some(slot) = graph.spender(&input.prevout) else {
                continue;
            };
            let entry = graph.entry(slot);
            if !self.mode.may_replace {
                return Err(Rejected::ReplacementDisallowed { with: entry.txid() });
            }
            if !self.mempool.policy.full_rbf && !entry.signals_replacement() {
                return Err(Rejected::MempoolConflict { with: entry.txid() });
            }
            conflicts.insert(slot);
        }
        Ok(conflicts)
    }

    /// Looks up what a transaction spends.
    pub(crate) fn find_coins(&self, transaction: &Transaction) -> Result<Spent, Rejected> {
        let mut coins = Vec::with_capacity(transaction.inputs().len());
        let mut facts = ChainFacts::default();
        let mut missing = BTreeSet::new();
        for input in transaction.inputs() {
            let outpoint = &input.prevout;
            match self.unconfirmed_coin(outpoint) {
                Some(Some(coin)) => coins.push(coin),
                Some(None) => {
                    missing.insert(outpoint.txid);
                }
                None => match self.context.coins.coin(outpoint) {
                    Some(coin) => {
                        facts.note_confirmed(&coin);
                        coins.push(coin);
                    }
                    None => {
                        missing.insert(outpoint.txid);
                    }
                },
            }
        }
        if coins.len() < transaction.inputs().len() {
            return Err(self.missing_inputs(transaction, missing));
        }
        facts.locks = sequence_locks(transaction, &coins, self.context.times);
        if let Some(stake) = &self.context.rules.stake {
            // A withdrawal waits for a height like a relative lock time, also after a
            // reorganisation.
            let last = stake_lock(transaction, &coins, stake);
            facts.locks.height = facts.locks.height.max(last);
        }
        Ok(Spent { coins, facts })
    }

    /// The coin that an unconfirmed transaction makes: `None` where none makes it, `Some(None)`
    /// where one is here that has no such output.
    fn unconfirmed_coin(&self, outpoint: &OutPoint) -> Option<Option<Coin>> {
        let of_package = self
            .package
            .iter()
            .find(|made| made.txid() == outpoint.txid);
        let maker = match of_package {
            Some(maker) => maker,
            None => self.mempool.find(&outpoint.txid)?.transaction(),
        };
        let output = maker.outputs().get(outpoint.vout as usize);
        // Consensus: for relative lock times it counts as confirmed in the next block.
        Some(output.map(|output| Coin::new(output, self.context.next_height, false)))
    }

    fn missing_inputs(&self, transaction: &Transaction, missing: BTreeSet<Txid>) -> Rejected {
        let outputs = 0..u32::try_from(transaction.outputs().len()).expect("outputs are in memory");
        let mut outpoints = outputs.map(|vout| transaction.outpoint(vout));
        if outpoints.any(|outpoint| self.context.coins.coin(&outpoint).is_some()) {
            return Rejected::AlreadyKnown;
        }
        Rejected::MissingInputs {
            parents: missing.into_iter().collect(),
        }
    }

    fn cost(&self, transaction: &Transaction, fee: Amount, sigop_cost: u64) -> Cost {
        let weight = transaction.weight();
        let adjusted = weight
            .0
            .max(sigop_cost * self.mempool.policy.bytes_per_sigop);
        let fee_delta_sat = self.mempool.fee_deltas.get(&transaction.txid()).copied();
        Cost {
            fee,
            fee_delta_sat: fee_delta_sat.unwrap_or(0),
            vsize: Weight(adjusted).vsize(),
            weight: weight.0,
            sigop_cost,
        }
    }

    fn check_fees(&self, transaction: &Transaction, cost: &Cost) -> Result<(), Rejected> {
        if self.mode.bypasses_limits {
            return Ok(());
        }
        let policy = &self.mempool.policy;
        let fee_sat = modified_fee(cost.fee, cost.fee_delta_sat);
        // Security: a transaction below the rate for relay may stay alone when the child that
        // paid for it is replaced, so no package helps it; version 3 is kept in order by its
        // own rules.
        let required_sat = policy.min_relay_fee.fee_for(cost.vsize);
        if transaction.version() != crate::policy::TRUC_VERSION && fee_sat < required_sat {
            return Err(Rejected::MinRelayFee {
                fee_sat,
                required_sat,
                by_package: false,
            });
        }
        if self.mode.has_package_fees {
            return Ok(());
        }
        check_fee(self.mempool, self.context.now, fee_sat, cost.vsize)
    }

    fn check_relations(&self, mut candidate: Candidate) -> Result<Candidate, Rejected> {
        candidate.ancestors = self.find_ancestors(&candidate)?;
        if let Some(sibling) = truc::check_single(self, &candidate)? {
            candidate.conflicts.insert(sibling);
            candidate.is_sibling_eviction = true;
        }
        let conflict = candidate
            .ancestors
            .intersection(&candidate.conflicts)
            .next();
        if let Some(slot) = conflict {
            let conflict = self.mempool.graph.entry(*slot).txid();
            return Err(Rejected::SpendsConflictingTx { conflict });
        }
        Ok(candidate)
    }
}
