//! The JSON of the Esplora API; field names and what is left out are exactly Esplora's.

use serde::Serialize;
use synod_primitives::{Transaction, TxIn, TxOut, hex};
use synod_script::{Address, Asm, esplora_type, is_p2sh, redeem_script, witness_program};
use utoipa::ToSchema;

use crate::explore::{Outspend, Place, ScriptUse, TxView, Unspent};
use crate::http::state::ADDRESSES;
use crate::store::{BlockRecord, ScriptStats};

/// A transaction.
#[derive(Serialize, ToSchema)]
#[schema(as = Tx)]
pub(crate) struct TxBody {
    /// The transaction's id.
    txid: String,
    /// The version, signed.
    version: i32,
    /// The lock time: a height, or Unix seconds from 500,000,000 on.
    locktime: u32,
    /// The inputs.
    vin: Vec<VinBody>,
    /// The outputs.
    vout: Vec<VoutBody>,
    /// Bytes with witnesses.
    size: usize,
    /// Weight units.
    weight: u64,
    /// The fee in satoshis; 0 of a coinbase transaction.
    fee: i64,
    /// Where it is.
    status: StatusBody,
}

/// An input.
#[derive(Serialize, ToSchema)]
#[schema(as = Vin)]
pub(crate) struct VinBody {
    /// The transaction whose output is spent.
    txid: String,
    /// The index of the spent output.
    vout: u32,
    /// The spent output; null in a coinbase transaction.
    prevout: Option<VoutBody>,
    /// The unlocking script in hex.
    scriptsig: String,
    /// The unlocking script as text.
    scriptsig_asm: String,
    /// The witness items in hex; left out when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witness: Vec<String>,
    /// True in a coinbase transaction.
    is_coinbase: bool,
    /// The sequence number.
    sequence: u32,
    /// The redeem script of a pay-to-script-hash input as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_redeemscript_asm: Option<String>,
    /// The witness script of a pay-to-witness-script-hash input as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_witnessscript_asm: Option<String>,
}

/// An output.
#[derive(Serialize, ToSchema)]
#[schema(as = Vout)]
pub(crate) struct VoutBody {
    /// The locking script in hex.
    scriptpubkey: String,
    /// The locking script as text.
    scriptpubkey_asm: String,
    /// The kind of script.
    scriptpubkey_type: &'static str,
    /// The address, where the script has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    scriptpubkey_address: Option<String>,
    /// The value in satoshis.
    value: i64,
}

/// Where a transaction is; the fields of the block are there only when it is confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = TxStatus)]
pub(crate) struct StatusBody {
    /// True on the active chain.
    confirmed: bool,
    /// The block's height.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<u32>,
    /// The block's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<String>,
    /// The block's time in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<u32>,
}

/// Who spends an output.
#[derive(Serialize, ToSchema)]
#[schema(as = Outspend)]
pub(crate) struct OutspendBody {
    /// True when a transaction of the chain or the mempool spends it.
    spent: bool,
    /// That transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<String>,
    /// The index of its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<u32>,
    /// Where that transaction is.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusBody>,
}

/// A block without its transactions.
#[derive(Serialize, ToSchema)]
#[schema(as = Block)]
pub(crate) struct BlockBody {
    /// The hash.
    pub(crate) id: String,
    /// The height.
    pub(crate) height: u32,
    /// The version, signed.
    version: i32,
    /// The header's time in Unix seconds.
    pub(crate) timestamp: u32,
    /// The number of transactions.
    tx_count: u32,
    /// Bytes with witnesses.
    size: u64,
    /// Weight units.
    weight: u64,
    /// The root of the transaction ids.
    merkle_root: String,
    /// The parent; null of block 0.
    previousblockhash: Option<String>,
    /// The median of the times of the last eleven blocks.
    mediantime: u32,
    /// The nonce.
    nonce: u32,
    /// The compact target as a number.
    bits: u32,
    /// How much harder the target is than the easiest of Bitcoin's main network.
    difficulty: f64,
}

/// Sums over outputs of a script.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsBody {
    /// Transactions that touch the script.
    tx_count: i64,
    /// Outputs that pay it.
    funded_txo_count: i64,
    /// Their sum in satoshis.
    funded_txo_sum: i64,
    /// Outputs of it that were spent.
    spent_txo_count: i64,
    /// Their sum in satoshis.
    spent_txo_sum: i64,
}

/// The sums of an address or script.
#[derive(Serialize, ToSchema)]
#[schema(as = ScriptStats)]
pub(crate) struct UseBody {
    /// The address, when an address was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The script's hash, when a script was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scripthash: Option<String>,
    /// Over the active chain.
    chain_stats: StatsBody,
    /// Over the mempool.
    mempool_stats: StatsBody,
}

/// An unspent output.
#[derive(Serialize, ToSchema)]
#[schema(as = Utxo)]
pub(crate) struct UtxoBody {
    /// Its transaction.
    txid: String,
    /// Its index.
    vout: u32,
    /// Where its transaction is.
    status: StatusBody,
    /// Its value in satoshis.
    value: i64,
}

impl TxBody {
    pub(crate) fn of(view: &TxView) -> Self {
        let tx = &view.transaction;
        let inputs = tx.inputs().iter().zip(&view.prevouts);
        Self {
            txid: tx.txid().to_string(),
            version: tx.version(),
            locktime: tx.lock_time(),
            vin: inputs
                .map(|(input, prevout)| VinBody::of(tx, input, prevout.as_ref()))
                .collect(),
            vout: tx.outputs().iter().map(VoutBody::of).collect(),
            size: tx.size(),
            weight: tx.weight().0,
            fee: view.fee_sat,
            status: StatusBody::of(&view.place),
        }
    }

    pub(crate) fn list(views: &[TxView]) -> Vec<Self> {
        views.iter().map(Self::of).collect()
    }
}

impl VinBody {
    fn of(transaction: &Transaction, input: &TxIn, prevout: Option<&TxOut>) -> Self {
        let inner = inner_scripts(input, prevout);
        Self {
            txid: input.prevout.txid.to_string(),
            vout: input.prevout.vout,
            prevout: prevout.map(VoutBody::of),
            scriptsig: hex::encode(input.script_sig.as_bytes()),
            scriptsig_asm: Asm(input.script_sig.as_bytes()).to_string(),
            witness: input.witness.iter().map(hex::encode).collect(),
            is_coinbase: transaction.is_coinbase(),
            sequence: input.sequence,
            inner_redeemscript_asm: inner.redeem.map(|script| Asm(&script).to_string()),
            inner_witnessscript_asm: inner.witness.map(|script| Asm(&script).to_string()),
        }
    }
}

/// The scripts that an input reveals.
#[derive(Default)]
pub(crate) struct InnerScripts {
    pub(crate) redeem: Option<Vec<u8>>,
    pub(crate) witness: Option<Vec<u8>>,
}

/// Finds the scripts that an input reveals: what a script hash or a witness program stands for.
pub(crate) fn inner_scripts(input: &TxIn, prevout: Option<&TxOut>) -> InnerScripts {
    let Some(prevout) = prevout else {
        return InnerScripts::default();
    };
    let locking = prevout.script_pubkey.as_bytes();
    let redeem = if is_p2sh(locking) {
        redeem_script(input.script_sig.as_bytes())
    } else {
        None
    };
    let program = witness_program(redeem.unwrap_or(locking));
    let items = input.witness.len();
    let witness = program.and_then(|program| match (program.version, program.program.len()) {
        (0, 32) => input.witness.last().map(<[u8]>::to_vec),
        (1, 32) if redeem.is_none() => tapscript(input, items),
        _ => None,
    });
    InnerScripts {
        redeem: redeem.map(<[u8]>::to_vec),
        witness,
    }
}

/// The leaf script of a taproot script path spend (BIP341), which lies below the control block.
fn tapscript(input: &TxIn, items: usize) -> Option<Vec<u8>> {
    let has_annex = items > 1
        && input
            .witness
            .last()
            .is_some_and(|item| item.first() == Some(&0x50));
    let count = items - usize::from(has_annex);
    let index = count.checked_sub(2)?;
    input.witness.iter().nth(index).map(<[u8]>::to_vec)
}

impl VoutBody {
    fn of(output: &TxOut) -> Self {
        let script = output.script_pubkey.as_bytes();
        Self {
            scriptpubkey: hex::encode(script),
            scriptpubkey_asm: Asm(script).to_string(),
            scriptpubkey_type: esplora_type(script),
            scriptpubkey_address: address_of(script),
            value: output.value.sat(),
        }
    }
}

/// Writes the address of a locking script, where it has one.
pub(crate) fn address_of(script: &[u8]) -> Option<String> {
    Address::from_script(script).map(|address| address.format(ADDRESSES))
}

impl StatusBody {
    pub(crate) const UNCONFIRMED: Self = Self {
        confirmed: false,
        block_height: None,
        block_hash: None,
        block_time: None,
    };

    pub(crate) fn of(place: &Place) -> Self {
        match place {
            Place::Confirmed {
                number,
                block,
                time,
            } => Self {
                confirmed: true,
                block_height: Some(number.height()),
                block_hash: Some(block.to_string()),
                block_time: Some(*time),
            },
            Place::Mempool { .. } | Place::Stale => Self::UNCONFIRMED,
        }
    }
}

impl OutspendBody {
    pub(crate) fn of(outspend: Option<&Outspend>) -> Self {
        Self {
            spent: outspend.is_some(),
            txid: outspend.map(|it| it.txid.to_string()),
            vin: outspend.map(|it| it.vin),
            status: outspend.map(|it| StatusBody::of(&it.place)),
        }
    }
}

impl BlockBody {
    pub(crate) fn of(record: &BlockRecord) -> Self {
        let header = &record.header;
        let previous = (record.height > 0).then(|| header.previous_block_hash.to_string());
        Self {
            id: record.hash.to_string(),
            height: record.height,
            version: header.version,
            timestamp: header.time,
            tx_count: record.tx_count,
            size: record.size,
            weight: record.weight,
            merkle_root: header.merkle_root.to_string(),
            previousblockhash: previous,
            mediantime: record.median_time,
            nonce: header.nonce,
            bits: header.bits.0,
            difficulty: header.bits.difficulty(),
        }
    }
}

impl StatsBody {
    fn of(stats: &ScriptStats) -> Self {
        Self {
            tx_count: stats.tx_count,
            funded_txo_count: stats.funded_count,
            funded_txo_sum: stats.funded_sat,
            spent_txo_count: stats.spent_count,
            spent_txo_sum: stats.spent_sat,
        }
    }
}

impl UseBody {
    pub(crate) fn of(
        address: Option<String>,
        scripthash: Option<String>,
        sums: &ScriptUse,
    ) -> Self {
        Self {
            address,
            scripthash,
            chain_stats: StatsBody::of(&sums.chain),
            mempool_stats: StatsBody::of(&sums.mempool),
        }
    }
}

impl UtxoBody {
    pub(crate) fn of(unspent: &Unspent) -> Self {
        Self {
            txid: unspent.outpoint.txid.to_string(),
            vout: unspent.outpoint.vout,
            status: StatusBody::of(&unspent.place),
            value: unspent.value_sat,
        }
    }
}
