//! What a network says of its stake.

use serde::{Deserialize, Serialize};

/// The terms of a network's stake, as its explorer tells them.
///
/// Nothing in a transaction binds a network to these numbers, so whoever cannot ask the network
/// itself takes them as a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakeTerms {
    /// The engine: `pos` or `dpos`.
    pub engine: String,
    /// The least amount of a bond, in satoshis.
    pub min_bond_sat: u64,
    /// The least amount of another stake output that counts, in satoshis.
    pub min_delegation_sat: u64,
    /// Blocks after which unbonding stake can be taken out.
    pub unbonding_blocks: u32,
    /// How much of a guilty key's stake is lost, in hundredths.
    pub slash_percent: u32,
    /// The most that moving stake may take of it, in satoshis.
    pub fee_cap_sat: u64,
}

impl StakeTerms {
    /// Tells whether stake outputs past the registrations are votes, which are never slashed and
    /// can be taken out at any time.
    pub fn has_liquid_votes(&self) -> bool {
        self.engine == "dpos"
    }
}
