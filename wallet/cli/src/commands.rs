//! The commands that need a database or the explorer.

pub(crate) mod address;
pub(crate) mod create;
pub(crate) mod money;
pub(crate) mod psbt;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod stake;
pub(crate) mod tx;

use synod_wallet_cold::{
    commands::Session,
    exit::{Exit, Failure},
};

use crate::{
    explorer::{Explorer, ExplorerError},
    hot::{HotError, HotWallet},
    store::StoreError,
};

/// What a hot command runs in.
#[derive(Debug, Clone)]
pub(crate) struct Hot {
    pub(crate) session: Session,
    pub(crate) explorer: Explorer,
    pub(crate) offline: bool,
}

impl Hot {
    /// Opens the wallet that is meant.
    pub(crate) async fn wallet(&self) -> Result<HotWallet, Failure> {
        let side = self.session.public_side()?;
        let opened = HotWallet::open(
            self.session.home.dir(),
            side.name.as_str(),
            &side.descriptors,
            side.birthday,
        )
        .await;
        opened.map_err(failure)
    }

    /// Opens the wallet that is meant and takes in what is new, unless that is not wanted.
    pub(crate) async fn fresh_wallet(&self) -> Result<HotWallet, Failure> {
        let wallet = self.wallet().await?;
        if !self.offline {
            wallet.refresh(&self.explorer).await.map_err(failure)?;
        }
        Ok(wallet)
    }
}

/// Gives a wallet error its exit code.
pub(crate) fn failure(error: HotError) -> Failure {
    let code = error.code();
    match error {
        HotError::Build(e) => e.into(),
        HotError::Psbt(e) => e.into(),
        HotError::Wallet(e) => e.into(),
        HotError::Explorer(e) => explorer_failure(&e),
        HotError::Store(e @ (StoreError::Sql(_) | StoreError::Migrate(_))) => {
            Failure::new(Exit::Internal, code, e)
        }
        HotError::Store(e @ (StoreError::Reserved | StoreError::RequestIdTaken)) => {
            Failure::new(Exit::Refused, code, e)
        }
        HotError::Store(e) => Failure::new(Exit::InvalidData, code, e),
        e @ HotError::Lock(_) => Failure::new(Exit::Internal, code, e),
        e @ HotError::NotFound(_) => Failure::new(Exit::NotFound, code, e),
        e @ (HotError::RequestMismatch | HotError::RequestFailed(_)) => {
            Failure::new(Exit::Refused, code, e)
        }
    }
}

/// Gives an explorer error its exit code.
pub(crate) fn explorer_failure(error: &ExplorerError) -> Failure {
    let exit = match error {
        ExplorerError::Unreachable { .. } => Exit::Unreachable,
        ExplorerError::Timeout(_) => Exit::Timeout,
        ExplorerError::Rejected(_) => Exit::Refused,
        ExplorerError::Invalid(_) => Exit::InvalidData,
        ExplorerError::Url(_) => Exit::Usage,
    };
    let failure = Failure::new(exit, error.code(), error);
    match error {
        ExplorerError::Unreachable { .. } => {
            failure.hint("--explorer URL or SYNOD_EXPLORER; --offline shows what is stored")
        }
        _ => failure,
    }
}
