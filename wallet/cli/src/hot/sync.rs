//! Syncing with the explorer, and settling the payments that wait for it.

use super::{HotError, HotWallet, STOP_GAP, now_unix};
use crate::{
    explorer::{Explorer, ExplorerError},
    store::{PaymentRow, PaymentState},
};

impl HotWallet {
    /// Takes in what is new; the first time, or when `full` is set, everything from the first address on.
    ///
    /// # Errors
    /// When the explorer gives no usable answer; the wallet is then as before.
    pub async fn sync(
        &self,
        explorer: &Explorer,
        full: bool,
        stop_gap: usize,
    ) -> Result<(), HotError> {
        let now = now_unix();
        let update = if full || self.store.synced_at().await?.is_none() {
            let request = self.begin().await?.state.wallet.full_scan_request(now);
            explorer.full_scan(request, stop_gap.max(1)).await?
        } else {
            let request = self.begin().await?.state.wallet.sync_request(now);
            explorer.sync(request).await?
        };
        let mut turn = self.begin().await?;
        turn.state.wallet.apply(update)?;
        let changes = turn.state.wallet.take_changes();
        match self.store.save_sync(changes.as_ref(), now).await {
            Ok(revision) => turn.state.revision = revision,
            Err(error) => return Err(turn.spoil(error)),
        }
        drop(turn);
        self.settle(explorer).await
    }

    /// Syncs as usual.
    ///
    /// # Errors
    /// As [`HotWallet::sync`].
    pub async fn refresh(&self, explorer: &Explorer) -> Result<(), HotError> {
        self.sync(explorer, false, STOP_GAP).await
    }

    /// Broadcasts again what was signed and may not have arrived, and frees what drafts no longer hold.
    async fn settle(&self, explorer: &Explorer) -> Result<(), HotError> {
        for payment in self.store.payments_in(PaymentState::Signed).await? {
            match self.deliver(explorer, &payment).await {
                // The payment's end is noted with its reason; the sync itself is fine.
                Ok(()) | Err(HotError::Explorer(ExplorerError::Rejected(_))) => {}
                Err(error) => return Err(error),
            }
        }
        let mut turn = self.begin().await?;
        let now = now_unix();
        let reserved = self.store.reserved().await?;
        for draft in self.store.payments_in(PaymentState::Draft).await? {
            let is_expired = draft.expires_at.is_some_and(|end| end <= now);
            let mut held = reserved.iter().filter(|(_, payment)| *payment == draft.id);
            let is_used = held.any(|(coin, _)| !turn.state.wallet.has_coin(*coin));
            if is_expired || is_used {
                turn.state.revision = self
                    .store
                    .end_payment(draft.id, PaymentState::Released, None, None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Hands a signed payment to the network and notes how that ended.
    ///
    /// Correctness: the same bytes may be sent any number of times; a transaction that the network
    /// knows already, or that is confirmed, counts as delivered.
    pub(super) async fn deliver(
        &self,
        explorer: &Explorer,
        payment: &PaymentRow,
    ) -> Result<(), HotError> {
        let Some(transaction) = payment.transaction.clone() else {
            return Ok(());
        };
        let refusal = match explorer.broadcast(&transaction).await {
            Ok(()) => None,
            Err(ExplorerError::Rejected(_)) if explorer.status(payment.txid).await?.is_some() => {
                None
            }
            Err(ExplorerError::Rejected(reason)) => Some(reason),
            // Whether it arrived is not known: it is kept and sent again at the next sync.
            Err(error) => return Err(error.into()),
        };
        let mut turn = self.begin().await?;
        let state = if refusal.is_some() {
            PaymentState::Failed
        } else {
            PaymentState::Broadcast
        };
        if refusal.is_none() {
            turn.state.wallet.apply_unconfirmed(transaction, now_unix());
        }
        let changes = turn.state.wallet.take_changes();
        match self
            .store
            .end_payment(payment.id, state, refusal.as_deref(), changes.as_ref())
            .await
        {
            Ok(revision) => turn.state.revision = revision,
            Err(error) => return Err(turn.spoil(error)),
        }
        match refusal {
            Some(reason) => Err(ExplorerError::Rejected(reason).into()),
            None => Ok(()),
        }
    }
}
