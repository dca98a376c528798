//! `GET /v1/chain/tips`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::Problem;
use synod_api::node::{ChainTip, ChainTips, TipStatus};
use synod_node_core::{BlockTree, EntryId, Status};
use synod_service::ApiError;

use crate::error;
use crate::http::render::{answer, block_hash};
use crate::state::AppState;

/// The most tips that are listed.
const MAX_TIPS: usize = 100;

/// Lists the ends of all branches.
#[utoipa::path(
    get, path = "/v1/chain/tips", tag = "chain", operation_id = "getTips",
    summary = "List the ends of all branches",
    description = "The ends of branches, the latest to arrive first, at most 100. The active tip \
                   is always among them.",
    responses(
        (status = 200, description = "The tips", headers(("ETag" = String, description = "Names this answer")), body = ChainTips, example = json!({"tips": [{
            "height": 0,
            "hash": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            "branch_length": 0,
            "status": "active",
        }]})),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_tips(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tips = state.chain.look(|node, _| Ok(list(node.chain().tree())));
    let tips = tips.await.map_err(error::unavailable)?;
    answer::json(&headers, &ChainTips { tips })
}

fn list(tree: &BlockTree) -> Vec<ChainTip> {
    let active = tree.tip();
    // Headers may lie above the active tip, whose blocks are missing or break a rule.
    let mut ends: Vec<EntryId> = tree.header_ends().filter(|end| *end != active).collect();
    ends.sort_unstable_by_key(|end| std::cmp::Reverse((tree.entry(*end).record.arrival, *end)));
    ends.truncate(MAX_TIPS - 1);
    let place = ends.partition_point(|end| arrived(tree, *end) > arrived(tree, active));
    ends.insert(place, active);
    ends.into_iter().map(|end| tip(tree, end)).collect()
}

fn arrived(tree: &BlockTree, id: EntryId) -> u64 {
    tree.entry(id).record.arrival
}

fn tip(tree: &BlockTree, id: EntryId) -> ChainTip {
    let record = &tree.entry(id).record;
    let fork = tree.entry(tree.fork_point(id)).record.height;
    ChainTip {
        height: record.height.0,
        hash: block_hash(record.hash),
        branch_length: record.height.0 - fork.0,
        status: match record.status {
            _ if tree.is_active(id) => TipStatus::Active,
            Status::Valid => TipStatus::ValidFork,
            Status::HeaderOnly | Status::Stored => TipStatus::ValidHeaders,
            Status::Failed { .. } => TipStatus::Invalid,
        },
    }
}
