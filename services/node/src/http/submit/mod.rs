//! Giving blocks and transactions to the node.

mod block;
mod package;
mod test_transaction;
mod transaction;

pub(crate) use block::submit as submit_assembled;
use synod_api::node::{MAX_BLOCK_BYTES, MAX_PACKAGE, MAX_TRANSACTION_BYTES};
use synod_service::body_limit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

/// Hex is twice as long as what it stands for, and a line may end it.
const HEX_AND_LINE_END: usize = 2;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let hex = |bytes: usize| body_limit(2 * bytes + HEX_AND_LINE_END);
    let blocks = OpenApiRouter::new()
        .routes(routes!(block::submit_block))
        .layer(hex(MAX_BLOCK_BYTES));
    let transactions = OpenApiRouter::new()
        .routes(routes!(transaction::submit_transaction))
        .routes(routes!(test_transaction::test_transaction))
        .layer(hex(MAX_TRANSACTION_BYTES));
    let packages = OpenApiRouter::new()
        .routes(routes!(package::submit_package))
        .layer(body_limit(2 * MAX_PACKAGE * 101_000 + 4 * MAX_PACKAGE));
    blocks.merge(transactions).merge(packages)
}
