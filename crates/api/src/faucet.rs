//! The faucet: `POST /faucet` of the explorer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AmountSat, HashHex};

/// Asks for coins of a test network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaucetRequest {
    /// The address to pay.
    #[schema(examples("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"))]
    pub address: String,
    /// The amount in satoshis.
    pub amount: AmountSat,
}

/// The payment that the faucet made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaucetPayment {
    /// The transaction that pays.
    pub txid: HashHex,
    /// The address that is paid.
    pub address: String,
    /// The amount in satoshis.
    pub amount: AmountSat,
}
