//! Stake of a hot or watch-only wallet: finding it, and making transactions that move it.

mod find;

use serde_json::json;
use synod_wallet_core::{
    bitcoin::{OutPoint, Psbt},
    keys::AccountKeys,
    psbt::{Overrides, PsbtError, Review},
    stake::StakeCoin,
    wallet::StakePlan,
};

pub use self::find::{MAX_STAKE_TRANSACTIONS, SlashedStake, Stake, StakeEntry};
use super::{DRAFT_HOLD_SECONDS, HotError, HotWallet, Paid, Turn, now_unix};
use crate::{
    explorer::Explorer,
    store::{Draft, PaymentRow},
};

impl HotWallet {
    /// Builds and reviews a stake transaction without keeping or signing anything.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn preview_stake(&self, plan: &StakePlan) -> Result<Review, HotError> {
        let mut turn = self.begin().await?;
        let psbt = self.build_stake(&mut turn, plan).await?;
        let review = self.review(&turn, psbt);
        // The change address that the build revealed is forgotten with the copy in memory.
        turn.state.revision = -1;
        Ok(review)
    }

    /// Makes, signs and sends a stake transaction; as with a payment it is durable before it is sent.
    ///
    /// # Errors
    /// As [`HotWallet::pay`].
    pub async fn pay_stake(
        &self,
        keys: &AccountKeys,
        explorer: &Explorer,
        plan: &StakePlan,
        overrides: Overrides,
    ) -> Result<Paid, HotError> {
        let mut turn = self.begin().await?;
        let psbt = self.build_stake(&mut turn, plan).await?;
        let signed = self
            .sign_and_keep(&mut turn, psbt, keys, (None, request(plan), overrides))
            .await;
        drop(turn);
        let paid = signed?;
        self.send_kept(explorer, paid.payment).await?;
        Ok(paid)
    }

    /// Makes a PSBT of a stake transaction to be signed elsewhere; the wallet's coins in it are
    /// held for a day.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn draft_stake(
        &self,
        plan: &StakePlan,
        overrides: Overrides,
    ) -> Result<(Review, PaymentRow), HotError> {
        let mut turn = self.begin().await?;
        let psbt = self.build_stake(&mut turn, plan).await?;
        let review = self.review(&turn, psbt);
        let refused = review.refusals(overrides);
        if !refused.is_empty() {
            turn.state.revision = -1;
            return Err(PsbtError::Refused(refused).into());
        }
        let coins = review.inputs.iter().map(|input| input.outpoint);
        // Stake outputs are not coins of the wallet's descriptors: there is nothing to hold.
        let coins = coins.filter(|coin| turn.state.wallet.has_coin(*coin));
        let now = now_unix();
        let draft = Draft {
            request_id: None,
            request: request(plan),
            txid: review.txid,
            raw: None,
            coins: coins.collect(),
            created_at: now,
            expires_at: Some(now + DRAFT_HOLD_SECONDS),
        };
        let id = self.keep(&mut turn, &draft).await?;
        let row = self.store.find_payment(id).await?;
        let row = row.ok_or_else(|| HotError::NotFound(format!("payment {id}")))?;
        Ok((review, row))
    }

    async fn build_stake(&self, turn: &mut Turn<'_>, plan: &StakePlan) -> Result<Psbt, HotError> {
        let mut plan = plan.clone();
        plan.reserved.extend(self.held().await?);
        Ok(turn.state.wallet.build_stake(&plan)?)
    }
}

/// The request as text, as payments have it.
fn request(plan: &StakePlan) -> String {
    let coins: Vec<OutPoint> = plan
        .action
        .coins()
        .iter()
        .map(StakeCoin::outpoint)
        .collect();
    json!({"stake": plan.action.tag(), "coins": coins}).to_string()
}
