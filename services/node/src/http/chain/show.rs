//! `GET /v1/chain`.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::{ChainStatus, SnapshotStatus, StakeTerms};
use synod_api::{AmountSat, HashHex, NumberHex};
use synod_chainspec::ChainSpec;
use synod_ledger::StakeRules;
use synod_node_core::View;
use synod_primitives::Amount;
use synod_service::ApiError;

use crate::chain::warnings;
use crate::http::mempool::read;
use crate::http::render::{answer, block_hash, finalized};
use crate::state::AppState;

/// Returns where the chain stands.
#[utoipa::path(
    get, path = "/v1/chain", tag = "chain", operation_id = "getChain",
    summary = "Get the chain's state",
    description = "The network, the tip, what is final, and whether the node still catches up \
                   with its peers.",
    responses(
        (status = 200, description = "The chain's state", headers(("ETag" = String, description = "Names this answer")), body = ChainStatus, example = json!({
            "network": "devnet",
            "chain_id": "5e0b4a3f0a1f7a3bd65f36a0a27c7b5d4d2c9b1b8e6a7f90c1d2e3f405162738",
            "engine": "pow",
            "height": 143,
            "best_block_hash": "2a6f0ad0c9d5b7a2f6b1e3d4c5b6a79881726354453627180918273645546372",
            "chainwork": "0000000000000000000000000000000000000000000000000000000000000120",
            "median_time": 1_767_225_738_u32,
            "time": 1_767_225_743_u32,
            "bits": "207fffff",
            "difficulty": 4.656_542_373_906_925e-10_f64,
            "finalized": null,
            "initial_sync": false,
            "pruned": false,
            "mempool_count": 0,
            "peer_count": 0,
            "warnings": [],
        })),
        (status = 304, description = "The answer is the one that the client has"),
    )
)]
pub(crate) async fn get_chain(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer::json(&headers, &status(&state))
}

fn status(state: &AppState) -> ChainStatus {
    let view = state.chain.view();
    let initial_sync = view.needs_trust.is_some() || is_behind(state, &view);
    ChainStatus {
        network: state.spec.name.clone(),
        chain_id: HashHex::from_bytes(state.spec.chain_id().0),
        engine: state.spec.consensus.engine.name().to_owned(),
        height: view.height.0,
        best_block_hash: block_hash(view.hash),
        chainwork: NumberHex::from_bytes(view.chainwork.to_be_bytes()),
        median_time: view.median_time,
        time: view.header.time,
        bits: view.bits.0.into(),
        difficulty: view.bits.difficulty(),
        finalized: finalized(&view),
        stake: terms(&state.spec),
        initial_sync,
        needs_trust: view.needs_trust.map(|it| it.to_string()),
        pruned: state.chain.prune_height().is_some(),
        prune_height: state.chain.prune_height(),
        snapshot: snapshot(state),
        mempool_count: read(state).len() as u64,
        peer_count: state.peers.connected() as u64,
        warnings: warnings(state, &view, initial_sync),
    }
}

/// The terms of stake that the chain spec sets.
fn terms(spec: &ChainSpec) -> Option<StakeTerms> {
    let rules = StakeRules::of_spec(spec)?;
    let sat =
        |amount: Amount| AmountSat::new(amount.sat().unsigned_abs()).unwrap_or(AmountSat::ZERO);
    Some(StakeTerms {
        min_bond_sat: sat(rules.min_bond),
        min_delegation_sat: sat(rules.min_delegation),
        unbonding_blocks: rules.unbonding_blocks,
        slash_percent: rules.slash_percent,
        reporter_divisor: rules.reporter_divisor,
        fee_cap_sat: sat(rules.fee_cap),
    })
}

fn snapshot(state: &AppState) -> Option<SnapshotStatus> {
    let snapshot = state.snapshot.load_full()?;
    Some(SnapshotStatus {
        height: snapshot.record.height.0,
        hash: block_hash(snapshot.record.hash),
        validated: snapshot.record.is_validated,
        checked_height: snapshot.checked.load(Ordering::Acquire),
    })
}

/// A node that still catches up cannot say whose chain is the longer one (Core:
/// `CheckForkWarningConditions`).
fn warnings(state: &AppState, view: &View, initial_sync: bool) -> Vec<String> {
    let mut sentences = warnings::active(view.unknown_rules);
    let disputed = view.heavier_invalid.as_ref().filter(|_| !initial_sync);
    sentences.extend(disputed.map(warnings::disputed));
    if state.peers.is_clock_off() {
        let sentence = "This computer's date and time appear to be more than 10 minutes off those of its peers";
        sentences.push(sentence.to_owned());
    }
    sentences
}

/// Says whether a peer that this node chose has a chain of more work. The age of the tip says
/// nothing: a network may rest for a day; nor do strangers, who may claim what they like, and
/// those who have no headers to show for it.
fn is_behind(state: &AppState, view: &View) -> bool {
    let own = NumberHex::from_bytes(view.chainwork.to_be_bytes());
    let mut connected = state
        .peers
        .list()
        .into_iter()
        .filter(|peer| peer.is_connected && !peer.is_inbound() && !peer.is_doubted);
    connected.any(|peer| {
        peer.handshake
            .is_some_and(|handshake| handshake.chainwork > own)
    })
}
