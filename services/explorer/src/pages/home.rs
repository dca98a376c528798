//! `GET /`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::failure::{Outcome, finish};
use super::html::{self, Html};
use super::page::{Page, Visit, respond};
use super::parts::{Tile, TxRow, fill, level};
use super::reorgs::ReorgRow;
use super::words::Words;
use crate::http::state::Explorer;
use crate::pool::{PoolView, ProjectedBlock, Projection};
use crate::store::BlockRecord;
use crate::text;

/// Blocks in the strip and in the chart.
const STRIP: usize = 10;
const CHART: u32 = 60;
/// Projected blocks in the strip.
const PROJECTED: usize = 3;
/// Transactions and reorganisations listed.
const LATEST: usize = 10;
const REORGS: u32 = 3;

/// A block that the mempool would make.
pub(super) struct ProjectedTile {
    pub(super) place: String,
    pub(super) tx_count: String,
    pub(super) vsize: String,
    pub(super) rate: String,
    pub(super) fill: u64,
    pub(super) level: &'static str,
}

impl ProjectedTile {
    pub(super) fn list(projection: &Projection, t: &Words) -> Vec<Self> {
        let blocks = projection.blocks.iter().enumerate();
        blocks
            .map(|(i, block)| Self {
                place: if i == 0 {
                    t.next_block.to_owned()
                } else {
                    format!("+{}", i + 1)
                },
                tx_count: text::grouped(block.tx_count as u64),
                vsize: text::bytes(block.vsize).replace('B', "vB"),
                rate: range(block),
                fill: fill(block.vsize * 4),
                level: level(block.median_rate()),
            })
            .collect()
    }
}

/// The lowest and the highest fee rate of a block.
fn range(block: &ProjectedBlock) -> String {
    let rates = block.rate_range();
    let ends = [rates.first(), rates.last()].map(|rate| rate.copied().unwrap_or(0.0));
    let [low, high] = ends.map(|rate| format!("{rate:.0}"));
    if low == high {
        low
    } else {
        format!("{low}–{high}")
    }
}

/// The first page.
#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    height: String,
    since_last: Html,
    spacing: Option<String>,
    final_height: Option<String>,
    waiting: String,
    waiting_size: String,
    next_fee: String,
    projected: Vec<ProjectedTile>,
    tiles: Vec<Tile>,
    rows: Vec<TxRow>,
    reorgs: Vec<ReorgRow>,
    has_recent_reorg: bool,
    chart: Html,
    average: String,
    is_genesis_only: bool,
}

/// Shows the chain at a glance.
pub(crate) async fn home(State(explorer): State<Explorer>, visit: Visit) -> Response {
    let outcome = show(&explorer, &visit).await;
    finish(&explorer, &visit, outcome)
}

async fn show(explorer: &Explorer, visit: &Visit) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let tip = snapshot.tip;
    let blocks = snapshot
        .reader
        .blocks_down_from(tip.height, CHART + 1)
        .await?;
    let latest = snapshot.latest_txs(LATEST).await?;
    let records = snapshot.reader.reorgs(None, REORGS).await?;
    let pool = snapshot.pool.clone();
    let (chart, average) = intervals(&blocks, t);
    let last = blocks.first();
    let recent_from = tip.height.saturating_sub(100);
    let page = Home {
        page: Page::new(explorer, visit, t.explorer).in_section("home"),
        height: text::grouped(u64::from(tip.height)),
        since_last: last.map_or_else(Html::default, |block| {
            html::moment(i64::from(block.header.time), now, t)
        }),
        spacing: explorer
            .retarget
            .map(|it| format!("{} {} s", t.target_spacing, it.spacing_s)),
        final_height: explorer
            .follower
            .final_height()
            .map(|height| text::grouped(u64::from(height))),
        waiting: text::grouped(pool.len() as u64),
        waiting_size: size(&pool),
        next_fee: text::rate(pool.projection().recommended().fastest),
        projected: ProjectedTile::list(pool.projection(), t)
            .into_iter()
            .take(PROJECTED)
            .rev()
            .collect(),
        tiles: blocks
            .iter()
            .take(STRIP)
            .map(|block| Tile::of(block, now, t))
            .collect(),
        rows: TxRow::list(&latest, now, t),
        has_recent_reorg: records
            .iter()
            .any(|it| it.new_height > recent_from && it.new_height > 0),
        reorgs: records
            .iter()
            .map(|record| ReorgRow::of(record, now, t))
            .collect(),
        chart,
        average,
        is_genesis_only: tip.height == 0,
    };
    Ok(respond(StatusCode::OK, &page))
}

pub(super) fn size(pool: &PoolView) -> String {
    text::bytes(pool.vsize()).replace('B', "vB")
}

/// Draws the seconds between the blocks, the oldest first, and works out their average.
fn intervals(blocks: &[BlockRecord], t: &Words) -> (Html, String) {
    let mut seconds: Vec<u64> = blocks
        .windows(2)
        .map(|pair| u64::from(pair[0].header.time.saturating_sub(pair[1].header.time)))
        .collect();
    seconds.reverse();
    // The first block of a test network is years younger than block 0.
    if seconds.len() == blocks.len() - 1 && blocks.last().is_some_and(|it| it.height == 0) {
        seconds = seconds.split_off(1.min(seconds.len()));
    }
    if seconds.is_empty() {
        return (Html::default(), String::new());
    }
    let average = seconds.iter().sum::<u64>() as f64 / seconds.len() as f64;
    let average = format!("{average:.1} s");
    let title = format!("{}: {} {average}", t.interval_chart, t.average);
    (html::bars(&seconds, &title), average)
}
