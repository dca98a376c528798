//! The watching side of a wallet: addresses, coins, balance, history, building payments.
//!
//! It never holds a private key and never stores anything itself: the caller takes the staged
//! [`ChangeSet`] after each call and makes it durable before it shows the result to anyone.

mod build;
mod stake;
mod views;

use std::collections::BTreeSet;

use bdk_wallet::{
    CreateParams, KeychainKind, LoadParams, Update,
    bitcoin::{Address, OutPoint, Transaction, Txid},
    chain::spk_client::{FullScanRequest, SyncRequest},
};

pub use self::{
    build::{BuildError, MAX_RECIPIENTS, Payment, Recipient},
    stake::{MAX_STAKE_INPUTS, StakeAction, StakePlan, own_scripts},
    views::{Balance, CoinView, HistoryEntry},
};
use crate::{NETWORK, descriptors::Descriptors};

pub use bdk_wallet::ChangeSet;

/// How many addresses past the last revealed one are watched.
pub const LOOKAHEAD: u32 = 25;

/// Why a wallet could not be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The stored state does not fit the descriptors or is broken.
    #[error("the stored wallet state is broken: {0}")]
    State(String),
    /// The explorer's chain does not connect to the one that the wallet knows.
    #[error("the explorer's chain does not connect to the one that this wallet has seen")]
    CannotConnect,
}

impl WalletError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::State(_) => "wallet-state-broken",
            Self::CannotConnect => "chain-does-not-connect",
        }
    }
}

/// An address with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressAt {
    /// The address.
    pub address: Address,
    /// Its index on the receiving keychain.
    pub index: u32,
    /// Whether it has received anything.
    pub is_used: bool,
}

/// A watching wallet in memory.
#[derive(Debug)]
pub struct Wallet {
    inner: bdk_wallet::Wallet,
}

impl Wallet {
    /// Makes a new wallet.
    ///
    /// # Errors
    /// When the descriptors are refused.
    pub fn create(descriptors: &Descriptors) -> Result<Self, WalletError> {
        let params = CreateParams::new(descriptors.external(), descriptors.internal());
        let params = params.network(NETWORK).lookahead(LOOKAHEAD);
        let inner = params
            .create_wallet_no_persist()
            .map_err(|e| WalletError::State(e.to_string()))?;
        Ok(Self { inner })
    }

    /// Loads a wallet from what was stored.
    ///
    /// # Errors
    /// When the state is empty, broken or of other descriptors.
    pub fn load(descriptors: &Descriptors, stored: ChangeSet) -> Result<Self, WalletError> {
        let params = LoadParams::new()
            .descriptor(KeychainKind::External, Some(descriptors.external()))
            .descriptor(KeychainKind::Internal, Some(descriptors.internal()))
            .check_network(NETWORK)
            .lookahead(LOOKAHEAD);
        let loaded = params
            .load_wallet_no_persist(stored)
            .map_err(|e| WalletError::State(e.to_string()))?;
        let inner = loaded.ok_or_else(|| WalletError::State("it is empty".to_owned()))?;
        Ok(Self { inner })
    }

    /// Takes what changed since the last call, to be stored.
    pub fn take_changes(&mut self) -> Option<ChangeSet> {
        self.inner.take_staged()
    }

    /// Reveals a new receiving address.
    pub fn new_address(&mut self) -> AddressAt {
        let revealed = self.inner.reveal_next_address(KeychainKind::External);
        AddressAt {
            address: revealed.address,
            index: revealed.index,
            is_used: false,
        }
    }

    /// Returns the first revealed receiving address that has received nothing, or reveals one.
    pub fn unused_address(&mut self) -> AddressAt {
        let unused = self.inner.next_unused_address(KeychainKind::External);
        AddressAt {
            address: unused.address,
            index: unused.index,
            is_used: false,
        }
    }

    /// Returns the revealed receiving addresses, oldest first.
    pub fn addresses(&self) -> Vec<AddressAt> {
        let unused: BTreeSet<u32> = self
            .inner
            .list_unused_addresses(KeychainKind::External)
            .map(|address| address.index)
            .collect();
        let end = self
            .inner
            .derivation_index(KeychainKind::External)
            .map_or(0, |last| last + 1);
        let at = |index| AddressAt {
            address: self
                .inner
                .peek_address(KeychainKind::External, index)
                .address,
            index,
            is_used: !unused.contains(&index),
        };
        (0..end).map(at).collect()
    }

    /// Returns the number of revealed addresses: receiving, change.
    pub fn revealed(&self) -> crate::keystore::Revealed {
        let next = |keychain| {
            self.inner
                .derivation_index(keychain)
                .map_or(0, |last| last + 1)
        };
        crate::keystore::Revealed {
            external: next(KeychainKind::External),
            internal: next(KeychainKind::Internal),
        }
    }

    /// Tells whether an address is this wallet's, as far as it was revealed or looked ahead.
    pub fn is_own(&self, address: &Address) -> bool {
        self.inner.is_mine(address.script_pubkey())
    }

    /// Returns the height of the chain as this wallet has seen it.
    pub fn height(&self) -> u32 {
        self.inner.latest_checkpoint().height()
    }

    /// Asks for everything from the first address on.
    pub fn full_scan_request(&self, now_unix: u64) -> FullScanRequest<KeychainKind> {
        self.inner.start_full_scan_at(now_unix).build()
    }

    /// Asks for what is new on the revealed addresses, the own coins and the unconfirmed transactions.
    pub fn sync_request(&self, now_unix: u64) -> SyncRequest<(KeychainKind, u32)> {
        let spks = (self.inner.spk_index()).inner().all_spks().iter();
        // The looked-ahead addresses are asked for too, so that another copy of this wallet may reveal.
        let spks: Vec<_> = spks
            .map(|(place, script)| (*place, script.clone()))
            .collect();
        self.inner
            .start_sync_with_revealed_spks_at(now_unix)
            .spks_with_indexes(spks)
            .build()
    }

    /// Takes in what the explorer answered.
    ///
    /// # Errors
    /// When the explorer's chain does not connect to the known one.
    pub fn apply(&mut self, update: impl Into<Update>) -> Result<(), WalletError> {
        self.inner
            .apply_update(update)
            .map_err(|_| WalletError::CannotConnect)
    }

    /// Takes in a transaction of our own that is about to be, or was, broadcast.
    pub fn apply_unconfirmed(&mut self, transaction: Transaction, seen_at_unix: u64) {
        self.inner
            .apply_unconfirmed_txs([(transaction, seen_at_unix)]);
    }

    /// Notes that a transaction is in no mempool any more (refused or replaced).
    pub fn apply_evicted(&mut self, txid: Txid, evicted_at_unix: u64) {
        self.inner.apply_evicted_txs([(txid, evicted_at_unix)]);
    }

    /// Returns a transaction that the wallet knows.
    pub fn transaction(&self, txid: Txid) -> Option<Transaction> {
        self.inner
            .get_tx(txid)
            .map(|known| known.tx_node.tx.as_ref().clone())
    }

    /// Tells whether a coin is this wallet's and unspent.
    pub fn has_coin(&self, outpoint: OutPoint) -> bool {
        self.inner.get_utxo(outpoint).is_some()
    }

    pub(crate) fn inner(&self) -> &bdk_wallet::Wallet {
        &self.inner
    }

    pub(crate) fn inner_mut(&mut self) -> &mut bdk_wallet::Wallet {
        &mut self.inner
    }
}

#[cfg(test)]
pub(crate) mod tests;
