//! `GET /tx/{txid}`.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use synod_primitives::Txid;

use super::failure::{Outcome, finish, missing};
use super::html::{self, Html};
use super::page::{Page, Visit, respond};
use super::parts::{Fact, InputItem, OutputItem, depth, fact, lock_time, mono, rich, stake_fact};
use super::words::Words;
use super::{flow, page};
use crate::explore::{Fate, Place, TxView};
use crate::http::state::Explorer;
use crate::pool::is_replaceable;
use crate::snapshot::Snapshot;
use crate::store::Dropped;
use crate::text;

/// Inputs and outputs on the page; the API has the others.
const MAX_ROWS: usize = 500;

/// A transaction.
#[derive(Template)]
#[template(path = "transaction.html")]
struct TransactionPage {
    page: Page,
    txid: String,
    state: Html,
    value: Html,
    facts: Vec<Fact>,
    more: Vec<Fact>,
    flow: Html,
    inputs: Vec<InputItem>,
    outputs: Vec<OutputItem>,
    input_count: usize,
    output_count: usize,
}

/// A transaction that is nowhere.
#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    page: Page,
    txid: String,
    /// The stale block that it was in.
    dropped_in: Option<Html>,
    fate: Option<Html>,
}

/// Shows a transaction.
pub(crate) async fn transaction(
    State(explorer): State<Explorer>,
    visit: Visit,
    Path(txid): Path<String>,
) -> Response {
    let t = visit.language.words();
    let Ok(txid) = txid.parse::<Txid>() else {
        return missing(&explorer, &visit, t.not_found, t.search_none);
    };
    let outcome = show(&explorer, &visit, txid).await;
    finish(&explorer, &visit, outcome)
}

async fn show(explorer: &Explorer, visit: &Visit, txid: Txid) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let dropped = snapshot.reader.last_drop(txid).await?;
    let Some(view) = snapshot.tx(txid).await? else {
        return unknown(explorer, visit, &mut snapshot, txid, dropped).await;
    };
    let spends = snapshot.outspends(&view).await?;
    let mut inputs = InputItem::list(&view, t);
    let mut outputs = OutputItem::list(&view, &spends, t);
    let page = Page::new(explorer, visit, t.transaction);
    if page.has_validators {
        for (item, output) in outputs.iter_mut().zip(view.transaction.outputs()) {
            let fact = stake_fact(output.script_pubkey.as_bytes(), t);
            item.facts.extend(fact);
        }
    }
    let (input_count, output_count) = (inputs.len(), outputs.len());
    inputs.truncate(MAX_ROWS);
    outputs.truncate(MAX_ROWS);
    let page = TransactionPage {
        page,
        txid: txid.to_string(),
        state: state(explorer, &snapshot, &view, t),
        value: html::amount(view.output_sat()),
        facts: facts(&snapshot, &view, now, t),
        more: more(&view, dropped, t),
        flow: flow::draw(&view, t),
        inputs,
        outputs,
        input_count,
        output_count,
    };
    Ok(respond(StatusCode::OK, &page))
}

fn state(explorer: &Explorer, snapshot: &Snapshot, view: &TxView, t: &Words) -> Html {
    match view.place {
        Place::Confirmed { number, .. } => {
            if explorer.follower.final_height().is_some() {
                return depth(explorer, number.height(), snapshot.tip.height, t);
            }
            let depth = snapshot.tip.height - number.height() + 1;
            let words = format!("✓ {} · {}", t.confirmed, text::grouped(u64::from(depth)));
            html::badge("ok", &words)
        }
        Place::Mempool { .. } => html::badge("pending", &format!("◔ {}", t.in_mempool)),
        Place::Stale => html::badge("stale", t.stale),
    }
}

fn facts(snapshot: &Snapshot, view: &TxView, now: i64, t: &Words) -> Vec<Fact> {
    let mut facts = Vec::new();
    match view.place {
        Place::Confirmed {
            number,
            block,
            time,
        } => {
            let height = number.height();
            let link = html::short(&block.to_string());
            facts.push(rich(
                t.block,
                Html::raw(format!(
                    "<a href=\"/block/{block}\">{}</a> {link}",
                    text::grouped(u64::from(height))
                )),
            ));
            let depth = snapshot.tip.height - height + 1;
            facts.push(fact(t.confirmations, text::grouped(u64::from(depth))));
            facts.push(rich(t.time, html::full_moment(i64::from(time), now, t)));
        }
        Place::Mempool { seen_at } => {
            facts.push(rich(t.first_seen, html::full_moment(seen_at, now, t)));
            let place = snapshot.pool.projection().place(&view.transaction.txid());
            facts.extend(place.map(|place| fact(t.projected_place, format!("+{}", place + 1))));
        }
        Place::Stale => {}
    }
    let weight = view.transaction.weight();
    if !view.transaction.is_coinbase() {
        facts.push(rich(t.fee, html::amount(view.fee_sat)));
        let rate = format!("{} sat/vB", text::rate(view.fee_rate()));
        facts.push(fact(t.fee_rate, rate));
    }
    facts.push(fact(
        t.vsize,
        format!("{} vB", text::grouped(weight.vsize())),
    ));
    facts
}

fn more(view: &TxView, dropped: Option<Dropped>, t: &Words) -> Vec<Fact> {
    let transaction = &view.transaction;
    let mut facts = vec![
        fact(
            t.size,
            format!("{} B", text::grouped(transaction.size() as u64)),
        ),
        fact(
            t.weight,
            format!("{} WU", text::grouped(transaction.weight().0)),
        ),
        fact(t.version, transaction.version()),
        fact(t.lock_time, lock_time(transaction, t)),
    ];
    if !transaction.is_coinbase() {
        let words = if is_replaceable(transaction) {
            t.yes
        } else {
            t.not_replaceable
        };
        facts.push(fact(t.replaceable, words));
    }
    if let Place::Confirmed { number, .. } = view.place {
        facts.push(fact(t.position, number.position()));
    }
    if transaction.has_witness() {
        facts.push(mono("wtxid", transaction.wtxid()));
    }
    if let Some(dropped) = dropped {
        facts.push(rich(
            t.dropped_in,
            html::link("block", &dropped.block.to_string()),
        ));
    }
    facts
}

async fn unknown(
    explorer: &Explorer,
    visit: &Visit,
    snapshot: &mut Snapshot,
    txid: Txid,
    dropped: Option<Dropped>,
) -> Outcome {
    let t = visit.language.words();
    let fate = match dropped {
        Some(dropped) => match snapshot.fate(dropped).await? {
            Fate::Replaced { by } => Some(html::link("tx", &by.to_string())),
            _ => None,
        },
        None => None,
    };
    let page = UnknownPage {
        page: Page::new(explorer, visit, t.unknown_tx),
        txid: txid.to_string(),
        dropped_in: dropped.map(|it| html::link("block", &it.block.to_string())),
        fate,
    };
    Ok(page::respond(StatusCode::NOT_FOUND, &page))
}
