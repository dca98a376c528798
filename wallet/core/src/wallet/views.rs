//! Balance, coins and history in plain types.

use bdk_wallet::{
    KeychainKind, LocalOutput,
    bitcoin::{Address, OutPoint, Txid},
    chain::ChainPosition,
};
use serde::Serialize;

use super::Wallet;
use crate::NETWORK;

/// Confirmations that a coinbase output needs before the next block may spend it.
const COINBASE_MATURITY: u32 = 100;

/// What a wallet holds, in satoshis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Balance {
    /// Confirmed and mature.
    pub confirmed_sat: u64,
    /// Unconfirmed change of the wallet's own transactions.
    pub pending_change_sat: u64,
    /// Unconfirmed payments from others.
    pub pending_sat: u64,
    /// Mined, but not mature yet.
    pub immature_sat: u64,
    /// What can be spent now: confirmed and own change.
    pub spendable_sat: u64,
    /// The sum of all.
    pub total_sat: u64,
}

/// One unspent output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoinView {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Its address.
    pub address: String,
    /// Satoshis.
    pub amount_sat: u64,
    /// Whether it is change.
    pub is_change: bool,
    /// The address index.
    pub index: u32,
    /// Confirmations, 0 in the mempool.
    pub confirmations: u32,
    /// Whether it may be spent by this wallet now.
    pub is_spendable: bool,
}

/// One transaction of the wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The transaction.
    pub txid: Txid,
    /// What the wallet gained or lost with it, in satoshis, fee included.
    pub net_sat: i64,
    /// What it pays to the wallet, in satoshis.
    pub received_sat: u64,
    /// What it spends of the wallet, in satoshis.
    pub sent_sat: u64,
    /// The fee, known where all inputs are the wallet's own.
    pub fee_sat: Option<u64>,
    /// Confirmations, 0 in the mempool.
    pub confirmations: u32,
    /// The height of its block.
    pub height: Option<u32>,
    /// The time of its block, or when it was last seen in the mempool (Unix seconds).
    pub time: Option<u64>,
}

impl Wallet {
    /// Returns the balance.
    pub fn balance(&self) -> Balance {
        let balance = self.inner().balance();
        Balance {
            confirmed_sat: balance.confirmed.to_sat(),
            pending_change_sat: balance.trusted_pending.to_sat(),
            pending_sat: balance.untrusted_pending.to_sat(),
            immature_sat: balance.immature.to_sat(),
            spendable_sat: balance.trusted_spendable().to_sat(),
            total_sat: balance.total().to_sat(),
        }
    }

    /// Returns the unspent outputs, oldest first.
    pub fn coins(&self) -> Vec<CoinView> {
        let mut coins: Vec<_> = self
            .inner()
            .list_unspent()
            .map(|output| self.coin_view(&output))
            .collect();
        coins.sort_by(|a, b| {
            b.confirmations
                .cmp(&a.confirmations)
                .then(a.outpoint.cmp(&b.outpoint))
        });
        coins
    }

    /// Returns the coins that must not be spent: immature ones and unconfirmed payments from others,
    /// which their senders could still take back.
    pub(super) fn unspendable_coins(&self) -> Vec<OutPoint> {
        self.coins()
            .into_iter()
            .filter(|coin| !coin.is_spendable)
            .map(|coin| coin.outpoint)
            .collect()
    }

    /// Returns the transactions, newest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let mut entries: Vec<HistoryEntry> = self
            .inner()
            .transactions()
            .map(|known| {
                let transaction = &known.tx_node.tx;
                let (height, time) = match known.chain_position {
                    ChainPosition::Confirmed { anchor, .. } => {
                        (Some(anchor.block_id.height), Some(anchor.confirmation_time))
                    }
                    ChainPosition::Unconfirmed { last_seen, .. } => (None, last_seen),
                };
                let (sent, received) = self.inner().sent_and_received(transaction);
                HistoryEntry {
                    txid: known.tx_node.txid,
                    net_sat: self.inner().spk_index().net_value(transaction, ..).to_sat(),
                    received_sat: received.to_sat(),
                    sent_sat: sent.to_sat(),
                    fee_sat: self
                        .inner()
                        .calculate_fee(transaction)
                        .ok()
                        .map(bdk_wallet::bitcoin::Amount::to_sat),
                    confirmations: height.map_or(0, |height| self.confirmations(height)),
                    height,
                    time,
                }
            })
            .collect();
        entries.sort_by(|a, b| {
            (a.confirmations, b.time, b.txid).cmp(&(b.confirmations, a.time, a.txid))
        });
        entries
    }

    fn confirmations(&self, height: u32) -> u32 {
        (self.height() + 1).saturating_sub(height)
    }

    fn coin_view(&self, output: &LocalOutput) -> CoinView {
        let confirmations = output
            .chain_position
            .confirmation_height_upper_bound()
            .map_or(0, |height| self.confirmations(height));
        let address = Address::from_script(&output.txout.script_pubkey, NETWORK);
        CoinView {
            outpoint: output.outpoint,
            address: address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            amount_sat: output.txout.value.to_sat(),
            is_change: output.keychain == KeychainKind::Internal,
            index: output.derivation_index,
            confirmations,
            is_spendable: self.is_spendable(output, confirmations),
        }
    }

    fn is_spendable(&self, output: &LocalOutput, confirmations: u32) -> bool {
        let Some(known) = self.inner().get_tx(output.outpoint.txid) else {
            return false;
        };
        let transaction = &known.tx_node.tx;
        if transaction.is_coinbase() {
            return confirmations >= COINBASE_MATURITY;
        }
        let is_ours = self.inner().sent_and_received(transaction).0.to_sat() > 0;
        confirmations > 0 || is_ours
    }
}
