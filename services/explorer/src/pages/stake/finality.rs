//! `GET /finality`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use synod_api::AmountSat;
use synod_api::node::{BlockRef, CheckpointPlace, EpochVotes, FinalityStatus};

use super::{Absent, has_validators, percent, share, unreachable};
use crate::http::state::Explorer;
use crate::pages::html::Html;
use crate::pages::page::{Page, Visit, respond};
use crate::pages::words::Words;
use crate::text;

/// The votes for a checkpoint.
struct VoteRow {
    target: Html,
    source: Html,
    votes: String,
    weight: String,
    share: u64,
    is_justified: bool,
}

/// What is final.
#[derive(Template)]
#[template(path = "finality.html")]
struct Finality {
    page: Page,
    has_finality: bool,
    rule: &'static str,
    final_block: Option<Html>,
    justified: Option<Html>,
    prevoted: Option<Html>,
    tip: Html,
    lag: String,
    published: String,
    has_votes: bool,
    rows: Vec<VoteRow>,
}

/// Shows what is final, and how far the votes for what follows have come.
pub(crate) async fn finality(State(explorer): State<Explorer>, visit: Visit) -> Response {
    let found = if has_validators(&explorer) {
        explorer.node.finality().await.map_err(Absent::from)
    } else {
        Err(Absent::Engine)
    };
    match found {
        Ok(found) => respond(StatusCode::OK, &full(&explorer, &visit, &found)),
        Err(Absent::Engine) => respond(StatusCode::OK, &without(&explorer, &visit)),
        Err(Absent::Node) => unreachable(&explorer, &visit),
    }
}

fn without(explorer: &Explorer, visit: &Visit) -> Finality {
    let t = visit.language.words();
    Finality {
        page: Page::new(explorer, visit, t.finality).in_section("validators"),
        has_finality: false,
        rule: "",
        final_block: None,
        justified: None,
        prevoted: None,
        tip: Html::default(),
        lag: String::new(),
        published: String::new(),
        has_votes: false,
        rows: Vec::new(),
    }
}

fn full(explorer: &Explorer, visit: &Visit, found: &FinalityStatus) -> Finality {
    let t = visit.language.words();
    let is_pos = found.engine == "pos";
    let published = found.published_lag;
    Finality {
        page: Page::new(explorer, visit, t.finality).in_section("validators"),
        has_finality: true,
        rule: if is_pos { t.rule_pos } else { t.rule_dpos },
        final_block: found.finalized.as_ref().map(block),
        justified: found.justified.as_ref().map(|it| checkpoint(it, t)),
        prevoted: found.prevoted_height.map(height),
        tip: block(&found.tip),
        lag: text::grouped(u64::from(found.lag_blocks)),
        published: format!(
            "{} {} · {} s",
            text::grouped(u64::from(published.blocks)),
            t.blocks_unit,
            text::grouped(published.seconds)
        ),
        has_votes: is_pos,
        rows: found.epochs.iter().map(|it| VoteRow::of(it, t)).collect(),
    }
}

fn height(height: u32) -> Html {
    let shown = text::grouped(u64::from(height));
    Html::raw(format!("<a href=\"/block/{height}\">{shown}</a>"))
}

fn block(it: &BlockRef) -> Html {
    let shown = text::grouped(u64::from(it.height));
    Html::raw(format!("<a href=\"/block/{}\">{shown}</a>", it.hash))
}

fn checkpoint(it: &CheckpointPlace, t: &Words) -> Html {
    let epoch = text::grouped(it.checkpoint.epoch);
    let place = it.height.map_or_else(
        || t.unknown_block.to_owned(),
        |height| text::grouped(u64::from(height)),
    );
    Html::raw(format!(
        "{} {epoch} · <a href=\"/block/{}\">{place}</a>",
        t.epoch, it.checkpoint.hash
    ))
}

impl VoteRow {
    fn of(it: &EpochVotes, t: &Words) -> Self {
        let (weight, total) = (it.weight_sat.to_sat(), it.total_sat.map(AmountSat::to_sat));
        let of = it.validators.map(|count| format!(" / {count}"));
        Self {
            target: checkpoint(&it.target, t),
            source: checkpoint(&it.source, t),
            votes: format!("{}{}", it.votes, of.unwrap_or_default()),
            weight: total.map_or_else(|| "–".to_owned(), |total| percent(weight, total)),
            share: total.map_or(0, |total| share(weight, total)),
            is_justified: it.is_justified,
        }
    }
}
