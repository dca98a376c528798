//! The official vectors of Bitcoin Core 28 and the BIPs, each file whole.
//!
//! They are read from `$SYNOD_VECTORS`, else from `shared/vectors` beside the checkout; where they
//! are absent, each test says so and ends.

mod address;
mod assembly;
mod bip341;
mod files;
mod script;
mod sighash;
mod transaction;
