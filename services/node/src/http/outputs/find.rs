//! Finding an output, and who spends it.

use axum::http::StatusCode;
use synod_api::HexBytes;
use synod_api::node::{OutputBody, OutputStatus, SpenderBody};
use synod_mempool::Mempool;
use synod_node_core::{Node, StorageError};
use synod_primitives::{BlockHash, Height, OutPoint, Transaction, TxOut};
use synod_script::is_unspendable;
use synod_service::ApiError;

use crate::error;
use crate::http::render::{address, amount, narrow, txid};
use crate::http::transactions::confirmed::{self, Confirmed};
use crate::state::{AppState, read};

/// How often the output is looked for while blocks come and go.
const MAX_TRIES: usize = 3;

/// What the chain thread knows of an output of a block's transaction.
struct Moment {
    /// The height of the block.
    height: Height,
    /// The height of the tip.
    tip: Height,
    /// Whether the coin is there.
    is_coin: bool,
    /// Who spends it in the mempool.
    spender: Option<SpenderBody>,
}

/// Finds an output of the mempool or the active chain.
///
/// Security: the chain thread is asked about outputs that exist, never about what somebody made
/// up: to prove that a coin is absent costs it far more than the question.
///
/// # Errors
/// 404 when there is no such output; the store failed; the chain takes no requests.
pub(super) async fn output(state: &AppState, outpoint: OutPoint) -> Result<OutputBody, ApiError> {
    for _ in 0..MAX_TRIES {
        if let Some(found) = in_mempool(&read(state.chain.mempool()), outpoint) {
            return found;
        }
        let found = confirmed::find(state, txid(outpoint.txid)).await?;
        let output = output_of(&found.transaction, outpoint)?.clone();
        let block = found.location.block;
        let moment = state.chain.look(move |node, _| look(node, block, outpoint));
        if let Some(moment) = moment.await.map_err(error::unavailable)? {
            return Ok(in_block(outpoint, &output, &found, moment));
        }
        // The block has just left the active chain.
    }
    Err(confirmed::index_behind())
}

fn in_mempool(mempool: &Mempool, outpoint: OutPoint) -> Option<Result<OutputBody, ApiError>> {
    let entry = mempool.find(&outpoint.txid)?;
    Some(output_of(entry.transaction(), outpoint).map(|output| {
        let spender = spender(mempool, outpoint);
        let status = match spender {
            Some(_) => OutputStatus::SpentInMempool,
            None => OutputStatus::Unspent,
        };
        OutputBody {
            spender,
            ..body(outpoint, output, status)
        }
    }))
}

fn output_of(transaction: &Transaction, outpoint: OutPoint) -> Result<&TxOut, ApiError> {
    transaction
        .outputs()
        .get(outpoint.vout as usize)
        .ok_or_else(|| {
            let count = transaction.outputs().len();
            let detail = format!("The transaction has {count} outputs, counted from 0.");
            ApiError::new(StatusCode::NOT_FOUND, "output-not-found", detail)
        })
}

/// Correctness: on the chain thread, where chain, coins and mempool are of one moment. None when
/// the block is not on the active chain.
fn look(
    node: &mut Node,
    block: BlockHash,
    outpoint: OutPoint,
) -> Result<Option<Moment>, StorageError> {
    let tree = node.chain().tree();
    let Some(id) = tree.find(block).filter(|id| tree.is_active(*id)) else {
        return Ok(None);
    };
    let height = tree.entry(id).record.height;
    let tip = tree.entry(tree.tip()).record.height;
    let is_coin = node.coin(outpoint)?.is_some();
    let spender = spender(&read(&node.mempool()), outpoint);
    Ok(Some(Moment {
        height,
        tip,
        is_coin,
        spender,
    }))
}

fn spender(mempool: &Mempool, outpoint: OutPoint) -> Option<SpenderBody> {
    let entry = mempool.find_spender(&outpoint)?;
    let inputs = entry.transaction().inputs();
    let vin = inputs.iter().position(|input| input.prevout == outpoint)?;
    Some(SpenderBody {
        txid: txid(entry.txid()),
        vin: narrow(vin as u64),
        height: None,
    })
}

fn in_block(outpoint: OutPoint, output: &TxOut, found: &Confirmed, moment: Moment) -> OutputBody {
    // Neither an unspendable output nor the genesis block's ever is a coin; nobody spends them.
    let never_coin =
        moment.height == Height::GENESIS || is_unspendable(output.script_pubkey.as_bytes());
    let status = match (&moment.spender, moment.is_coin || never_coin) {
        (Some(_), _) => OutputStatus::SpentInMempool,
        (None, true) => OutputStatus::Unspent,
        (None, false) => OutputStatus::Spent,
    };
    OutputBody {
        height: Some(moment.height.0),
        is_coinbase: found.transaction.is_coinbase(),
        confirmations: (moment.tip.0 - moment.height.0).saturating_add(1),
        spender: moment.spender,
        ..body(outpoint, output, status)
    }
}

fn body(outpoint: OutPoint, output: &TxOut, status: OutputStatus) -> OutputBody {
    let script = output.script_pubkey.as_bytes();
    OutputBody {
        txid: txid(outpoint.txid),
        vout: outpoint.vout,
        status,
        value_sat: Some(amount(output.value)),
        script_pubkey: Some(HexBytes::from(script)),
        address: address(script),
        height: None,
        is_coinbase: false,
        confirmations: 0,
        spender: None,
    }
}
