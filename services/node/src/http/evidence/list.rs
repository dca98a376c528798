//! `GET /v1/evidence`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use synod_api::node::{Contradiction, EvidenceBody, EvidencePage, EvidenceStatus};
use synod_api::{HashHex, HexBytes, KeyHashHex, Problem};
use synod_seal::{Evidence, SealKey, Statement, find_seal};
use synod_service::ApiError;

use crate::duty::Piece;
use crate::error;
use crate::http::render::{answer, txid};
use crate::http::validators::clockwork;
use crate::state::AppState;

/// Lists the evidence that the node knows.
#[utoipa::path(
    get, path = "/v1/evidence", tag = "validators", operation_id = "listEvidence",
    summary = "List known evidence",
    description = "Keys that have signed two statements that contradict each other, the newest first, \
                   64 at most, and where the chain has proven them guilty.",
    responses(
        (status = 200, description = "The evidence", body = EvidencePage),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 409, description = "The engine has no stake (`engine-without-stake`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_evidence(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    clockwork(&state)?;
    let offences = Arc::clone(&state.duties.offences);
    let pieces = state.chain.look(move |node, _| {
        let engine = node.chain().engine();
        let pieces = offences.all().into_iter().map(|piece| {
            let delegate = piece.key.delegate_hash();
            let is_bare = engine.bonds_of(&delegate).is_empty();
            (piece, is_bare && !offences.is_leaving(&delegate))
        });
        Ok(pieces.collect::<Vec<_>>())
    });
    let pieces = pieces.await.map_err(error::unavailable)?;
    let evidence = pieces.iter().map(|(piece, is_bare)| body(piece, *is_bare));
    let page = EvidencePage {
        evidence: evidence.collect(),
    };
    answer::json(&headers, &page)
}

fn body(piece: &Piece, is_bare: bool) -> EvidenceBody {
    let evidence = &piece.evidence;
    EvidenceBody {
        key: key(&piece.key),
        delegate: delegate(&piece.key),
        contradiction: contradiction(evidence),
        first_at: moment(&evidence.first),
        second_at: moment(&evidence.second),
        first: HexBytes(evidence.first.encode()),
        second: HexBytes(evidence.second.encode()),
        status: status(piece, is_bare),
        included_height: piece.included.map(|(height, _)| height.0),
        included_txid: piece.included.map(|(_, id)| txid(id)),
    }
}

/// Says what has become of evidence, where `is_bare` says that the key has no bond.
pub(super) fn status(piece: &Piece, is_bare: bool) -> EvidenceStatus {
    match piece.included {
        Some(_) => EvidenceStatus::Included,
        None if is_bare => EvidenceStatus::Baseless,
        None => EvidenceStatus::Open,
    }
}

pub(super) fn key(key: &SealKey) -> HashHex {
    HashHex::from_bytes(key.0)
}

pub(super) fn delegate(key: &SealKey) -> KeyHashHex {
    KeyHashHex::from_bytes(key.delegate_hash().0)
}

fn contradiction(evidence: &Evidence) -> Contradiction {
    match evidence.first {
        Statement::Block(_) => Contradiction::Seals,
        Statement::Vote(_) => Contradiction::Votes,
    }
}

fn moment(statement: &Statement) -> u64 {
    match statement {
        Statement::Block(sealed) => find_seal(&sealed.coinbase).map_or(0, |it| it.slot.0),
        Statement::Vote(vote) => vote.link.target.epoch.0,
    }
}
