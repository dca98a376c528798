//! Making payments: choose coins, review, sign, keep, send.

use serde_json::json;
use synod_wallet_core::{
    bitcoin::{Amount, FeeRate, OutPoint, Psbt, Transaction, Txid, consensus::serialize},
    keys::AccountKeys,
    psbt::{self, Context, Overrides, Review},
    wallet::{Payment, Recipient},
};

use super::{HotError, HotWallet, Turn, now_unix};
use crate::{
    explorer::Explorer,
    store::{Draft, PaymentRow, PaymentState, StoreError},
};

/// How long a PSBT that is out to be signed holds its coins, in seconds (one day).
pub const DRAFT_HOLD_SECONDS: u64 = 24 * 3600;

/// A payment that is asked for.
#[derive(Debug, Clone)]
pub struct PayRequest {
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// The fee rate.
    pub fee_rate: FeeRate,
    /// The caller's id: asked for twice, it is paid once.
    pub request_id: Option<String>,
    /// What is allowed by name.
    pub overrides: Overrides,
}

/// A payment that was made.
#[derive(Debug, Clone)]
pub struct Paid {
    /// Its number.
    pub payment: i64,
    /// The transaction's id.
    pub txid: Txid,
    /// The transaction.
    pub transaction: Transaction,
    /// The fee in satoshis.
    pub fee_sat: Option<u64>,
    /// Whether an earlier call with the same id made it.
    pub is_repeat: bool,
}

impl PayRequest {
    /// The request as text, to compare when its id comes again.
    fn canonical(&self) -> String {
        let recipient = |recipient: &Recipient| {
            json!([
                recipient.address.to_string(),
                recipient.amount.map(Amount::to_sat)
            ])
        };
        json!(self.recipients.iter().map(recipient).collect::<Vec<_>>()).to_string()
    }

    fn payment(&self, reserved: Vec<OutPoint>) -> Payment {
        Payment {
            recipients: self.recipients.clone(),
            fee_rate: self.fee_rate,
            reserved,
        }
    }
}

impl HotWallet {
    /// Builds and reviews a payment without keeping or signing anything.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn preview(&self, request: &PayRequest) -> Result<Review, HotError> {
        let mut turn = self.begin().await?;
        let psbt = turn
            .state
            .wallet
            .build_payment(&request.payment(self.held().await?))?;
        let review = self.review(&turn, psbt);
        // The change address that the build revealed is forgotten with the copy in memory.
        turn.state.revision = -1;
        Ok(review)
    }

    /// Pays: the signed transaction is durable before it is sent, and after a crash the same one is sent again.
    ///
    /// # Errors
    /// When it cannot be built, a safety rule refuses, or the network does. When the explorer does
    /// not answer, the payment is kept and sent at the next sync.
    pub async fn pay(
        &self,
        keys: &AccountKeys,
        explorer: &Explorer,
        request: &PayRequest,
    ) -> Result<Paid, HotError> {
        if let Some(earlier) = self.earlier(request).await? {
            return self.repeat(explorer, earlier).await;
        }
        let mut turn = self.begin().await?;
        let psbt = turn
            .state
            .wallet
            .build_payment(&request.payment(self.held().await?))?;
        let signed = self
            .sign_and_keep(
                &mut turn,
                psbt,
                keys,
                (
                    request.request_id.clone(),
                    request.canonical(),
                    request.overrides,
                ),
            )
            .await;
        drop(turn);
        let paid = match signed {
            // Another process took the id between our look and our write.
            Err(HotError::Store(StoreError::RequestIdTaken)) => {
                let earlier = self
                    .earlier(request)
                    .await?
                    .ok_or(HotError::RequestMismatch)?;
                return self.repeat(explorer, earlier).await;
            }
            other => other?,
        };
        self.send_kept(explorer, paid.payment).await?;
        Ok(paid)
    }

    /// Replaces an unconfirmed payment by one with a higher fee.
    ///
    /// # Errors
    /// As [`HotWallet::pay`].
    pub async fn bump(
        &self,
        keys: &AccountKeys,
        explorer: &Explorer,
        (txid, fee_rate): (Txid, FeeRate),
        overrides: Overrides,
    ) -> Result<Paid, HotError> {
        let mut turn = self.begin().await?;
        let psbt = turn
            .state
            .wallet
            .build_bump(txid, fee_rate, &self.held().await?)?;
        let request = json!({"bump": txid}).to_string();
        let signed = self
            .sign_and_keep(&mut turn, psbt, keys, (None, request, overrides))
            .await;
        drop(turn);
        let paid = signed?;
        self.send_kept(explorer, paid.payment).await?;
        let mut turn = self.begin().await?;
        turn.state.wallet.apply_evicted(txid, now_unix());
        self.save(&mut turn).await?;
        turn.state.revision = self.store.mark_replaced(txid).await?;
        Ok(paid)
    }

    /// Makes a PSBT to be signed elsewhere; its coins are held for a day.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn draft(&self, request: &PayRequest) -> Result<(Review, PaymentRow), HotError> {
        let mut turn = self.begin().await?;
        let psbt = turn
            .state
            .wallet
            .build_payment(&request.payment(self.held().await?))?;
        let review = self.review(&turn, psbt);
        let refused = review.refusals(request.overrides);
        if !refused.is_empty() {
            turn.state.revision = -1;
            return Err(psbt::PsbtError::Refused(refused).into());
        }
        let now = now_unix();
        let draft = Draft {
            request_id: request.request_id.clone(),
            request: request.canonical(),
            txid: review.txid,
            raw: None,
            coins: review.inputs.iter().map(|input| input.outpoint).collect(),
            created_at: now,
            expires_at: Some(now + DRAFT_HOLD_SECONDS),
        };
        let id = self.keep(&mut turn, &draft).await?;
        let row = self
            .store
            .find_payment(id)
            .await?
            .ok_or_else(|| HotError::NotFound(format!("payment {id}")))?;
        Ok((review, row))
    }

    /// The coins that other payments hold.
    pub(super) async fn held(&self) -> Result<Vec<OutPoint>, HotError> {
        Ok(self
            .store
            .reserved()
            .await?
            .into_iter()
            .map(|(coin, _)| coin)
            .collect())
    }

    pub(super) fn review(&self, turn: &Turn<'_>, psbt: Psbt) -> Review {
        let revealed = turn.state.wallet.revealed();
        psbt::review(
            psbt,
            Context {
                descriptors: Some(&self.descriptors),
                signed: &[],
                revealed,
            },
        )
    }

    pub(super) async fn sign_and_keep(
        &self,
        turn: &mut Turn<'_>,
        psbt: Psbt,
        keys: &AccountKeys,
        (request_id, request, overrides): (Option<String>, String, Overrides),
    ) -> Result<Paid, HotError> {
        let review = self.review(turn, psbt);
        let fee_sat = review.fee_sat;
        let coins = review.inputs.iter().map(|input| input.outpoint).collect();
        let signed = review
            .permit(overrides)
            .and_then(|permitted| permitted.sign(keys))
            .and_then(|s| psbt::finalize(s.psbt));
        let (_, transaction) = match signed {
            Ok(signed) => signed,
            Err(error) => {
                turn.state.revision = -1;
                return Err(error.into());
            }
        };
        let (txid, raw) = (transaction.compute_txid(), Some(serialize(&transaction)));
        let draft = Draft {
            request_id,
            request,
            txid,
            raw,
            coins,
            created_at: now_unix(),
            expires_at: None,
        };
        let payment = self.keep(turn, &draft).await?;
        Ok(Paid {
            payment,
            txid,
            transaction,
            fee_sat,
            is_repeat: false,
        })
    }

    /// Stores a payment, its coins and the change address in one transaction.
    pub(super) async fn keep(&self, turn: &mut Turn<'_>, draft: &Draft) -> Result<i64, HotError> {
        let changes = turn.state.wallet.take_changes();
        match self.store.insert_payment(draft, changes.as_ref()).await {
            Ok((id, revision)) => {
                turn.state.revision = revision;
                Ok(id)
            }
            Err(error) => Err(turn.spoil(error)),
        }
    }

    pub(super) async fn send_kept(
        &self,
        explorer: &Explorer,
        payment: i64,
    ) -> Result<(), HotError> {
        match self.store.find_payment(payment).await? {
            Some(row) if row.state == PaymentState::Signed => self.deliver(explorer, &row).await,
            _ => Ok(()),
        }
    }

    async fn earlier(&self, request: &PayRequest) -> Result<Option<PaymentRow>, HotError> {
        let Some(id) = &request.request_id else {
            return Ok(None);
        };
        let earlier = self.store.find_request(id).await?;
        match earlier {
            Some(row) if row.request != request.canonical() => Err(HotError::RequestMismatch),
            found => Ok(found),
        }
    }

    /// Answers a repeated request with the payment that was made for it.
    async fn repeat(&self, explorer: &Explorer, earlier: PaymentRow) -> Result<Paid, HotError> {
        if earlier.state == PaymentState::Failed {
            return Err(HotError::RequestFailed(earlier.error.unwrap_or_default()));
        }
        let Some(transaction) = earlier.transaction.clone() else {
            return Err(HotError::RequestMismatch);
        };
        self.send_kept(explorer, earlier.id).await?;
        let history = self.history().await?;
        let fee_sat = history
            .iter()
            .find(|entry| entry.txid == earlier.txid)
            .and_then(|entry| entry.fee_sat);
        Ok(Paid {
            payment: earlier.id,
            txid: earlier.txid,
            transaction,
            fee_sat,
            is_repeat: true,
        })
    }
}
