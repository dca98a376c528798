//! A small chain in memory, and transactions that anyone can spend: pay-to-witness-script-hash
//! of `OP_1`, so no test needs a key.

use std::collections::BTreeMap;

use synod_ledger::{Coin, CoinsView, HashKey, MedianTimes, Rules};
use synod_mempool::{
    Accepted, Context, Entry, Event, Mempool, Options, Policy, Rejected, Template, TemplateLimits,
};
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxIn, TxOut, Txid, Witness, sha256,
};
use synod_script::template::p2wsh;

/// The witness script that anyone satisfies.
pub(crate) const ANYONE: &[u8] = &[0x51];
/// A value that is enough for any test.
pub(crate) const COIN: i64 = 10_000_000;
/// The height at which tests start.
pub(crate) const START: u32 = 1_000;
/// The time at which tests start.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) fn anyone() -> Script {
    p2wsh(&sha256(ANYONE))
}

pub(crate) fn output(value: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(value),
        script_pubkey: anyone(),
    }
}

/// A transaction to be.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) version: i32,
    pub(crate) inputs: Vec<TxIn>,
    pub(crate) outputs: Vec<TxOut>,
    pub(crate) lock_time: u32,
}

impl Draft {
    /// Spends outpoints that anyone can spend; pays to anyone.
    pub(crate) fn new(inputs: &[OutPoint], values: &[i64]) -> Self {
        let inputs = inputs.iter().map(|prevout| TxIn {
            prevout: *prevout,
            script_sig: Script::default(),
            sequence: 0xffff_fffd,
            witness: Witness::from_items(&[ANYONE]),
        });
        Self {
            version: 2,
            inputs: inputs.collect(),
            outputs: values.iter().map(|value| output(*value)).collect(),
            lock_time: 0,
        }
    }

    pub(crate) fn version(mut self, version: i32) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.inputs
            .iter_mut()
            .for_each(|input| input.sequence = sequence);
        self
    }

    pub(crate) fn lock_time(mut self, lock_time: u32) -> Self {
        self.lock_time = lock_time;
        self
    }

    pub(crate) fn output(mut self, value: i64, script: impl Into<Vec<u8>>) -> Self {
        let script_pubkey = Script::new(script.into());
        self.outputs.push(TxOut {
            value: Amount::from_sat(value),
            script_pubkey,
        });
        self
    }

    pub(crate) fn build(self) -> Transaction {
        Transaction::new(self.version, self.inputs, self.outputs, self.lock_time)
    }
}

/// Spends one outpoint of this value to one output, for this fee.
pub(crate) fn pay(from: OutPoint, value: i64, fee: i64) -> Transaction {
    Draft::new(&[from], &[value - fee]).build()
}

/// Spends one outpoint to `outputs` outputs of a thousand satoshis, for this fee, the rest to
/// the first.
pub(crate) fn fan(from: OutPoint, value: i64, outputs: usize, fee: i64) -> Transaction {
    let rest = i64::try_from(outputs - 1).expect("few") * 1_000;
    let mut values = vec![1_000; outputs];
    values[0] = value - rest - fee;
    Draft::new(&[from], &values).build()
}

/// Spends one outpoint in a transaction of about this many vbytes, for this fee.
pub(crate) fn bulky(from: OutPoint, value: i64, vsize: u64, fee: i64) -> Transaction {
    let outputs = usize::try_from((vsize - 53) / 43).expect("small");
    fan(from, value, outputs, fee)
}

/// A chain in memory.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) coins: BTreeMap<OutPoint, Coin>,
    pub(crate) blocks: Vec<(Block, Vec<(OutPoint, Coin)>)>,
    pub(crate) rules: Rules,
    pub(crate) now: u64,
    made: u64,
}

impl CoinsView for Chain {
    fn coin(&self, outpoint: &OutPoint) -> Option<Coin> {
        self.coins.get(outpoint).cloned()
    }
}

impl MedianTimes for Chain {
    fn median_time_past(&self, height: Height) -> u32 {
        1_600_000_000 + height.0 * 600
    }
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self {
            coins: BTreeMap::new(),
            blocks: Vec::new(),
            rules: Rules::regtest(),
            now: NOW,
            made: 0,
        }
    }

    pub(crate) fn height(&self) -> Height {
        Height(START + u32::try_from(self.blocks.len()).expect("few"))
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            next_height: self.height().next(),
            tip_median_time: self.median_time_past(self.height()),
            times: self,
            coins: self,
            rules: &self.rules,
            now: self.now,
        }
    }

    pub(crate) fn limits(&self) -> TemplateLimits {
        TemplateLimits::new(self.height().next(), self.median_time_past(self.height()))
    }

    /// Makes a confirmed, mature coin of [`COIN`] that anyone can spend.
    pub(crate) fn fund(&mut self) -> OutPoint {
        self.fund_with(COIN, anyone().as_bytes(), false, Height(START - 500))
    }

    pub(crate) fn fund_with(
        &mut self,
        value: i64,
        script: &[u8],
        is_coinbase: bool,
        height: Height,
    ) -> OutPoint {
        self.made += 1;
        let mut id = [0xee; 32];
        id[..8].copy_from_slice(&self.made.to_le_bytes());
        let outpoint = OutPoint::new(Txid::from_bytes(id), 0);
        let script_pubkey = Script::new(script.to_vec());
        let output = TxOut {
            value: Amount::from_sat(value),
            script_pubkey,
        };
        self.coins
            .insert(outpoint, Coin::new(&output, height, is_coinbase));
        outpoint
    }

    /// Makes a block of these transactions, which follows on the tip.
    pub(crate) fn block(&mut self, transactions: &[Transaction]) -> Block {
        self.made += 1;
        let height = self.height().next();
        let mut all = vec![coinbase(height, self.made)];
        all.extend_from_slice(transactions);
        let header = Header {
            version: 4,
            previous_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time: 0,
            bits: CompactTarget(0x207f_ffff),
            nonce: u32::try_from(self.made).expect("few"),
        };
        Block::new(header, all)
    }

    /// Connects a block that [`Chain::block`] made.
    pub(crate) fn connect(&mut self, block: &Block) {
        let height = self.height().next();
        let mut spent = Vec::new();
        for (index, transaction) in block.transactions().iter().enumerate() {
            for input in transaction.inputs().iter().filter(|_| index > 0) {
                let coin = self
                    .coins
                    .remove(&input.prevout)
                    .expect("the block is valid");
                spent.push((input.prevout, coin));
            }
            for (vout, output) in (0..).zip(transaction.outputs()) {
                let coin = Coin::new(output, height, index == 0);
                self.coins.insert(transaction.outpoint(vout), coin);
            }
        }
        self.blocks.push((block.clone(), spent));
        self.now += 600;
    }

    /// Disconnects the last block.
    pub(crate) fn disconnect(&mut self) -> Block {
        let (block, spent) = self.blocks.pop().expect("a block is connected");
        for (outpoint, coin) in spent {
            self.coins.insert(outpoint, coin);
        }
        for transaction in block.transactions() {
            for vout in 0..u32::try_from(transaction.outputs().len()).expect("few") {
                self.coins.remove(&transaction.outpoint(vout));
            }
        }
        block
    }
}

fn coinbase(height: Height, number: u64) -> Transaction {
    let mut script = number.to_le_bytes().to_vec();
    script.extend_from_slice(&height.0.to_le_bytes());
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    Transaction::new(2, vec![input], vec![output(5_000_000_000)], 0)
}

pub(crate) fn pool() -> Mempool {
    pool_with(Policy::default())
}

pub(crate) fn pool_with(policy: Policy) -> Mempool {
    Mempool::new(policy, HashKey::new(1, 2))
}

pub(crate) fn accept(
    pool: &mut Mempool,
    chain: &Chain,
    tx: &Transaction,
) -> Result<Accepted, Rejected> {
    pool.accept(tx, &chain.context(), Options::default())
}

/// Admits a transaction that has to be admitted.
pub(crate) fn admit(pool: &mut Mempool, chain: &Chain, tx: &Transaction) -> Accepted {
    match accept(pool, chain, tx) {
        Ok(accepted) => accepted,
        Err(rejected) => panic!("{}: {rejected}", rejected.code()),
    }
}

/// The code that a transaction is refused with, which must also leave the mempool as it is.
pub(crate) fn refuse(pool: &mut Mempool, chain: &Chain, tx: &Transaction) -> &'static str {
    let before = pool.len();
    let tested = pool.test_accept(tx, &chain.context(), Options::default());
    let rejected = accept(pool, chain, tx).expect_err("it is refused");
    assert_eq!(
        tested.expect_err("it is refused in a test as well"),
        rejected
    );
    assert_eq!(pool.len(), before);
    check(pool, chain);
    rejected.code()
}

pub(crate) fn check(pool: &Mempool, chain: &Chain) {
    assert_eq!(pool.check_invariants_on(&chain.context()), Ok(()));
}

pub(crate) fn txids(pool: &Mempool) -> Vec<Txid> {
    pool.entries(None).map(Entry::txid).collect()
}

/// What left, with the reasons' names.
pub(crate) fn removals(pool: &mut Mempool) -> Vec<(Txid, &'static str)> {
    let events = pool.take_events().events.into_iter();
    let removed = events.filter_map(|event| match event {
        Event::Removed { txid, reason, .. } => Some((txid, reason.name())),
        Event::Added { .. } => None,
    });
    removed.collect()
}

/// Checks that a template could be a block.
pub(crate) fn check_template(template: &Template, chain: &Chain, limits: &TemplateLimits) {
    let mut coins = chain.coins.clone();
    let (mut weight, mut sigops, mut fees) = (0, 0, 0);
    for member in &template.transactions {
        let transaction = &member.transaction;
        for input in transaction.inputs() {
            assert!(
                coins.remove(&input.prevout).is_some(),
                "a parent or coin is missing"
            );
        }
        for (vout, output) in (0..).zip(transaction.outputs()) {
            let coin = Coin::new(output, limits.height, false);
            coins.insert(transaction.outpoint(vout), coin);
        }
        weight += transaction.weight().0;
        sigops += member.sigop_cost;
        fees += member.fee.sat();
    }
    assert_eq!(
        (weight, sigops, fees),
        (template.weight, template.sigop_cost, template.fees.sat())
    );
    assert!(weight + limits.reserved_weight <= limits.max_weight);
    assert!(sigops + limits.reserved_sigop_cost <= limits.max_sigop_cost);
}
