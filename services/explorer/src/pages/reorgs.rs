//! `GET /reorgs`.

use std::fmt::Write;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::failure::{Outcome, finish};
use super::html::{self, Html, escape};
use super::page::{Page, Visit, respond};
use super::words::Words;
use crate::explore::{ExploreError, Fate};
use crate::http::state::Explorer;
use crate::snapshot::Snapshot;
use crate::store::ReorgRecord;
use crate::text;

/// Reorganisations on one page, and dropped transactions listed with each.
const PAGE: u32 = 20;
const DROPPED: u32 = 20;
/// Blocks of a branch that the diagram shows.
const SHOWN: u32 = 8;

/// Which page of the log.
#[derive(Deserialize)]
pub(crate) struct Cursor {
    before: Option<i64>,
}

/// A reorganisation.
pub(super) struct ReorgRow {
    pub(super) when: Html,
    pub(super) fork_height: u32,
    pub(super) depth: u32,
    pub(super) old_tip: Html,
    pub(super) new_tip: Html,
    pub(super) old_height: String,
    pub(super) new_height: String,
    pub(super) dropped_count: u32,
    pub(super) diagram: Html,
    pub(super) dropped: Vec<DroppedRow>,
}

/// A transaction that left the active chain.
pub(super) struct DroppedRow {
    pub(super) link: Html,
    pub(super) fate: Html,
}

/// The log.
#[derive(Template)]
#[template(path = "reorgs.html")]
struct ReorgsPage {
    page: Page,
    rows: Vec<ReorgRow>,
    older: Option<String>,
}

impl ReorgRow {
    pub(super) fn of(record: &ReorgRecord, now: i64, t: &Words) -> Self {
        Self {
            when: html::moment(record.time, now, t),
            fork_height: record.fork_height,
            depth: record.depth,
            old_tip: html::link("block", &record.old_tip.to_string()),
            new_tip: html::link("block", &record.new_tip.to_string()),
            old_height: text::grouped(u64::from(record.old_height)),
            new_height: text::grouped(u64::from(record.new_height)),
            dropped_count: record.dropped,
            diagram: diagram(record, t),
            dropped: Vec::new(),
        }
    }
}

/// Shows the reorganisations.
pub(crate) async fn reorgs(
    State(explorer): State<Explorer>,
    visit: Visit,
    Query(cursor): Query<Cursor>,
) -> Response {
    let outcome = show(&explorer, &visit, cursor.before).await;
    finish(&explorer, &visit, outcome)
}

async fn show(explorer: &Explorer, visit: &Visit, before: Option<i64>) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let records = snapshot.reader.reorgs(before, PAGE).await?;
    let older = (records.len() == PAGE as usize)
        .then(|| {
            records
                .last()
                .map(|record| format!("/reorgs?before={}", record.id))
        })
        .flatten();
    let mut rows = Vec::with_capacity(records.len());
    for record in &records {
        let mut row = ReorgRow::of(record, now, t);
        row.dropped = dropped(&mut snapshot, record.id, t).await?;
        rows.push(row);
    }
    let page = Page::new(explorer, visit, t.reorgs).in_section("reorgs");
    Ok(respond(StatusCode::OK, &ReorgsPage { page, rows, older }))
}

async fn dropped(
    snapshot: &mut Snapshot,
    reorg: i64,
    t: &Words,
) -> Result<Vec<DroppedRow>, ExploreError> {
    let mut rows = Vec::new();
    for it in snapshot.reader.dropped_by(reorg, DROPPED).await? {
        let fate = match snapshot.fate(it).await? {
            Fate::Confirmed { height } => Html::raw(format!(
                "{} <a href=\"/block/{height}\">{}</a>",
                escape(t.fate_confirmed),
                text::grouped(u64::from(height))
            )),
            Fate::Mempool => html::badge("pending", t.fate_mempool),
            Fate::Replaced { by } => Html::raw(format!(
                "{}: {}",
                escape(t.fate_replaced),
                html::link("tx", &by.to_string())
            )),
            Fate::Gone => html::badge("quiet", t.fate_gone),
        };
        rows.push(DroppedRow {
            link: html::link("tx", &it.txid.to_string()),
            fate,
        });
    }
    Ok(rows)
}

/// Draws the two branches: the one that lost above, the one that won below.
fn diagram(record: &ReorgRecord, t: &Words) -> Html {
    let lost = record.depth.min(SHOWN);
    let won = (record.new_height.saturating_sub(record.fork_height)).min(SHOWN);
    let width = 70 + 30 * lost.max(won);
    let label = escape(t.fork_diagram);
    let mut svg = format!(
        "<svg class=\"fork\" viewBox=\"0 0 {width} 64\" role=\"img\" aria-label=\"{label}\">\
         <path class=\"line\" d=\"M8 44H{}\"/>",
        44 + 30 * won.saturating_sub(1)
    );
    if lost > 0 {
        let _ = write!(
            svg,
            "<path class=\"line lost\" d=\"M20 44C30 44 32 18 44 18H{}\"/>",
            44 + 30 * (lost - 1)
        );
    }
    let _ = write!(
        svg,
        "<rect class=\"common\" x=\"8\" y=\"35\" width=\"18\" height=\"18\" rx=\"4\"/>"
    );
    for (count, y, class) in [(lost, 9, "lost"), (won, 35, "won")] {
        for i in 0..count {
            let x = 38 + 30 * i;
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"18\" height=\"18\" rx=\"4\"/>"
            );
        }
    }
    for (count, shown, y) in [
        (record.depth, lost, 22),
        (
            record.new_height.saturating_sub(record.fork_height),
            won,
            48,
        ),
    ] {
        if count > shown {
            let x = 44 + 30 * shown;
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\">…</text>");
        }
    }
    svg.push_str("</svg>");
    Html::raw(svg)
}
