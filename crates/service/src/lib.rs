//! The service kit: what every service of Synod does in the same way.
//!
//! * [`serve`] runs a router over HTTP/1.1 with limits on connections, headers, bodies and
//!   writes, and stops in two steps ([`Shutdown`]).
//! * [`App`] wraps a service's routes: request ids, Host and Origin checks, CORS, overload
//!   refusals, time limits, problem documents for every error, health, metrics, OpenAPI.
//! * [`extract`] reads paths, queries and bodies and refuses with problem documents.
//! * [`Token`], [`DataDir`], [`config`], [`logging`], [`EventLog`], [`cache`]: what they say.
//!
//! A service has the shape `pub async fn run(config, listener, shutdown) -> Result<()>`: it gets
//! a bound listener ([`bind`]) and a [`Shutdown`], returns when all its tasks have ended, and
//! never touches process-wide state, so that many run in one process.
//!
//! May depend on: `synod-api`. Must never know: any service.

mod access;
mod app;
pub mod auth;
pub mod cache;
pub mod config;
mod data_dir;
pub mod docs;
mod error;
mod event_journal;
mod event_log;
pub mod extract;
pub mod health;
mod limits;
mod live_line;
pub mod logging;
mod metrics;
mod per_address;
mod rate;
mod request_id;
mod secret_file;
mod server;
mod shutdown;
mod stack;
mod stream;

pub use access::AccessPolicy;
pub use app::App;
pub use auth::Token;
pub use data_dir::{DataDir, DataDirError};
pub use error::ApiError;
pub use event_journal::PastEvent;
pub use event_log::{EventLog, EventRequest};
pub use extract::{Json, Path, Query, RawOrHex};
pub use health::{Check, Health};
pub use limits::{Limits, RouteClass};
pub use live_line::show_live_line;
pub use metrics::Metrics;
pub use rate::{MAX_RATED_ADDRESSES, Rate};
pub use request_id::RequestId;
pub use secret_file::{SecretFileError, create_secret, read_secret};
pub use server::{BindError, bind, serve};
pub use shutdown::Shutdown;
pub use stack::{BodyLimit, body_limit};
