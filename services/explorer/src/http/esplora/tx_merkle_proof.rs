//! `GET /tx/{txid}/merkle-proof`.

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::parse;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Where a transaction is in its block's Merkle tree.
#[derive(Serialize, ToSchema)]
#[schema(as = MerkleProof)]
pub(crate) struct MerkleProofBody {
    /// The block's height.
    block_height: u32,
    /// The hashes beside the way to the root, from the leaf up.
    merkle: Vec<String>,
    /// The position in the block.
    pos: u32,
}

/// Proof that a transaction is in a block
///
/// As the Electrum protocol's `blockchain.transaction.get_merkle` gives it.
#[utoipa::path(
    get,
    path = "/tx/{txid}/merkle-proof",
    operation_id = "getTxMerkleProof",
    tag = "esplora",
    params(("txid" = String, Path, description = "The transaction's id in hex.")),
    responses(
        (status = 200, description = "The proof.", body = MerkleProofBody),
        (status = 400, description = "The id is malformed.", body = String, content_type = "text/plain"),
        (status = 404, description = "Unknown or unconfirmed.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_merkle_proof(
    State(explorer): State<Explorer>,
    Path(id): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let missing = || Refusal::missing("Transaction not found or is unconfirmed");
    let view = snapshot.tx(parse::txid(&id)?).await?.ok_or_else(missing)?;
    let proof = snapshot.branch_proof(&view).await?.ok_or_else(missing)?;
    let body = MerkleProofBody {
        block_height: proof.height,
        merkle: proof.branch.iter().map(ToString::to_string).collect(),
        pos: proof.position,
    };
    Reply::json(&body, Keep::Moment)
}
