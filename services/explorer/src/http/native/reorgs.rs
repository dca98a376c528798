//! `GET /v1/reorgs`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use synod_api::{HashHex, NumberHex, Problem};
use synod_service::{ApiError, Query};
use utoipa::{IntoParams, ToSchema};

use crate::explore::{ExploreError, Fate};
use crate::http::state::Explorer;
use crate::snapshot::Snapshot;
use crate::store::ReorgRecord;

/// Reorganisations in one answer: unless asked otherwise, and at most.
const DEFAULT_PAGE: u32 = 20;
const MAX_PAGE: u32 = 100;
/// Dropped transactions that are listed with one reorganisation.
const MAX_DROPPED: u32 = 200;

/// Which page of the log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReorgQuery {
    /// The id of the last reorganisation seen.
    before: Option<i64>,
    /// Reorganisations to list, 1 to 100.
    limit: Option<u32>,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReorgPage {
    /// The reorganisations, the newest first.
    items: Vec<ReorgBody>,
    /// What `before` is for the next page; null on the last.
    next_before: Option<i64>,
}

/// A move of the active chain to another branch.
#[derive(Serialize, ToSchema)]
#[schema(as = Reorg)]
pub(crate) struct ReorgBody {
    /// Grows by one with each reorganisation.
    id: i64,
    /// When the explorer saw it, in Unix seconds.
    time: i64,
    /// The height of the last common block.
    fork_height: u32,
    /// Blocks that left the active chain.
    depth: u32,
    /// The tip before.
    old_tip: TipBody,
    /// The tip after.
    new_tip: TipBody,
    /// Transactions that left the active chain, coinbases apart.
    dropped_count: u32,
    /// The first 200 of them.
    dropped: Vec<DroppedBody>,
}

/// The end of a branch.
#[derive(Serialize, ToSchema)]
#[schema(as = ReorgTip)]
pub(crate) struct TipBody {
    /// Its hash.
    hash: HashHex,
    /// Its height.
    height: u32,
    /// The work of all blocks up to it.
    chainwork: NumberHex,
}

/// A transaction that left the active chain.
#[derive(Serialize, ToSchema)]
#[schema(as = DroppedTx)]
pub(crate) struct DroppedBody {
    /// Its id.
    txid: HashHex,
    /// The stale block that holds it.
    block: HashHex,
    /// Where it is now.
    #[serde(flatten)]
    fate: FateBody,
}

/// What became of a transaction that left the active chain.
#[derive(Serialize, ToSchema)]
#[serde(tag = "fate", rename_all = "snake_case")]
#[schema(as = Fate)]
pub(crate) enum FateBody {
    /// It is in another block.
    Confirmed {
        /// That block's height.
        height: u32,
    },
    /// It waits in the mempool.
    Mempool,
    /// Another transaction spends one of its inputs.
    Replaced {
        /// That transaction.
        by: HashHex,
    },
    /// It is neither in a block nor in the mempool.
    Gone,
}

/// Reorganisations that the explorer saw
///
/// With what became of the transactions that left the active chain.
#[utoipa::path(
    get,
    path = "/v1/reorgs",
    operation_id = "listReorgs",
    tag = "synod",
    params(ReorgQuery),
    responses(
        (status = 200, description = "A page of the log.", body = ReorgPage),
        (status = 400, description = "The query is malformed.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index is not ready.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(explorer): State<Explorer>,
    Query(query): Query<ReorgQuery>,
) -> Result<axum::Json<ReorgPage>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::bad_request("`limit` is 1 to 100."));
    }
    let mut snapshot = explorer.snapshot().await.map_err(ExploreError::from)?;
    let records = snapshot
        .reader
        .reorgs(query.before, limit)
        .await
        .map_err(ExploreError::from)?;
    let is_full = records.len() == limit as usize;
    let next_before = records.last().map(|record| record.id).filter(|_| is_full);
    let mut items = Vec::with_capacity(records.len());
    for record in records {
        items.push(body(&mut snapshot, &record).await?);
    }
    Ok(axum::Json(ReorgPage { items, next_before }))
}

async fn body(snapshot: &mut Snapshot, record: &ReorgRecord) -> Result<ReorgBody, ExploreError> {
    let mut dropped = Vec::new();
    for it in snapshot.reader.dropped_by(record.id, MAX_DROPPED).await? {
        dropped.push(DroppedBody {
            txid: HashHex::from_internal(it.txid.to_bytes()),
            block: HashHex::from_internal(it.block.to_bytes()),
            fate: FateBody::of(snapshot.fate(it).await?),
        });
    }
    Ok(ReorgBody {
        id: record.id,
        time: record.time,
        fork_height: record.fork_height,
        depth: record.depth,
        old_tip: TipBody {
            hash: HashHex::from_internal(record.old_tip.to_bytes()),
            height: record.old_height,
            chainwork: NumberHex::from_bytes(record.old_work.to_be_bytes()),
        },
        new_tip: TipBody {
            hash: HashHex::from_internal(record.new_tip.to_bytes()),
            height: record.new_height,
            chainwork: NumberHex::from_bytes(record.new_work.to_be_bytes()),
        },
        dropped_count: record.dropped,
        dropped,
    })
}

impl FateBody {
    fn of(fate: Fate) -> Self {
        match fate {
            Fate::Confirmed { height } => Self::Confirmed { height },
            Fate::Mempool => Self::Mempool,
            Fate::Replaced { by } => Self::Replaced {
                by: HashHex::from_internal(by.to_bytes()),
            },
            Fate::Gone => Self::Gone,
        }
    }
}

impl From<ExploreError> for ApiError {
    fn from(error: ExploreError) -> Self {
        let refusal = crate::http::reply::Refusal::from(error);
        if refusal.status.is_server_error() && refusal.status.as_u16() == 500 {
            // The cause is in the log already.
            return Self::internal("see above");
        }
        if refusal.status.as_u16() == 503 {
            return Self::unavailable(refusal.text);
        }
        Self::bad_request(refusal.text)
    }
}
