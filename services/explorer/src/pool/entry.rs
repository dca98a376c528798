//! A transaction of the mempool.

use synod_primitives::{Script, Transaction, TxOut, sha256};

/// Sequence numbers up to this one allow a replacement (BIP125).
const MAX_REPLACEABLE_SEQUENCE: u32 = 0xffff_fffd;

/// Returns the key under which everything about a locking script is found.
pub(crate) fn script_key(script: &Script) -> [u8; 32] {
    sha256(script.as_bytes())
}

/// An unconfirmed transaction with what its inputs spend.
#[derive(Clone, Debug)]
pub(crate) struct PoolEntry {
    pub(crate) transaction: Transaction,
    /// What each input spends, in the inputs' order.
    pub(crate) prevouts: Vec<TxOut>,
    pub(crate) fee_sat: i64,
    /// Unix seconds at which the explorer saw it first.
    pub(crate) seen_at: i64,
    /// Its place in the order of arrival.
    pub(crate) arrival: u64,
    /// The scripts that it pays or spends from, each once.
    pub(crate) scripts: Vec<[u8; 32]>,
}

impl PoolEntry {
    /// Makes an entry; the view gives it its arrival number.
    pub(crate) fn new(transaction: &Transaction, prevouts: Vec<TxOut>, seen_at: i64) -> Self {
        let sum = |outputs: &[TxOut]| {
            outputs
                .iter()
                .fold(0i64, |sum, output| sum.saturating_add(output.value.sat()))
        };
        let transaction = transaction.detach();
        let fee_sat = sum(&prevouts) - sum(transaction.outputs());
        let mut scripts: Vec<_> = prevouts
            .iter()
            .chain(transaction.outputs())
            .filter(|output| !synod_script::is_unspendable(output.script_pubkey.as_bytes()))
            .map(|output| script_key(&output.script_pubkey))
            .collect();
        scripts.sort_unstable();
        scripts.dedup();
        Self {
            transaction,
            prevouts,
            fee_sat,
            seen_at,
            arrival: 0,
            scripts,
        }
    }

    /// The virtual size in vbytes.
    pub(crate) fn vsize(&self) -> u64 {
        self.transaction.weight().vsize()
    }

    /// The fee rate in satoshis a vbyte, of this transaction alone.
    pub(crate) fn fee_rate(&self) -> f64 {
        self.fee_sat as f64 / self.vsize().max(1) as f64
    }

    /// What the transaction adds to and takes from a script: sums of outputs and of inputs.
    pub(crate) fn effect_on(&self, script: &[u8; 32]) -> (Flow, Flow) {
        let flow = |outputs: &[TxOut]| {
            let matching = outputs
                .iter()
                .filter(|output| script_key(&output.script_pubkey) == *script);
            matching.fold(Flow::default(), |flow, output| Flow {
                count: flow.count + 1,
                sat: flow.sat + output.value.sat(),
            })
        };
        (flow(self.transaction.outputs()), flow(&self.prevouts))
    }
}

/// Outputs of one script: how many and how much.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flow {
    pub(crate) count: i64,
    pub(crate) sat: i64,
}

/// Says whether an input signals that the transaction may be replaced (BIP125).
pub(crate) fn is_replaceable(transaction: &Transaction) -> bool {
    transaction
        .inputs()
        .iter()
        .any(|input| input.sequence <= MAX_REPLACEABLE_SEQUENCE)
}
