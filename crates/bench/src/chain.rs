//! A chain from its plan.
//!
//! 1. Empty blocks, whose coinbases pay to keys of the chain and ripen.
//! 2. Fan-outs: each spends one coinbase and makes many coins.
//! 3. Payments: each takes the oldest coins, pays a part to a key and returns the change to
//!    another, so that coins of many ages lie about, as in a real wallet's history.
//!
//! The same plan gives the same bytes on every machine: keys come from counters, ECDSA nonces from
//! RFC 6979, BIP340 nonces from zeros as auxiliary randomness.

use std::collections::VecDeque;

use anyhow::{Result, ensure};
use rayon::prelude::*;
use synod_chainspec::genesis_block;
use synod_ledger::Rules;
use synod_primitives::{Block, Height, Transaction};

use crate::block::{self, Tip};
use crate::coin::{Coin, Draft, pay};
use crate::key::{self, Key, Kind};
use crate::sign::sign;

/// The fee of every payment, in satoshis.
const FEE_SAT: i64 = 500;
/// One payment in so many takes two coins, times [`DOUBLES`].
const ROUND: u32 = 28;
/// Payments of a round that take two coins.
const DOUBLES: u32 = 3;
/// Fan-outs in a block.
const FAN_OUTS_PER_BLOCK: u32 = 5;
/// Part of a payment's coins that is paid; the rest is change.
const PAID_PERCENT: i64 = 45;

/// What a chain is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// What all coins are.
    pub kind: Kind,
    /// Distinct keys; coins take them in turn.
    pub keys: u32,
    /// Transactions that split one coinbase each.
    pub fan_outs: u32,
    /// Coins that each of them makes.
    pub coins_per_fan_out: u32,
    /// Blocks full of payments.
    pub payment_blocks: u32,
    /// Payments in each of them.
    pub payments_per_block: u32,
}

impl Plan {
    /// The chain that the published figures are measured on: 217 blocks, 168,000 payments, 186,045
    /// signed inputs.
    #[must_use]
    pub fn reference(kind: Kind) -> Self {
        Self {
            kind,
            keys: 16_384,
            fan_outs: 45,
            coins_per_fan_out: 400,
            payment_blocks: 60,
            payments_per_block: 2_800,
        }
    }

    /// Returns the number of blocks before the fan-outs.
    #[must_use]
    pub fn empty_blocks(&self) -> u32 {
        // The first fan-out block stands where the last of the coinbases that are spent is mature.
        Rules::regtest().coinbase_maturity + self.fan_outs + 3
    }

    /// Returns the number of blocks without the genesis block.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.empty_blocks() + self.fan_out_blocks() + self.payment_blocks
    }

    fn fan_out_blocks(&self) -> u32 {
        self.fan_outs.div_ceil(FAN_OUTS_PER_BLOCK)
    }

    /// Returns the number of signed inputs.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        let doubles = (0..self.payments_per_block).filter(|index| is_double(*index));
        let per_block = u64::from(self.payments_per_block) + doubles.count() as u64;
        u64::from(self.fan_outs) + u64::from(self.payment_blocks) * per_block
    }
}

/// Says whether a payment takes two coins.
fn is_double(index_in_block: u32) -> bool {
    index_in_block % ROUND < DOUBLES
}

/// Builds the chain and hands out its blocks, lowest first, without the genesis block.
///
/// # Errors
/// The plan runs out of coins or of value, or `emit` fails.
pub fn build(plan: &Plan, mut emit: impl FnMut(&Block) -> Result<()>) -> Result<()> {
    let genesis = genesis_block();
    let mut chain = Chain {
        plan,
        keys: key::keys(plan.keys as usize)?,
        next_key: 0,
        coins: VecDeque::new(),
        tip: Tip {
            hash: genesis.hash(),
            height: Height::GENESIS.next(),
            time: genesis.header().time,
        },
    };
    let mut coinbases = VecDeque::new();
    for _ in 0..plan.empty_blocks() {
        let (block, coin) = chain.next_block(&[])?;
        coinbases.push_back(coin);
        emit(&block)?;
    }
    let mut left = plan.fan_outs;
    while left > 0 {
        let count = left.min(FAN_OUTS_PER_BLOCK);
        left -= count;
        let spent: Vec<Coin> = coinbases.drain(..count as usize).collect();
        let drafts: Vec<Draft> = spent.into_iter().map(|coin| chain.fan_out(coin)).collect();
        emit(&chain.next_block(&drafts)?.0)?;
    }
    for _ in 0..plan.payment_blocks {
        let drafts: Result<Vec<Draft>> = (0..plan.payments_per_block)
            .map(|index| chain.payment(index))
            .collect();
        emit(&chain.next_block(&drafts?)?.0)?;
    }
    Ok(())
}

/// A chain in the making.
struct Chain<'p> {
    plan: &'p Plan,
    keys: Vec<Key>,
    next_key: usize,
    /// Coins that may be spent, oldest first.
    coins: VecDeque<Coin>,
    /// Where the next block stands.
    tip: Tip,
}

impl Chain<'_> {
    fn take_key(&mut self) -> usize {
        let key = self.next_key;
        self.next_key = (key + 1) % self.keys.len();
        key
    }

    /// Splits a coin.
    fn fan_out(&mut self, coin: Coin) -> Draft {
        let count = self.plan.coins_per_fan_out;
        let value = (coin.output.value.sat() - FEE_SAT * i64::from(count)) / i64::from(count);
        let keys: Vec<usize> = (0..count).map(|_| self.take_key()).collect();
        self.draft(vec![coin], &keys, |_| value)
    }

    /// Pays from the oldest coins.
    ///
    /// Coins that the same block makes are at the end of the queue, so they are spent in it only
    /// when there are no others.
    fn payment(&mut self, index: u32) -> Result<Draft> {
        let wanted = if is_double(index) { 2 } else { 1 };
        ensure!(self.coins.len() >= wanted, "the plan runs out of coins");
        let spends: Vec<Coin> = self.coins.drain(..wanted).collect();
        let value = Draft::value_of(&spends) - FEE_SAT;
        let paid = value * PAID_PERCENT / 100;
        ensure!(paid > FEE_SAT, "the plan runs out of value");
        let keys = [self.take_key(), self.take_key()];
        Ok(self.draft(
            spends,
            &keys,
            |index| {
                if index == 0 { paid } else { value - paid }
            },
        ))
    }

    fn draft(&mut self, spends: Vec<Coin>, keys: &[usize], value: impl Fn(usize) -> i64) -> Draft {
        let kind = self.plan.kind;
        let scripts = keys.iter().map(|key| self.keys[*key].script_pubkey(kind));
        let outputs = scripts
            .enumerate()
            .map(|(index, script)| pay(value(index), &script));
        let draft = Draft::new(spends, outputs.collect());
        let made = (0..).zip(draft.transaction.outputs()).zip(keys);
        self.coins.extend(made.map(|((vout, output), key)| Coin {
            outpoint: draft.transaction.outpoint(vout),
            output: output.clone(),
            key: *key,
        }));
        draft
    }

    /// Signs and puts together the next block; returns the coin of its coinbase, too.
    fn next_block(&mut self, drafts: &[Draft]) -> Result<(Block, Coin)> {
        let kind = self.plan.kind;
        let signed: Result<Vec<Transaction>> = drafts
            .par_iter()
            .map(|draft| sign(draft, &self.keys, kind))
            .collect();
        let mut transactions = signed?;
        let fees_sat = drafts.iter().map(Draft::fee_sat).sum();
        let key = self.take_key();
        let payout = self.keys[key].script_pubkey(kind);
        let bare = block::coinbase(self.tip.height, fees_sat, &payout);
        let coinbase = block::commit(&bare, self.tip.height, &transactions);
        let coin = Coin {
            outpoint: coinbase.outpoint(0),
            output: coinbase.outputs()[0].clone(),
            key,
        };
        transactions.insert(0, coinbase);
        let block = block::assemble(self.tip, transactions)?;
        self.tip = self.tip.above(&block);
        Ok((block, coin))
    }
}
