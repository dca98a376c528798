//! A hot or watch-only wallet: the watching wallet of `synod-wallet-core` with its database.
//!
//! Correctness: every operation is a [`Turn`]. A turn holds the wallet's lock within the process
//! and a lock file between processes, begins by reloading when another process has written, and
//! ends by making its changes durable. So two turns never choose the same coin or reveal the same
//! address. Talking to the explorer happens between turns, never within one.

mod pay;
mod stake;
mod sync;

use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use synod_wallet_core::{
    bitcoin::OutPoint,
    descriptors::Descriptors,
    wallet::{AddressAt, Balance, BuildError, CoinView, HistoryEntry, Wallet},
};
use tokio::sync::{Mutex, MutexGuard};

pub use self::{
    pay::{DRAFT_HOLD_SECONDS, Paid, PayRequest},
    stake::{MAX_STAKE_TRANSACTIONS, SlashedStake, Stake, StakeEntry},
};
use crate::{
    explorer::ExplorerError,
    store::{PaymentRow, PaymentState, Store, StoreError},
};

/// Unused addresses after which a full scan stops, unless another number is asked for.
pub const STOP_GAP: usize = 25;

/// Why a wallet operation failed.
#[derive(Debug, thiserror::Error)]
pub enum HotError {
    /// The database failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The payment could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A safety rule refused, or signing failed.
    #[error(transparent)]
    Psbt(#[from] synod_wallet_core::psbt::PsbtError),
    /// The explorer gave no usable answer.
    #[error(transparent)]
    Explorer(#[from] ExplorerError),
    /// The wallet's state is broken.
    #[error(transparent)]
    Wallet(#[from] synod_wallet_core::wallet::WalletError),
    /// The lock file could not be taken.
    #[error("the wallet cannot be locked: {0}")]
    Lock(std::io::Error),
    /// The same request id came with another payment.
    #[error("the request id was used for another payment")]
    RequestMismatch,
    /// The payment of this request failed before.
    #[error("the payment of this request was refused: {0}")]
    RequestFailed(String),
    /// What was named is not there.
    #[error("{0} is not known")]
    NotFound(String),
}

impl HotError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(e) => e.code(),
            Self::Build(e) => e.code(),
            Self::Psbt(e) => e.code(),
            Self::Explorer(e) => e.code(),
            Self::Wallet(e) => e.code(),
            Self::Lock(_) => "wallet-lock",
            Self::RequestMismatch => "request-id-taken",
            Self::RequestFailed(_) => "payment-failed",
            Self::NotFound(_) => "not-found",
        }
    }
}

/// An open wallet.
#[derive(Debug)]
pub struct HotWallet {
    name: String,
    descriptors: Descriptors,
    store: Store,
    lock_path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    wallet: Wallet,
    revision: i64,
}

/// The exclusive right to one operation on a wallet.
struct Turn<'a> {
    state: MutexGuard<'a, State>,
    _lock: File,
}

impl HotWallet {
    /// Opens the wallet's database in a directory; makes it where there is none.
    ///
    /// This needs no password: it holds public descriptors only. A caller that pays brings keys
    /// with each payment (see [`HotWallet::pay`]).
    ///
    /// # Errors
    /// When the database is another wallet's, or fails.
    pub async fn open(
        directory: &Path,
        name: &str,
        descriptors: &Descriptors,
        birthday: u32,
    ) -> Result<Self, HotError> {
        let path = directory.join(format!("{name}.sqlite"));
        let lock_path = directory.join(format!(".{name}.sqlite.lock"));
        let _lock = lock(lock_path.clone()).await?;
        let store = Store::open(&path, descriptors, birthday).await?;
        let wallet = load(&store, descriptors).await?;
        let revision = store.revision().await?;
        let state = Mutex::new(State { wallet, revision });
        Ok(Self {
            name: name.to_owned(),
            descriptors: descriptors.clone(),
            store,
            lock_path,
            state,
        })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the public descriptors.
    pub fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// Returns when the wallet was last synced (Unix seconds).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn synced_at(&self) -> Result<Option<u64>, HotError> {
        Ok(self.store.synced_at().await?)
    }

    /// Reveals a new receiving address; it is durable before it is returned.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new_address(&self) -> Result<AddressAt, HotError> {
        let mut turn = self.begin().await?;
        let address = turn.state.wallet.new_address();
        self.save(&mut turn).await?;
        Ok(address)
    }

    /// Returns the first unused receiving address; it is durable before it is returned.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unused_address(&self) -> Result<AddressAt, HotError> {
        let mut turn = self.begin().await?;
        let address = turn.state.wallet.unused_address();
        self.save(&mut turn).await?;
        Ok(address)
    }

    /// Lists the revealed receiving addresses.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn addresses(&self) -> Result<Vec<AddressAt>, HotError> {
        Ok(self.begin().await?.state.wallet.addresses())
    }

    /// Returns the balance.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balance(&self) -> Result<Balance, HotError> {
        Ok(self.begin().await?.state.wallet.balance())
    }

    /// Returns the transactions, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, HotError> {
        Ok(self.begin().await?.state.wallet.history())
    }

    /// Returns the unspent outputs, each with the payment that holds it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn coins(&self) -> Result<Vec<(CoinView, Option<i64>)>, HotError> {
        let coins = self.begin().await?.state.wallet.coins();
        let reserved = self.store.reserved().await?;
        let holder = |outpoint: OutPoint| {
            reserved
                .iter()
                .find(|(coin, _)| *coin == outpoint)
                .map(|(_, payment)| *payment)
        };
        Ok(coins
            .into_iter()
            .map(|coin| {
                let held = holder(coin.outpoint);
                (coin, held)
            })
            .collect())
    }

    /// Returns the height of the chain as the wallet has seen it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn height(&self) -> Result<u32, HotError> {
        Ok(self.begin().await?.state.wallet.height())
    }

    /// Lists payments older than `before`, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn payments(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PaymentRow>, HotError> {
        Ok(self.store.payments(before, limit).await?)
    }

    /// Names an address or transaction.
    ///
    /// # Errors
    /// When a text is empty or longer than 255 bytes, or the database fails.
    pub async fn set_label(&self, reference: &str, label: &str) -> Result<(), HotError> {
        Ok(self.store.set_label(reference, label).await?)
    }

    /// Returns the names of addresses and transactions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn labels(&self) -> Result<BTreeMap<String, String>, HotError> {
        Ok(self.store.labels().await?)
    }

    /// Gives up a draft, so that its coins are free again.
    ///
    /// # Errors
    /// [`HotError::NotFound`] when there is no such draft.
    pub async fn release(&self, payment: i64) -> Result<(), HotError> {
        let mut turn = self.begin().await?;
        let found = self
            .store
            .find_payment(payment)
            .await?
            .filter(|row| row.state == PaymentState::Draft);
        let row = found.ok_or_else(|| HotError::NotFound(format!("draft {payment}")))?;
        turn.state.revision = self
            .store
            .end_payment(row.id, PaymentState::Released, None, None)
            .await?;
        Ok(())
    }

    async fn begin(&self) -> Result<Turn<'_>, HotError> {
        let mut state = self.state.lock().await;
        let lock = lock(self.lock_path.clone()).await?;
        let revision = self.store.revision().await?;
        if revision != state.revision {
            state.wallet = load(&self.store, &self.descriptors).await?;
            state.revision = revision;
        }
        Ok(Turn { state, _lock: lock })
    }

    async fn save(&self, turn: &mut Turn<'_>) -> Result<(), HotError> {
        if let Some(changes) = turn.state.wallet.take_changes() {
            match self.store.save(Some(&changes)).await {
                Ok(revision) => turn.state.revision = revision,
                Err(error) => return Err(turn.spoil(error)),
            }
        }
        Ok(())
    }
}

impl Turn<'_> {
    /// Makes the next turn reload, after a change in memory could not be stored.
    fn spoil(&mut self, error: StoreError) -> HotError {
        self.state.revision = -1;
        error.into()
    }
}

async fn load(store: &Store, descriptors: &Descriptors) -> Result<Wallet, HotError> {
    if let Some(stored) = store.load(descriptors).await? {
        return Ok(Wallet::load(descriptors, stored)?);
    }
    let mut wallet = Wallet::create(descriptors)?;
    let changes = wallet.take_changes();
    store.save(changes.as_ref()).await?;
    Ok(wallet)
}

/// Takes the lock file; another process may hold it, so this waits on the blocking pool.
async fn lock(path: PathBuf) -> Result<File, HotError> {
    let locked = tokio::task::spawn_blocking(move || {
        let mut options = File::options();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.lock()?;
        Ok(file)
    });
    locked
        .await
        .map_err(|e| HotError::Lock(std::io::Error::other(e)))?
        .map_err(HotError::Lock)
}

/// Returns the time in Unix seconds.
pub fn now_unix() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
