//! The wallets that a service has open, with their keys where they are unlocked.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use synod_wallet_cold::{
    commands::read_public_side,
    exit::Failure,
    home::{Holding, Home, WalletName},
};
use synod_wallet_core::{
    descriptors::{DescriptorError, Descriptors},
    keys::{AccountKeys, ScriptKind},
    keystore::{KdfParams, Keystore, KeystoreError, NewKeystore, write_private_file},
    mnemonic::{MnemonicError, SeedWords, WordCount},
    watch_only::WatchOnly,
};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    explorer::Explorer,
    hot::{HotError, HotWallet, Paid, PayRequest},
};

/// Most wallets that are open at a time.
pub const MAX_OPEN: usize = 256;
/// A wallet that was synced this recently is not synced again before it is read.
pub const SYNC_AGE: Duration = Duration::from_millis(200);

/// Why a wallet could not be opened, made or used.
#[derive(Debug, thiserror::Error)]
pub enum WalletsError {
    /// There is no such wallet, or its name or file is bad.
    #[error(transparent)]
    Home(#[from] Failure),
    /// The keystore refused.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The seed words could not be made.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// The descriptors are not supported.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The wallet refused or failed.
    #[error(transparent)]
    Hot(#[from] HotError),
    /// The wallet's keys are not unlocked here, or it has none.
    #[error("the keys of this wallet are not unlocked in this service")]
    Locked,
    /// [`MAX_OPEN`] wallets are open.
    #[error("no further wallet can be opened")]
    TooMany,
    /// Work on the blocking pool broke.
    #[error("background work failed: {0}")]
    Background(String),
}

/// One open wallet.
#[derive(Debug)]
pub struct OpenWallet {
    hot: HotWallet,
    holding: Holding,
    keys: Option<AccountKeys>,
    synced: Mutex<Option<Instant>>,
}

impl OpenWallet {
    /// Returns the wallet.
    pub fn hot(&self) -> &HotWallet {
        &self.hot
    }

    /// Tells whether the wallet has no keys anywhere here.
    pub fn is_watch_only(&self) -> bool {
        self.holding == Holding::WatchOnly
    }

    /// Pays with the unlocked keys (see [`HotWallet::pay`]).
    ///
    /// # Errors
    /// [`WalletsError::Locked`] without keys; as [`HotWallet::pay`].
    pub async fn pay(
        &self,
        explorer: &Explorer,
        request: &PayRequest,
    ) -> Result<Paid, WalletsError> {
        let keys = self.keys.as_ref().ok_or(WalletsError::Locked)?;
        Ok(self.hot.pay(keys, explorer, request).await?)
    }

    /// Syncs, unless another request did so within [`SYNC_AGE`].
    ///
    /// # Errors
    /// When the explorer gives no usable answer.
    pub async fn refresh(&self, explorer: &Explorer) -> Result<(), WalletsError> {
        let mut synced = self.synced.lock().await;
        if synced.is_some_and(|at| at.elapsed() < SYNC_AGE) {
            return Ok(());
        }
        self.hot.refresh(explorer).await?;
        *synced = Some(Instant::now());
        Ok(())
    }
}

/// All wallets of a service.
#[derive(Debug)]
pub struct Wallets {
    home: Home,
    explorer: Explorer,
    open: Mutex<BTreeMap<String, Arc<OpenWallet>>>,
}

impl Wallets {
    /// Takes the wallet directory and the explorer.
    pub fn new(wallet_dir: PathBuf, explorer: Explorer) -> Self {
        Self {
            home: Home::new(wallet_dir),
            explorer,
            open: Mutex::default(),
        }
    }

    /// Returns the explorer.
    pub fn explorer(&self) -> &Explorer {
        &self.explorer
    }

    /// Returns the wallets that are open.
    pub async fn open_ones(&self) -> Vec<Arc<OpenWallet>> {
        self.open.lock().await.values().cloned().collect()
    }

    /// Returns every wallet by name, those in memory and those in the directory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, WalletsError> {
        let mut names: Vec<String> = self.open.lock().await.keys().cloned().collect();
        names.extend(
            self.home
                .wallets()?
                .into_iter()
                .map(|(name, _)| name.as_str().to_owned()),
        );
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Returns a wallet; opens it, locked, when it is not open.
    ///
    /// # Errors
    /// When there is no such wallet or its files are broken.
    pub async fn find(&self, name: &str) -> Result<Arc<OpenWallet>, WalletsError> {
        let mut open = self.open.lock().await;
        if let Some(wallet) = open.get(name) {
            return Ok(Arc::clone(wallet));
        }
        let (name, holding) = self.home.find(Some(name))?;
        let side = read_public_side(&self.home, name, holding)?;
        let opening = Opening {
            descriptors: side.descriptors,
            birthday: side.birthday,
            holding,
            keys: None,
        };
        self.insert(&mut open, side.name.as_str(), opening).await
    }

    /// Opens a wallet of the directory with its keys.
    ///
    /// # Errors
    /// When the password is wrong or there is no such keystore.
    pub async fn unlock(
        &self,
        name: &str,
        password: Zeroizing<String>,
    ) -> Result<Arc<OpenWallet>, WalletsError> {
        let path = self.home.keystore(&WalletName::parse(name)?);
        let keystore = blocking(move || Ok(Keystore::open(&path, &password)?)).await?;
        let opening = Opening {
            descriptors: keystore.descriptors()?,
            birthday: keystore.header().birthday,
            holding: Holding::Keys,
            keys: Some(keystore.keys()?),
        };
        self.insert(&mut *self.open.lock().await, name, opening)
            .await
    }

    /// Opens, or makes, a wallet of a seed that the caller keeps; nothing secret is stored and no
    /// password is asked for. This is the way of the faucet of `synod up`.
    ///
    /// # Errors
    /// When the name is bad, the seed makes no keys, or the database fails.
    pub async fn open_from_seed(
        &self,
        name: &str,
        seed: &[u8],
        kind: ScriptKind,
    ) -> Result<Arc<OpenWallet>, WalletsError> {
        let name = WalletName::parse(name)?;
        self.home.make()?;
        let keys = AccountKeys::from_seed(seed, kind, 0)?;
        let opening = Opening {
            descriptors: keys.descriptors(),
            birthday: 0,
            holding: Holding::Keys,
            keys: Some(keys),
        };
        self.insert(&mut *self.open.lock().await, name.as_str(), opening)
            .await
    }

    /// Makes a wallet with new seed words, sealed under a passphrase, and opens it with its keys.
    ///
    /// # Errors
    /// When the name is bad or taken, or the keystore cannot be made.
    pub async fn create(
        &self,
        name: &str,
        passphrase: Zeroizing<String>,
        birthday: u32,
    ) -> Result<Arc<OpenWallet>, WalletsError> {
        let name = self.free_name(name).await?;
        let path = self.home.keystore(&name);
        let words = SeedWords::generate(WordCount::TwentyFour)?;
        let new = NewKeystore {
            words,
            kind: ScriptKind::default(),
            account: 0,
            birthday,
            kdf: KdfParams::default(),
        };
        let keystore = blocking(move || Ok(Keystore::create(&path, &new, &passphrase)?)).await?;
        let opening = Opening {
            descriptors: keystore.descriptors()?,
            birthday,
            holding: Holding::Keys,
            keys: Some(keystore.keys()?),
        };
        self.insert(&mut *self.open.lock().await, name.as_str(), opening)
            .await
    }

    /// Makes a watch-only wallet.
    ///
    /// # Errors
    /// When the name is bad or taken, or the file cannot be written.
    pub async fn create_watch_only(
        &self,
        name: &str,
        descriptors: Descriptors,
        birthday: u32,
    ) -> Result<Arc<OpenWallet>, WalletsError> {
        let name = self.free_name(name).await?;
        let file = serde_json::json!(WatchOnly::new(&descriptors, birthday));
        write_private_file(
            &self.home.watch_only(&name),
            format!("{file:#}\n").as_bytes(),
        )?;
        let opening = Opening {
            descriptors,
            birthday,
            holding: Holding::WatchOnly,
            keys: None,
        };
        self.insert(&mut *self.open.lock().await, name.as_str(), opening)
            .await
    }

    async fn free_name(&self, name: &str) -> Result<WalletName, WalletsError> {
        let name = WalletName::parse(name)?;
        self.home.make()?;
        if self
            .names()
            .await?
            .iter()
            .any(|known| known == name.as_str())
        {
            return Err(KeystoreError::Exists(PathBuf::from(name.as_str())).into());
        }
        Ok(name)
    }

    async fn insert(
        &self,
        open: &mut BTreeMap<String, Arc<OpenWallet>>,
        name: &str,
        opening: Opening,
    ) -> Result<Arc<OpenWallet>, WalletsError> {
        if open.len() >= MAX_OPEN && !open.contains_key(name) {
            return Err(WalletsError::TooMany);
        }
        let hot = HotWallet::open(
            self.home.dir(),
            name,
            &opening.descriptors,
            opening.birthday,
        )
        .await?;
        let wallet = OpenWallet {
            hot,
            holding: opening.holding,
            keys: opening.keys,
            synced: Mutex::new(None),
        };
        let wallet = Arc::new(wallet);
        open.insert(name.to_owned(), Arc::clone(&wallet));
        Ok(wallet)
    }
}

/// What a wallet is opened with.
struct Opening {
    descriptors: Descriptors,
    birthday: u32,
    holding: Holding,
    keys: Option<AccountKeys>,
}

/// Runs a key derivation, which takes a core for a while, off the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WalletsError> + Send + 'static,
) -> Result<T, WalletsError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| WalletsError::Background(e.to_string()))?
}
