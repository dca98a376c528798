//! Pages for people: complete without JavaScript, live with a little of it.

mod address;
mod assets;
mod block;
mod failure;
mod faucet;
mod flow;
mod home;
mod html;
mod mempool;
mod page;
mod parts;
mod preferences;
mod reorgs;
mod seal;
mod search;
mod stake;
mod transaction;
mod words;

use axum::Router;
use axum::routing::{any, get, post};

use crate::http::state::Explorer;

/// The routes of the pages.
pub(crate) fn routes() -> Router<Explorer> {
    Router::new()
        .route("/", get(home::home))
        .route("/block/{name}", get(block::block))
        .route("/blocks", get(block::list))
        .route("/tx/{txid}", get(transaction::transaction))
        .route("/address/{address}", get(address::address))
        .route("/scripthash/{hash}", get(address::script))
        .route("/mempool", get(mempool::mempool))
        .route("/reorgs", get(reorgs::reorgs))
        .route("/validators", get(stake::validators))
        .route("/validator/{delegate}", get(stake::validator))
        .route("/finality", get(stake::finality))
        .route("/evidence", get(stake::evidence))
        .route("/faucet", get(faucet::form))
        .route("/faucet/send", post(faucet::send))
        .route("/search", get(search::search))
        .route("/preferences", get(preferences::remember))
        .route("/assets/{file}", get(assets::asset))
        .route("/favicon.ico", get(assets::icon))
        .route("/{*rest}", any(failure::no_such_page))
}
