//! The validator service: seals blocks and signs votes, and never what could be slashed.
//!
//! It asks its nodes what its keys have to sign ([`run`]), signs under a protection database
//! ([`protection`]) and posts the sealed block or the vote to all of them. The keys are in this
//! process or behind a remote signer ([`run_signer`]), which then has the database. Port 9334
//! by default. Files in the data directory: `lock`, `token`, `protection.sqlite`, `keys/*.key`;
//! beside it `<data>.high-water`, the second place of the protection database.
//!
//! Tasks of [`run`]: one asks for duties and does them, one serves REST, one shows the live
//! line. On a stop a signature that is in the database may not leave any more; the next start
//! gives it again when it is asked for.
//!
//! May depend on: `synod-primitives`, `synod-seal`, `synod-api`, `synod-service`. Must never
//! know: coins, who may seal which slot, how a node stores.

mod app;
pub mod cli;
mod clock;
mod http;
pub mod keys;
mod live_line;
mod metrics;
mod nodes;
pub mod protection;
pub mod signer;
mod state;
mod watch;
mod worker;

pub use app::{SignerConfig, ValidatorConfig, ValidatorError, run, run_signer};
pub use clock::Clock;
pub use http::openapi;
pub use nodes::NodeEndpoint;
pub use watch::Doppelganger;
