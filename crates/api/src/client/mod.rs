//! Typed clients of the services.
//!
//! Security: a service is not trusted more than any other peer. Redirects are not followed, a
//! proxy of the environment is not used, each request has a time limit, and an answer is read
//! no further than its limit, whatever length it claims.

mod error;
mod events;
mod explorer;
mod http;
mod miner;
mod node;
mod sse;
mod validator;
mod wallet;

/// The time that a service may take for work on request: a block, a package, blocks to mine.
const SLOW_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);

pub use error::ClientError;
pub use events::EventStream;
pub use explorer::ExplorerClient;
pub use http::ClientOptions;
pub use miner::MinerClient;
pub use node::NodeClient;
pub use validator::ValidatorClient;
pub use wallet::WalletClient;
