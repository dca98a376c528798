//! The ledger from outside: every rule at its limit and one past it, with Core's code.

mod blocks;
mod builders;
mod codecs;
mod coins;
mod connecting;
mod disconnecting;
mod lock_times;
mod quadratic;
mod random_chains;
mod scripts;
mod sigops;
mod transactions;
