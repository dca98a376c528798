//! Stake: outputs that bond coins to a sealing key, the ways to spend them, and what blocks
//! must show under engines that live on them. A chain spec switches all of it on; under proof
//! of work these outputs are unknown witness versions like any other.
//!
//! A stake output is witness version 2 (bonded) or 3 (unbonding), its program the owner's and
//! the delegate's hash. The last item of a spending witness, the tag, says how it is spent:
//!
//! | tag | spends | witness before the tag | the transaction must |
//! |---|---|---|---|
//! | `00` unbond | bonded | signature, key | pay the same programs in version 3, less the fee cap |
//! | `01` re-delegate | votes | signature, key | pay the same owner in version 2, less the fee cap |
//! | `02` slash | any with a delegate | two statements | burn the penalty, keep the rest for the owner |
//! | `03` withdraw | unbonding, when its time is over; votes | signature, key | nothing |
//! | `04` renew | registrations, under delegated stake | signature, key | register the same program again, less the fee cap |
//!
//! *Registrations and votes.* An output of version 2 at index 1 is a registration: the output
//! at index 0 carries its delegate's anchor, and it has the least amount of a bond. At any
//! other index it is a delegation; under delegated stake that is a vote, which is liquid and
//! cannot be slashed. So what a coin is can be told from its outpoint alone.
//!
//! Values are conserved with checked arithmetic: what is slashed equals burned, reward, fee and
//! rest together. What is left of a slashed bond stands for nobody, so one crime is paid once.

mod change;
mod coinbase;
mod create;
mod error;
mod owner;
mod report;
mod rules;
mod slash;
mod spend;

pub use change::stake_change;
pub(crate) use coinbase::check_sealed_coinbase;
pub use create::check_stake_outputs;
pub use error::{SealRuleError, StakeError};
pub use report::{MAX_SLASHED_INPUTS, report_transaction};
pub use rules::{REGISTRATION_INDEX, StakeRules};
pub use spend::{
    MAX_STAKE_WITNESS_ITEM, StakeTag, check_stake_inputs, is_stake_script, stake_lock,
    stake_sigop_cost,
};
