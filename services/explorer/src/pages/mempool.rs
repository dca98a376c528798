//! `GET /mempool`.

use std::fmt::Write;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::failure::{Outcome, finish};
use super::home::{ProjectedTile, size};
use super::html::{self, Html, escape};
use super::page::{Page, Visit, respond};
use super::parts::{TxRow, level};
use super::words::Words;
use crate::http::state::Explorer;
use crate::pool::PoolView;
use crate::snapshot::Snapshot;
use crate::text;

/// Transactions listed.
const LATEST: usize = 16;
/// Fee rates in sat/vB at which the histogram's bars begin.
const STEPS: [f64; 12] = [
    0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 50.0, 80.0, 150.0,
];

/// The mempool.
#[derive(Template)]
#[template(path = "mempool.html")]
struct MempoolPage {
    page: Page,
    count: String,
    size: String,
    fees: Html,
    next_fee: String,
    projected: Vec<ProjectedTile>,
    histogram: Html,
    rows: Vec<TxRow>,
}

/// Shows the mempool.
pub(crate) async fn mempool(State(explorer): State<Explorer>, visit: Visit) -> Response {
    let outcome = show(&explorer, &visit).await;
    finish(&explorer, &visit, outcome)
}

async fn show(explorer: &Explorer, visit: &Visit) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let snapshot = explorer.snapshot().await?;
    let pool = &snapshot.pool;
    let views: Vec<_> = pool
        .recent()
        .take(LATEST)
        .map(|it| Snapshot::pool_view(it))
        .collect();
    let page = MempoolPage {
        page: Page::new(explorer, visit, t.mempool).in_section("mempool"),
        count: text::grouped(pool.len() as u64),
        size: size(pool),
        fees: html::amount(pool.fees_sat()),
        next_fee: text::rate(pool.projection().recommended().fastest),
        projected: ProjectedTile::list(pool.projection(), t),
        histogram: histogram(pool, t),
        rows: TxRow::list(&views, now, t),
    };
    Ok(respond(StatusCode::OK, &page))
}

/// Draws the virtual bytes that wait at each step of the fee rate, as rows with their numbers.
fn histogram(pool: &PoolView, t: &Words) -> Html {
    let mut sums = [0u64; STEPS.len()];
    for entry in pool.entries() {
        let rate = entry.fee_rate();
        let step = STEPS.iter().rposition(|least| rate >= *least).unwrap_or(0);
        sums[step] += entry.vsize();
    }
    let most = sums.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return Html::default();
    }
    let caption = escape(t.histogram_text);
    let mut table = format!("<table class=\"histogram\"><caption>{caption}</caption><tbody>");
    for (least, sum) in STEPS.iter().zip(sums).rev().filter(|(_, sum)| *sum > 0) {
        let width = (sum * 200 / most).max(2);
        let size = text::bytes(sum).replace('B', "vB");
        let _ = write!(
            table,
            "<tr><th scope=\"row\">≥ {least} sat/vB</th><td><svg viewBox=\"0 0 200 10\" \
             preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"{}\" width=\"{width}\" \
             height=\"10\" rx=\"2\"/></svg></td><td class=\"num\">{size}</td></tr>",
            level(*least)
        );
    }
    table.push_str("</tbody></table>");
    Html::raw(table)
}
