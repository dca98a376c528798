//! Delegated proof of stake: coins elect delegates, delegates seal in a shuffled order, and
//! what two thirds of them have built on twice can never be reverted.
//!
//! * **Seats.** A round has as many slots as seats. The seats of round r go to the candidates
//!   with the most votes at the last block of round r - 2 ([`Tally`]); of equal votes the
//!   smaller delegate hash. The first two rounds take the state at the bootstrap's end.
//! * **Order.** A shuffle by a seed from the secrets that were revealed up to the end of round
//!   r - 2 ([`Round`]). Whoever withholds a block withholds one bit, and loses its turn.
//! * **Slots.** A block's time is that of its slot; a slot without a block stays empty.
//! * **Bench.** Who misses too many turns sits out and has to renew its registration; who is
//!   proven guilty of a contradiction never sits again.
//! * **Final** is what the Lisk-BFT rule calls irreversible ([`Votes`]): every block is a vote,
//!   no other message is needed.
//! * **Fork choice.** The greater height with a quorum of prevotes, then the greater height,
//!   then the block that came in its slot, then the one seen first; never below what is final.
//!
//! Nothing here has a clock, randomness, floats or a hash map. Memory grows with what is
//! bonded, with the delegates, and with the stored blocks above the last final one;
//! [`MAX_PENDING_ROUNDS`], [`MAX_WATCHED_BLOCKS`], [`MAX_WATCHED_KEYS`], [`MAX_EARLY_BLOCKS`],
//! [`MAX_OWN_KEYS`] and [`MAX_REPORTED_KEYS`] bound what others could blow up.
//!
//! Depends on primitives, chainspec, seal and engine; knows nothing of coins, scripts or
//! transactions: how blocks change the stake comes in with each connected block.

mod bench;
mod chain;
mod duty;
mod engine;
mod proof;
mod roster;
mod round;
mod settings;
mod standing;
mod state_record;
mod tally;
mod tree;
mod votes;

pub use bench::{Diligence, Jailed, MAX_PENDING_ROUNDS};
pub use duty::MAX_OWN_KEYS;
pub use engine::{DelegatedStake, MAX_REPORTED_KEYS};
pub use proof::FinalityProof;
pub use round::{MAX_SEATS, Round, Seat, quorum};
pub use settings::{JailRule, Settings};
pub use standing::{DelegateState, Standing};
pub use tally::{Registration, Tally, Turnout};
pub use tree::{MAX_EARLY_BLOCKS, MAX_WATCHED_BLOCKS, MAX_WATCHED_KEYS};
pub use votes::{Ballot, Votes, VotesUndo};
