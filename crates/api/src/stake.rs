//! What an explorer says of a network's stake: `GET /api/stake`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::node::StakeTerms;

/// The engine and its terms of stake, as wallets need them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StakeStatus {
    /// The engine: `pow`, `pos` or `dpos`.
    pub engine: String,
    /// The height of the last final block; null where none is known to be.
    pub final_height: Option<u32>,
    /// The terms; null under an engine without stake.
    pub terms: Option<StakeTerms>,
}
