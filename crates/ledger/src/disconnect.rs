//! Disconnecting a block: exactly the coins from before it come back (Core:
//! `DisconnectBlock`).

use synod_primitives::{Block, Height, OutPoint, Transaction};
use synod_script::is_unspendable;

use crate::coin::Coin;
use crate::coins::{CoinsCache, CoinsUpdate, SpendError};
use crate::undo::BlockUndo;

/// Why a block could not be disconnected. The block was valid once, so each of these means
/// that coins, block and undo data do not belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DisconnectError {
    /// The genesis block stays.
    #[error("the genesis block cannot be disconnected")]
    Genesis,
    /// The undo data is that of a block with another number of inputs.
    #[error("the undo data does not belong to the block")]
    UndoMismatch,
    /// An output of the block is not among the coins.
    #[error("the block's output {0} is not among the coins")]
    OutputMissing(OutPoint),
    /// A coin differs from the output of the block that made it.
    #[error("the coin {0} differs from the block's output")]
    OutputDiffers(OutPoint),
    /// A coin that the block spent is there.
    #[error("the coin {0}, which the block spent, exists")]
    CoinExists(OutPoint),
    /// The cache does not know whether this coin exists: the caller has not fetched what
    /// [`CoinsCache::missing_outputs`] asked for.
    #[error("the coin {0} was not fetched before the block was disconnected")]
    NotFetched(OutPoint),
}

/// Disconnects the block at the tip, which is at `height`.
///
/// The caller has fetched what [`CoinsCache::missing_outputs`] names for it.
///
/// # Errors
/// Coins, block and undo data do not belong together; then the coins are as before. Core goes
/// on from coins that are merely not as the block left them; here nothing may differ, since
/// BIP30 has no exceptions.
pub fn disconnect_block(
    block: &Block,
    height: Height,
    undo: &BlockUndo,
    coins: &mut CoinsCache,
) -> Result<(), DisconnectError> {
    if height == Height::GENESIS {
        return Err(DisconnectError::Genesis);
    }
    let spenders = undo.spent_by(block).ok_or(DisconnectError::UndoMismatch)?;
    let mut update = CoinsUpdate::new(coins, 2 * undo.coins().len());
    for (transaction, spent) in spenders.rev() {
        remove_outputs(&mut update, transaction, height, false)?;
        for (input, coin) in transaction.inputs().iter().zip(spent).rev() {
            update
                .add(input.prevout, coin.clone())
                .map_err(|()| DisconnectError::CoinExists(input.prevout))?;
        }
    }
    if let Some(coinbase) = block.transactions().first() {
        remove_outputs(&mut update, coinbase, height, true)?;
    }
    update.commit();
    Ok(())
}

fn remove_outputs(
    update: &mut CoinsUpdate<'_>,
    transaction: &Transaction,
    height: Height,
    is_coinbase: bool,
) -> Result<(), DisconnectError> {
    for (vout, output) in (0..).zip(transaction.outputs()) {
        if is_unspendable(output.script_pubkey.as_bytes()) {
            continue;
        }
        let outpoint = transaction.outpoint(vout);
        let coin = update.spend(outpoint).map_err(|error| match error {
            SpendError::Absent => DisconnectError::OutputMissing(outpoint),
            SpendError::Unknown => DisconnectError::NotFetched(outpoint),
        })?;
        let is_same = |coin: &Coin| {
            coin.is_output(output) && coin.height == height && coin.is_coinbase == is_coinbase
        };
        if !is_same(&coin) {
            return Err(DisconnectError::OutputDiffers(outpoint));
        }
    }
    Ok(())
}
