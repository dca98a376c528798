//! The wallet service's bodies: `/v1/wallets[/{name}[/addresses|/balance|/history|/psbts|/payments]]`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex};

/// The most recipients of one payment.
pub const MAX_RECIPIENTS: usize = 250;
/// The most characters of a wallet's name.
pub const MAX_NAME: usize = 64;
/// The most characters of a label.
pub const MAX_LABEL: usize = 255;

/// A wallet: `GET /v1/wallets/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletBody {
    /// Its name.
    pub name: String,
    /// The network that its addresses belong to.
    pub network: String,
    /// True when it holds no keys.
    pub watch_only: bool,
    /// The public descriptor of receiving addresses.
    pub external_descriptor: String,
    /// The public descriptor of change addresses.
    pub internal_descriptor: String,
    /// The height that it has seen; null before the first synchronisation.
    pub height: Option<u32>,
}

/// All wallets: `GET /v1/wallets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletList {
    /// The wallets by name.
    pub wallets: Vec<WalletBody>,
}

/// Makes a wallet: `POST /v1/wallets`; with descriptors a watch-only one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWallet {
    /// Its name: small letters, digits, `-` and `_`; begins with a letter or digit.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", max_length = 64)]
    pub name: String,
    /// Encrypts the keys of a new hot wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// The public descriptor of receiving addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_descriptor: Option<String>,
    /// The public descriptor of change addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_descriptor: Option<String>,
    /// The height before which the wallet has no payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthday: Option<u32>,
}

impl std::fmt::Debug for CreateWallet {
    /// Security: the passphrase never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateWallet")
            .field("name", &self.name)
            .field("external_descriptor", &self.external_descriptor)
            .field("internal_descriptor", &self.internal_descriptor)
            .field("birthday", &self.birthday)
            .finish_non_exhaustive()
    }
}

/// Asks for an address: `POST /v1/wallets/{name}/addresses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub label: Option<String>,
}

/// An address of a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressBody {
    /// The address.
    pub address: String,
    /// Its index in the derivation path.
    pub index: u32,
    /// `external` or `internal`.
    pub keychain: String,
    /// What it is for.
    pub label: Option<String>,
    /// True when a payment to it is known.
    pub used: bool,
}

/// A wallet's addresses by index: `GET /v1/wallets/{name}/addresses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressPage {
    /// The addresses.
    pub items: Vec<AddressBody>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// What a wallet holds: `GET /v1/wallets/{name}/balance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BalanceBody {
    /// Confirmed and spendable.
    pub confirmed_sat: AmountSat,
    /// Unconfirmed change of the wallet's own payments.
    pub trusted_pending_sat: AmountSat,
    /// Unconfirmed payments of others.
    pub untrusted_pending_sat: AmountSat,
    /// Coinbase outputs that may not be spent yet.
    pub immature_sat: AmountSat,
    /// All of these.
    pub total_sat: AmountSat,
}

/// A transaction that touches a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// The transaction's id.
    pub txid: HashHex,
    /// What it pays to the wallet.
    pub received_sat: AmountSat,
    /// What it spends of the wallet.
    pub sent_sat: AmountSat,
    /// Its fee, where all inputs are known.
    pub fee_sat: Option<AmountSat>,
    /// Its block's height; null while unconfirmed.
    pub height: Option<u32>,
    /// Its block's time, or when it was first seen, in Unix seconds.
    pub time: Option<u64>,
    /// Blocks from its own on; 0 while unconfirmed.
    pub confirmations: u32,
    /// What it is for.
    pub label: Option<String>,
}

/// A wallet's transactions from the newest on: `GET /v1/wallets/{name}/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryPage {
    /// The transactions.
    pub items: Vec<HistoryEntry>,
    /// Where the next page starts; null on the last.
    pub next_cursor: Option<String>,
}

/// Who is paid how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// The amount.
    pub amount_sat: AmountSat,
}

/// Asks for an unsigned payment: `POST /v1/wallets/{name}/psbts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePsbt {
    /// Who is paid, at most 250.
    #[schema(max_items = 250)]
    pub recipients: Vec<Recipient>,
    /// The fee rate in sat/vB; the network's estimate, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_rate_sat_vb: Option<f64>,
}

/// A partially signed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PsbtBody {
    /// BIP174 in Base64.
    pub psbt: String,
    /// The transaction's id.
    pub txid: HashHex,
    /// Its fee.
    pub fee_sat: AmountSat,
    /// True when nothing is missing to broadcast it.
    pub is_complete: bool,
}

/// Pays: `POST /v1/wallets/{name}/payments`; with the header `Idempotency-Key` at most once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePayment {
    /// Who is paid, at most 250.
    #[schema(max_items = 250)]
    pub recipients: Vec<Recipient>,
    /// The fee rate in sat/vB; the network's estimate, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_rate_sat_vb: Option<f64>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub label: Option<String>,
}

/// A payment that was broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentBody {
    /// The transaction's id.
    pub txid: HashHex,
    /// Its fee.
    pub fee_sat: AmountSat,
    /// Its virtual bytes.
    pub vsize: u32,
}
