//! `GET /block/{hash or height}` and `GET /blocks`.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use synod_primitives::{BlockHash, hex};

use super::failure::{Outcome, finish, missing};
use super::html::{self, Html};
use super::page::{Page, Visit, respond};
use super::parts::{Fact, Tile, TxRow, depth, fact, mono, rich};
use super::seal;
use super::words::Words;
use crate::explore::ExploreError;
use crate::http::state::Explorer;
use crate::snapshot::Snapshot;
use crate::store::BlockRecord;
use crate::text;

/// Transactions on one page, and blocks on one.
const PAGE: u32 = 25;
const BLOCKS: u32 = 30;

/// Which part of a list is asked for.
#[derive(Deserialize)]
pub(crate) struct Place {
    /// The first row: a position in a block, or a height to go down from.
    from: Option<u32>,
}

/// A link with its words.
pub(super) struct Link {
    pub(super) href: String,
    pub(super) words: String,
}

/// A block.
#[derive(Template)]
#[template(path = "block.html")]
struct BlockPage {
    page: Page,
    height: String,
    hash: String,
    is_stale: bool,
    /// The block of the active chain at a stale block's height.
    replacement: Option<Html>,
    stale_siblings: Vec<Html>,
    /// How deep it lies, or that it is final.
    depth: Html,
    facts: Vec<Fact>,
    more: Vec<Fact>,
    seal: Vec<Fact>,
    fill: String,
    rows: Vec<TxRow>,
    tx_count: String,
    range: String,
    earlier: Option<String>,
    later: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

/// Blocks from a height down.
#[derive(Template)]
#[template(path = "blocks.html")]
struct BlocksPage {
    page: Page,
    tiles: Vec<Tile>,
    older: Option<Link>,
    is_newest: bool,
}

/// Shows a block, by its hash or its height; a stale one by its hash.
pub(crate) async fn block(
    State(explorer): State<Explorer>,
    visit: Visit,
    Path(name): Path<String>,
    Query(place): Query<Place>,
) -> Response {
    let outcome = show(&explorer, &visit, &name, place.from.unwrap_or(0)).await;
    finish(&explorer, &visit, outcome)
}

/// Lists blocks.
pub(crate) async fn list(
    State(explorer): State<Explorer>,
    visit: Visit,
    Query(place): Query<Place>,
) -> Response {
    let outcome = show_list(&explorer, &visit, place.from).await;
    finish(&explorer, &visit, outcome)
}

async fn find(snapshot: &mut Snapshot, name: &str) -> Result<Option<BlockRecord>, ExploreError> {
    if let Ok(hash) = name.parse::<BlockHash>() {
        return snapshot.block(hash).await;
    }
    match name.parse() {
        Ok(height) => Ok(snapshot.reader.block_at(height).await?),
        Err(_) => Ok(None),
    }
}

async fn show(explorer: &Explorer, visit: &Visit, name: &str, from: u32) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let Some(record) = find(&mut snapshot, name).await? else {
        return Ok(missing(explorer, visit, t.not_found, t.search_none));
    };
    let from = from / PAGE * PAGE;
    let views = snapshot.block_txs(&record, from, PAGE).await?;
    let coinbase = snapshot.block_txs(&record, 0, 1).await?;
    let at_height = snapshot.reader.block_at(record.height).await?;
    let is_stale = record.stale.is_some();
    let siblings = snapshot.reader.stale_at(record.height).await?;
    let siblings = siblings.into_iter().filter(|hash| *hash != record.hash);
    let next = snapshot.next_block(&record).await?;
    let tip = snapshot.tip.height;
    let href = |from: u32| format!("/block/{}?from={from}#transactions", record.hash);
    let to = (from + PAGE).min(record.tx_count);
    let title = format!("{} {}", t.block, record.height);
    let page = BlockPage {
        page: Page::new(explorer, visit, title).in_section("blocks"),
        height: text::grouped(u64::from(record.height)),
        hash: record.hash.to_string(),
        is_stale,
        replacement: at_height.map(|block| html::link("block", &block.hash.to_string())),
        stale_siblings: siblings
            .map(|hash| html::link("block", &hash.to_string()))
            .collect(),
        depth: depth(explorer, record.height, tip, t),
        facts: facts(&record, &coinbase, now, t),
        more: header_facts(&record, t),
        seal: coinbase
            .first()
            .map_or_else(Vec::new, |view| seal::facts(&view.transaction, t)),
        fill: format!("{:.2}", record.weight as f64 / 40_000.0),
        rows: TxRow::list_with_fees(&views, now, t),
        tx_count: text::grouped(u64::from(record.tx_count)),
        range: format!("{}–{}", from + 1, to.max(from + 1)),
        earlier: (from > 0).then(|| href(from - PAGE)),
        later: (to < record.tx_count).then(|| href(to)),
        previous: (record.height > 0)
            .then(|| format!("/block/{}", record.header.previous_block_hash)),
        next: next.map(|hash| format!("/block/{hash}")),
    };
    Ok(respond(StatusCode::OK, &page))
}

fn facts(
    record: &BlockRecord,
    coinbase: &[crate::explore::TxView],
    now: i64,
    t: &Words,
) -> Vec<Fact> {
    let mut facts = vec![
        rich(
            t.time,
            html::full_moment(i64::from(record.header.time), now, t),
        ),
        fact(t.size, text::bytes(record.size)),
        fact(t.weight, format!("{} WU", text::grouped(record.weight))),
        rich(t.fees, html::amount(record.fees_sat)),
        rich(t.outputs_total, html::amount(record.output_sat)),
    ];
    if let Some(view) = coinbase.first() {
        facts.push(rich(t.reward, html::amount(view.output_sat())));
        let script = view
            .transaction
            .inputs()
            .first()
            .map(|input| &input.script_sig);
        let note = script
            .map(|script| text::printable(script.as_bytes()))
            .unwrap_or_default();
        facts.push(fact(t.coinbase_text, note));
    }
    if let Some(seen) = record.seen_at {
        facts.push(rich(t.first_seen, html::full_moment(seen, now, t)));
    }
    facts
}

fn header_facts(record: &BlockRecord, t: &Words) -> Vec<Fact> {
    let header = &record.header;
    let target = header
        .bits
        .to_target()
        .map_or_else(|_| String::new(), |it| it.to_string());
    vec![
        mono(t.version, format!("0x{:08x}", header.version)),
        fact(t.median_time, text::utc_time(i64::from(record.median_time))),
        mono(t.merkle_root, header.merkle_root),
        fact(t.nonce, text::grouped(u64::from(header.nonce))),
        mono(t.bits, format!("0x{}", header.bits)),
        fact(t.difficulty, text::difficulty(header.bits.difficulty())),
        mono(t.target, target),
        mono(t.chainwork, record.chainwork),
        mono(t.header, hex::encode(header.encode())),
    ]
}

async fn show_list(explorer: &Explorer, visit: &Visit, from: Option<u32>) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let from = from.unwrap_or(snapshot.tip.height).min(snapshot.tip.height);
    let records = snapshot.reader.blocks_down_from(from, BLOCKS).await?;
    let lowest = records.last().map_or(0, |record| record.height);
    let older = (lowest > 0).then(|| Link {
        href: format!("/blocks?from={}", lowest - 1),
        words: t.older.to_owned(),
    });
    let page = BlocksPage {
        page: Page::new(explorer, visit, t.blocks).in_section("blocks"),
        tiles: records
            .iter()
            .map(|record| Tile::of(record, now, t))
            .collect(),
        older,
        is_newest: from == snapshot.tip.height,
    };
    Ok(respond(StatusCode::OK, &page))
}
