//! `GET /tx/{txid}/merkleblock-proof`.

use axum::extract::{Path, State};
use synod_primitives::hex;

use super::parse;
use crate::explore::{Place, merkle_block};
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;

/// Proof that a transaction is in a block, as BIP37 encodes it
///
/// The header and the part of the Merkle tree that leads to the one transaction.
#[utoipa::path(
    get,
    path = "/tx/{txid}/merkleblock-proof",
    operation_id = "getTxMerkleBlockProof",
    tag = "esplora",
    params(("txid" = String, Path, description = "The transaction's id in hex.")),
    responses(
        (status = 200, description = "A `merkleblock` in hex.", body = String, content_type = "text/plain"),
        (status = 400, description = "The id is malformed.", body = String, content_type = "text/plain"),
        (status = 404, description = "Unknown or unconfirmed.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn tx_merkleblock_proof(
    State(explorer): State<Explorer>,
    Path(id): Path<String>,
) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let missing = || Refusal::missing("Transaction not found or is unconfirmed");
    let view = snapshot.tx(parse::txid(&id)?).await?.ok_or_else(missing)?;
    let Place::Confirmed { number, block, .. } = view.place else {
        return Err(missing());
    };
    let record = snapshot.block(block).await?.ok_or_else(missing)?;
    let txids = snapshot.txids(&record).await?;
    let proof = merkle_block(&record, &txids, number.position() as usize);
    Ok(Reply::text(hex::encode(proof), Keep::Moment))
}
