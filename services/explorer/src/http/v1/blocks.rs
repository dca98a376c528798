//! `GET /api/v1/blocks`, `/api/v1/blocks/{start}` and `/api/v1/block/{hash}`.

use axum::extract::{Path, State};
use serde::Serialize;
use synod_primitives::hex;
use utoipa::ToSchema;

use crate::http::esplora::body::{BlockBody, address_of};
use crate::http::esplora::parse;
use crate::http::reply::{Answer, Keep, Refusal, Reply};
use crate::http::state::Explorer;
use crate::snapshot::Snapshot;
use crate::store::BlockRecord;

/// Blocks in one answer.
const PAGE: u32 = 15;

/// A block with more facts than Esplora gives.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockExtended)]
pub(crate) struct ExtendedBody {
    #[serde(flatten)]
    block: BlockBody,
    /// The further facts.
    extras: Extras,
}

/// Further facts of a block.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BlockExtras)]
pub(crate) struct Extras {
    /// Fees in satoshis.
    total_fees: i64,
    /// What the coinbase transaction pays out, in satoshis.
    reward: i64,
    /// Fees by transactions without the coinbase, in satoshis.
    avg_fee: i64,
    /// Fees by virtual bytes, in whole sat/vB.
    avg_fee_rate: i64,
    /// The coinbase's unlocking script in hex.
    coinbase_raw: String,
    /// The address that the coinbase pays first.
    coinbase_address: Option<String>,
    /// The printable characters of the coinbase's unlocking script.
    coinbase_signature_ascii: String,
    /// Virtual bytes.
    virtual_size: u64,
    /// Bytes by transactions.
    avg_tx_size: f64,
    /// The sum of all outputs in satoshis.
    total_output_amt: i64,
    /// The header in hex.
    header: String,
    /// When the explorer saw the block, in Unix seconds.
    first_seen: Option<i64>,
    /// Stale blocks at the same height.
    orphans: Vec<OrphanBody>,
}

/// A stale block.
#[derive(Serialize, ToSchema)]
#[schema(as = OrphanBlock)]
pub(crate) struct OrphanBody {
    /// Its height.
    height: u32,
    /// Its hash.
    hash: String,
}

/// The last 15 blocks, with more facts
#[utoipa::path(
    get,
    path = "/blocks",
    operation_id = "listLatestBlocksExtended",
    tag = "mempool-v1",
    responses(
        (status = 200, description = "The blocks, from the tip down.", body = Vec<ExtendedBody>),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn latest_blocks(State(explorer): State<Explorer>) -> Answer {
    list(&explorer, None).await
}

/// 15 blocks from a height down, with more facts
#[utoipa::path(
    get,
    path = "/blocks/{start}",
    operation_id = "listBlocksExtended",
    tag = "mempool-v1",
    params(("start" = String, Path, description = "The height to go down from; anything else is the tip.")),
    responses(
        (status = 200, description = "The blocks.", body = Vec<ExtendedBody>),
        (status = 404, description = "The height is above the tip.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn blocks_from(
    State(explorer): State<Explorer>,
    Path(start): Path<String>,
) -> Answer {
    list(&explorer, start.parse().ok()).await
}

/// A block, with more facts
#[utoipa::path(
    get,
    path = "/block/{hash}",
    operation_id = "getBlockExtended",
    tag = "mempool-v1",
    params(("hash" = String, Path, description = "The block's hash in hex.")),
    responses(
        (status = 200, description = "The block; stale ones are found too.", body = ExtendedBody),
        (status = 400, description = "The hash is malformed.", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such block.", body = String, content_type = "text/plain"),
        (status = 503, description = "The index is not ready; try again.", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn block(State(explorer): State<Explorer>, Path(hash): Path<String>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let record = parse::block(&mut snapshot, &hash).await?;
    Reply::json(&extended(&mut snapshot, &record).await?, Keep::Moment)
}

async fn list(explorer: &Explorer, start: Option<u32>) -> Answer {
    let mut snapshot = explorer.snapshot().await?;
    let start = start.unwrap_or(snapshot.tip.height);
    if start > snapshot.tip.height {
        return Err(Refusal::missing("Block not found"));
    }
    let mut bodies = Vec::new();
    for record in snapshot.reader.blocks_down_from(start, PAGE).await? {
        bodies.push(extended(&mut snapshot, &record).await?);
    }
    Reply::json(&bodies, Keep::Moment)
}

async fn extended(snapshot: &mut Snapshot, record: &BlockRecord) -> Result<ExtendedBody, Refusal> {
    let coinbase = snapshot.block_txs(record, 0, 1).await?.pop();
    let coinbase = coinbase.ok_or_else(|| Refusal::internal("a block without transactions"))?;
    let script = coinbase
        .transaction
        .inputs()
        .first()
        .map(|input| input.script_sig.clone());
    let script = script.unwrap_or_default();
    let payments = i64::from(record.tx_count.saturating_sub(1)).max(1);
    let virtual_size = record.weight.div_ceil(4);
    let orphans = snapshot.reader.stale_at(record.height).await?;
    let orphans = orphans.into_iter().filter(|hash| *hash != record.hash);
    let mut outputs = coinbase.transaction.outputs().iter();
    let extras = Extras {
        total_fees: record.fees_sat,
        reward: coinbase.output_sat(),
        avg_fee: record.fees_sat / payments,
        avg_fee_rate: record.fees_sat / i64::try_from(virtual_size.max(1)).unwrap_or(i64::MAX),
        coinbase_raw: hex::encode(script.as_bytes()),
        coinbase_address: outputs.find_map(|output| address_of(output.script_pubkey.as_bytes())),
        coinbase_signature_ascii: crate::text::printable(script.as_bytes()),
        virtual_size,
        avg_tx_size: record.size as f64 / f64::from(record.tx_count.max(1)),
        total_output_amt: record.output_sat,
        header: hex::encode(record.header.encode()),
        first_seen: record.seen_at,
        orphans: orphans
            .map(|hash| OrphanBody {
                height: record.height,
                hash: hash.to_string(),
            })
            .collect(),
    };
    Ok(ExtendedBody {
        block: BlockBody::of(record),
        extras,
    })
}
