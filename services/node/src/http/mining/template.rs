//! `GET /v1/mining/template`.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use synod_api::hex::MerkleNodeHex;
use synod_api::node::mining::{EXTRA_NONCE_BYTES, LONG_POLL_SECONDS};
use synod_api::node::{Template, TemplateQuery, TemplateTransaction};
use synod_api::{AmountSat, HashHex, HexBytes, NumberHex, Problem};
use synod_node_core::{BlockTemplate, TemplateEntry};
use synod_service::{ApiError, Query};
use tokio::time::timeout;

use crate::error;
use crate::http::render::answer;
use crate::payout;
use crate::state::AppState;
use crate::templates::Given;

/// Returns what is needed to look for a block.
#[utoipa::path(
    get, path = "/v1/mining/template", tag = "mining", operation_id = "getTemplate",
    summary = "Get a block template",
    description = "Everything that is needed to look for a block on the tip. With `longpoll`, the \
                   id of an earlier template, the answer comes when the tip has changed (with \
                   `longpoll_mempool` also when the mempool has), or after a minute.",
    params(
        ("payout" = String, Query, description = "The address that the block pays to"),
        ("longpoll" = Option<String>, Query, description = "The longpoll_id of an earlier template"),
        ("longpoll_mempool" = Option<bool>, Query, description = "Whether a change of the mempool ends the wait"),
        ("transactions" = Option<bool>, Query, description = "Whether to list the transactions"),
    ),
    responses(
        (status = 200, description = "A template", body = Template),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_template(
    State(state): State<AppState>,
    Query(query): Query<TemplateQuery>,
) -> Result<Response, ApiError> {
    let script = payout::script_of(&query.payout)?;
    if let Some(known) = &query.longpoll {
        wait_for_change(&state, known, query.longpoll_mempool.unwrap_or(false)).await;
    }
    let longpoll_id = longpoll_id(&state);
    let template = state
        .chain
        .run(move |node, now| Ok(node.template(script, now)))
        .await
        .map_err(error::unavailable)?;
    let tip_time = state.chain.view().header.time;
    let given = state.templates.insert(template);
    let write = || {
        let mut body = body(&given, longpoll_id.clone())?;
        body.chain_tip_time = tip_time;
        body.bits_is_limit = state.limit_bits() == given.template.bits;
        Ok::<_, ApiError>(body)
    };
    let written = if query.transactions.unwrap_or(false) {
        let templates = &state.templates;
        templates.full_answer(&given, &longpoll_id, || {
            with_list(&write()?, &listed(&state, &given.template)?)
        })?
    } else {
        given.answer(&longpoll_id, || answer::write(&write()?))?
    };
    Ok(no_store(answer::written(written)))
}

/// A template is for now alone.
fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Writes the transactions of a template, once for all templates that hold them.
fn listed(state: &AppState, template: &BlockTemplate) -> Result<Bytes, ApiError> {
    let chosen = &template.chosen;
    state.templates.listed(chosen, || {
        let list: Vec<_> = chosen.transactions.iter().map(transaction).collect();
        answer::write(&list)
    })
}

/// Writes a body with a list that is written already as its last member.
fn with_list(body: &Template, list: &[u8]) -> Result<Bytes, ApiError> {
    let written = answer::write(body)?;
    let open = written
        .strip_suffix(b"}")
        .ok_or_else(|| ApiError::internal("a body that is no object"))?;
    Ok([open, br#","transactions":"#, list, b"}"].concat().into())
}

/// The tip, and the count of changes of the mempool, that a template was built on.
fn longpoll_id(state: &AppState) -> String {
    let mempool = *state.chain.mempool_changes().borrow();
    format!("{}-{mempool}", state.chain.view().hash)
}

/// Waits until the tip, or where wanted the mempool, is not what the id says.
async fn wait_for_change(state: &AppState, known: &str, for_mempool: bool) {
    let tip_of = |id: &str| id.split('-').next().map(str::to_owned);
    let (mut tip, mut mempool) = (state.chain.tip_changes(), state.chain.mempool_changes());
    let changed = async {
        loop {
            let current = longpoll_id(state);
            let is_same = if for_mempool {
                current == known
            } else {
                tip_of(&current) == tip_of(known)
            };
            if !is_same {
                return;
            }
            let is_over = tokio::select! {
                changed = tip.changed() => changed.is_err(),
                changed = mempool.changed(), if for_mempool => changed.is_err(),
            };
            if is_over {
                return;
            }
        }
    };
    tokio::select! {
        _ = timeout(Duration::from_secs(LONG_POLL_SECONDS), changed) => {}
        () = state.shutdown.stopping() => {}
    }
}

fn body(given: &Given, longpoll_id: String) -> Result<Template, ApiError> {
    let template = &given.template;
    let amount = |value: synod_primitives::Amount| {
        AmountSat::new(value.to_sat_unsigned()).map_err(ApiError::internal)
    };
    let target = template.bits.to_target().map_err(ApiError::internal)?;
    let chosen = &template.chosen;
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Template {
        template_id: given.id.clone(),
        longpoll_id,
        height: template.height.0,
        previous_block_hash: HashHex::from_internal(template.previous_block_hash.to_bytes()),
        version: template.version,
        bits: template.bits.0.into(),
        target: NumberHex::from_bytes(target.to_be_bytes()),
        min_time: template.min_time,
        cur_time: template.time,
        max_time: template.fixed_time,
        chain_tip_time: 0,
        bits_is_limit: false,
        coinbase_value_sat: amount(template.coinbase_value)?,
        coinbase_prefix: HexBytes(template.coinbase_prefix.clone()),
        coinbase_suffix: HexBytes(template.coinbase_suffix.clone()),
        extra_nonce_bytes: narrow(EXTRA_NONCE_BYTES as u64),
        merkle_branch: chosen
            .merkle_branch
            .iter()
            .map(|it| MerkleNodeHex::from_bytes(*it))
            .collect(),
        transaction_count: narrow(chosen.transactions.len() as u64),
        fees_sat: amount(template.fees)?,
        weight: narrow(chosen.weight),
        transactions: None,
    })
}

fn transaction(entry: &TemplateEntry) -> TemplateTransaction {
    TemplateTransaction {
        txid: HashHex::from_internal(entry.transaction.txid().to_bytes()),
        data: HexBytes(entry.transaction.raw().to_vec()),
        fee_sat: AmountSat::new(entry.fee.to_sat_unsigned()).unwrap_or(AmountSat::MAX),
        weight: u32::try_from(entry.transaction.weight().0).unwrap_or(u32::MAX),
    }
}
