//! What a PSBT really does, computed from what can be proven and nothing else.

use bdk_wallet::{
    KeychainKind,
    bitcoin::{OutPoint, Psbt, TxOut, Txid, hex::DisplayHex},
};
use serde::Serialize;

use super::{
    Finding, PsbtError, Severity,
    amounts::{Coin, coin},
    fees::{OutputSums, check_fee, expected_size_vb, fee},
    ownership::{check_inputs, input_places, input_views, output_views},
    stake::{
        OwnStake, RegistrationView, StakeView, check_outputs, check_stake, own_stakes, registration,
    },
};
use crate::{
    descriptors::Descriptors,
    keystore::{Revealed, SignedRecord},
    stake::{StakeTerms, find_terms},
};

/// What the reviewer knows beside the PSBT.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The wallet's descriptors; without them everything counts as foreign.
    pub descriptors: Option<&'a Descriptors>,
    /// What was signed before.
    pub signed: &'a [SignedRecord],
    /// How many addresses are known to be in use.
    pub revealed: Revealed,
}

/// Refused findings that the user allows by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// `--allow-high-fee`.
    pub high_fee: bool,
    /// `--allow-unverified-change`.
    pub unverified_change: bool,
    /// `--allow-sighash`.
    pub sighash: bool,
    /// `--allow-replacement`.
    pub replacement: bool,
}

/// A place in the wallet: which keychain, which index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Receiving or change.
    pub keychain: KeychainKind,
    /// The address index.
    pub index: u32,
}

/// Whose an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Role {
    /// A payment to someone else.
    Payment,
    /// Change of this wallet, derived here.
    Change {
        /// The change index.
        index: u32,
    },
    /// A receiving address of this wallet, derived here.
    Own {
        /// The address index.
        index: u32,
    },
    /// Stake that this wallet's owner key can take out again.
    Stake,
    /// What a bond in this transaction says of its key; it carries no coins.
    Registration,
}

/// One input.
#[derive(Debug, Clone, Serialize)]
pub struct InputView {
    /// The coin that is spent.
    pub outpoint: OutPoint,
    /// Its address, where it has one.
    pub address: Option<String>,
    /// Its amount in satoshis; `None` when the PSBT does not tell.
    pub amount_sat: Option<u64>,
    /// Whether the amount is proven by the whole previous transaction.
    pub is_proven: bool,
    /// Whether the coin is this wallet's.
    pub is_own: bool,
    /// The number of signatures on it.
    pub signatures: usize,
    /// Whether it is finalized.
    pub is_final: bool,
    /// The stake that is spent, where it is this wallet's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake: Option<StakeView>,
}

/// One output.
#[derive(Debug, Clone, Serialize)]
pub struct OutputView {
    /// The address, whole; `None` where the script has none.
    pub address: Option<String>,
    /// The script in hex.
    pub script: String,
    /// Satoshis.
    pub amount_sat: u64,
    /// Whose it is.
    #[serde(flatten)]
    pub role: Role,
    /// The stake that the output holds, whoever owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake: Option<StakeView>,
}

/// What a PSBT does and what speaks against it.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// Id of the unsigned transaction.
    pub txid: Txid,
    /// The inputs, in order.
    pub inputs: Vec<InputView>,
    /// The outputs, in order.
    pub outputs: Vec<OutputView>,
    /// The sum sent to others, in satoshis.
    pub sent_sat: u64,
    /// The sum that is locked as this wallet's stake, in satoshis.
    pub locked_sat: u64,
    /// The sum that comes back to this wallet, in satoshis.
    pub returned_sat: u64,
    /// The fee, computed here; `None` when an amount is missing.
    pub fee_sat: Option<u64>,
    /// The fee rate in satoshis per 1000 virtual bytes, at the expected size.
    pub fee_rate_sat_per_kvb: Option<u64>,
    /// The expected size with all signatures, in virtual bytes.
    pub size_vb: u64,
    /// The lock time as a number.
    pub lock_time: u32,
    /// Whether the transaction signals that it may be replaced (BIP125).
    pub is_replaceable: bool,
    /// What a bond in this transaction says of its key.
    pub registration: Option<RegistrationView>,
    /// What the PSBT claims of the network's terms of stake; nothing proves it.
    pub claimed_terms: Option<StakeTerms>,
    /// What speaks against signing.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    psbt: Psbt,
    #[serde(skip)]
    coins: Vec<Option<Coin>>,
    #[serde(skip)]
    places: Vec<Option<Place>>,
    #[serde(skip)]
    stakes: Vec<Option<OwnStake>>,
}

/// A PSBT that passed review and may be signed.
#[derive(Debug)]
pub struct Permitted {
    pub(super) psbt: Psbt,
    pub(super) prevouts: Vec<TxOut>,
    pub(super) places: Vec<Option<Place>>,
    pub(super) stakes: Vec<Option<OwnStake>>,
    record: SignedRecord,
    revealed: Revealed,
}

impl Permitted {
    /// Returns what to remember once it is signed.
    pub fn record(&self) -> &SignedRecord {
        &self.record
    }

    /// Returns the numbers of addresses that are in use with this transaction.
    pub fn revealed(&self) -> Revealed {
        self.revealed
    }
}

/// Reviews a PSBT. It never fails: what is wrong is a finding.
pub fn review(psbt: Psbt, context: Context<'_>) -> Review {
    let mut findings = Vec::new();
    let coins: Vec<Option<Coin>> = (0..psbt.inputs.len())
        .map(|i| {
            coin(&psbt, i)
                .map_err(|finding| findings.push(finding))
                .ok()
        })
        .collect();
    let stakes = own_stakes(&psbt, &coins, context, &mut findings);
    let places = input_places(&psbt, (&coins, &stakes), context, &mut findings);
    check_inputs(&psbt, (&coins, &stakes), &places, context, &mut findings);
    let outputs = output_views(&psbt, context, &mut findings);
    check_stake(&stakes, &outputs, &mut findings);
    check_outputs(&psbt, &outputs, &mut findings);
    let sums = OutputSums::of(&outputs, &mut findings);
    let fee_sat = fee(&coins, sums.total(), &mut findings);
    let size_vb = expected_size_vb(&psbt, &coins);
    let fee_rate_sat_per_kvb = fee_sat.map(|fee| fee.saturating_mul(1000) / size_vb.max(1));
    check_fee(fee_sat, fee_rate_sat_per_kvb, sums, &mut findings);
    let mut review = Review {
        txid: psbt.unsigned_tx.compute_txid(),
        inputs: input_views(&psbt, (&coins, &stakes), &places),
        outputs,
        sent_sat: sums.sent,
        locked_sat: sums.locked,
        returned_sat: sums.returned,
        fee_sat,
        fee_rate_sat_per_kvb,
        size_vb,
        lock_time: psbt.unsigned_tx.lock_time.to_consensus_u32(),
        is_replaceable: psbt.unsigned_tx.is_explicitly_rbf(),
        registration: registration(&psbt).map(|it| RegistrationView {
            delegate: it.delegate(),
            anchor: it.anchor().to_lower_hex_string(),
            name: it.name().map(str::to_owned),
        }),
        claimed_terms: find_terms(&psbt),
        findings,
        psbt,
        coins,
        places,
        stakes,
    };
    review.check_history(context.signed);
    review
}

impl Review {
    /// Returns the findings that refuse signing, given what the user allows.
    pub fn refusals(&self, overrides: Overrides) -> Vec<Finding> {
        let allowed = |finding: &&Finding| match finding.flag() {
            Some("--allow-high-fee") => overrides.high_fee,
            Some("--allow-unverified-change") => overrides.unverified_change,
            Some("--allow-sighash") => overrides.sighash,
            Some("--allow-replacement") => overrides.replacement,
            _ => false,
        };
        let refused = self
            .findings
            .iter()
            .filter(|f| f.severity() == Severity::Refusal && !allowed(f));
        refused.cloned().collect()
    }

    /// Returns the findings that only warn.
    pub fn warnings(&self) -> Vec<Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity() == Severity::Warning)
            .cloned()
            .collect()
    }

    /// Returns what the fee is held against, in satoshis: what is sent, else what is locked, else
    /// what comes back.
    pub fn weighed_sat(&self) -> u64 {
        let sums = OutputSums {
            sent: self.sent_sat,
            locked: self.locked_sat,
            returned: self.returned_sat,
        };
        sums.weighed()
    }

    /// Returns the PSBT that was reviewed.
    pub fn psbt(&self) -> &Psbt {
        &self.psbt
    }

    /// Lets the PSBT pass to signing, or refuses it.
    ///
    /// # Errors
    /// [`PsbtError::Refused`] with every finding that is not allowed.
    pub fn permit(self, overrides: Overrides) -> Result<Permitted, PsbtError> {
        let mut refused = self.refusals(overrides);
        if self.places.iter().all(Option::is_none) && self.stakes.iter().all(Option::is_none) {
            refused.push(Finding::NothingToSign);
        }
        if !refused.is_empty() {
            return Err(PsbtError::Refused(refused));
        }
        let (record, revealed) = (self.record(), self.revealed());
        let prevouts = self
            .coins
            .into_iter()
            .flatten()
            .map(|coin| coin.output)
            .collect();
        Ok(Permitted {
            psbt: self.psbt,
            prevouts,
            places: self.places,
            stakes: self.stakes,
            record,
            revealed,
        })
    }

    /// The payment as it is remembered: own coins, and what others are paid.
    fn record(&self) -> SignedRecord {
        let own = self
            .inputs
            .iter()
            .filter(|input| input.is_own)
            .map(|input| input.outpoint);
        let paid = self
            .outputs
            .iter()
            .filter(|output| matches!(output.role, Role::Payment | Role::Stake));
        let mut payments: Vec<_> = paid
            .map(|output| (output.script.clone(), output.amount_sat))
            .collect();
        payments.sort();
        SignedRecord {
            txid: self.txid,
            inputs: own.collect(),
            payments,
        }
    }

    fn revealed(&self) -> Revealed {
        let mut revealed = Revealed::default();
        for output in &self.outputs {
            match output.role {
                Role::Change { index } => {
                    revealed.internal = revealed.internal.max(index.saturating_add(1));
                }
                Role::Own { index } => {
                    revealed.external = revealed.external.max(index.saturating_add(1));
                }
                Role::Payment | Role::Stake | Role::Registration => {}
            }
        }
        revealed
    }

    fn check_history(&mut self, signed: &[SignedRecord]) {
        let this = self.record();
        for earlier in signed
            .iter()
            .rev()
            .filter(|earlier| earlier.txid != this.txid)
        {
            if earlier.inputs.iter().any(|coin| this.inputs.contains(coin)) {
                self.findings
                    .push(Finding::ConflictsWithSigned(earlier.txid));
            } else if !this.payments.is_empty() && earlier.payments == this.payments {
                self.findings.push(Finding::SamePaymentSigned(earlier.txid));
            }
        }
        // Bounded by the record's own limit; one of each kind says enough.
        let mut seen = (false, false);
        self.findings.retain(|finding| match finding {
            Finding::ConflictsWithSigned(_) => !std::mem::replace(&mut seen.0, true),
            Finding::SamePaymentSigned(_) => !std::mem::replace(&mut seen.1, true),
            _ => true,
        });
    }
}
