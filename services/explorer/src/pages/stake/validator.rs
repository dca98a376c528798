//! `GET /validator/{delegate}`.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use synod_api::KeyHashHex;
use synod_api::node::validator::MAX_VALIDATORS_PAGE;
use synod_api::node::{ValidatorBody, ValidatorPage, ValidatorsQuery};

use super::validators::{TurnRow, amount, standing, turns};
use super::{Absent, has_validators, percent, unreachable};
use crate::http::state::Explorer;
use crate::pages::failure::missing;
use crate::pages::html::Html;
use crate::pages::page::{Page, Visit, respond};
use crate::pages::parts::{Fact, fact, mono, rich};
use crate::pages::words::Words;
use crate::text;

/// Pages of the node's list that are looked through for one validator.
const MAX_PAGES: usize = 20;
/// Slots to come that are listed.
const TURNS: usize = 16;

/// A validator.
#[derive(Template)]
#[template(path = "validator.html")]
struct ValidatorView {
    page: Page,
    title: String,
    delegate: String,
    standing: Html,
    stake: Vec<Fact>,
    work: Vec<Fact>,
    turns: Vec<TurnRow>,
}

/// Shows one of those who seal.
pub(crate) async fn validator(
    State(explorer): State<Explorer>,
    visit: Visit,
    Path(delegate): Path<String>,
) -> Response {
    let t = visit.language.words();
    let wanted = delegate.parse::<KeyHashHex>().ok();
    let Some(wanted) = wanted.filter(|_| has_validators(&explorer)) else {
        return missing(&explorer, &visit, t.not_found, t.no_validators);
    };
    match find(&explorer, wanted).await {
        Ok(Some((found, body))) => respond(
            StatusCode::OK,
            &ValidatorView::of(&explorer, &visit, &found, &body),
        ),
        Ok(None) => missing(&explorer, &visit, t.not_found, t.no_such_validator),
        Err(Absent::Engine) => missing(&explorer, &visit, t.not_found, t.no_validators),
        Err(Absent::Node) => unreachable(&explorer, &visit),
    }
}

/// Looks through the node's list; returns the page with the validator.
async fn find(
    explorer: &Explorer,
    wanted: KeyHashHex,
) -> Result<Option<(ValidatorPage, ValidatorBody)>, Absent> {
    let mut query = ValidatorsQuery {
        cursor: None,
        limit: Some(MAX_VALIDATORS_PAGE),
    };
    for _ in 0..MAX_PAGES {
        let page = explorer.node.validators(&query).await?;
        let body = page.validators.iter().find(|it| it.delegate == wanted);
        if let Some(body) = body.cloned() {
            return Ok(Some((page, body)));
        }
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(None)
}

impl ValidatorView {
    fn of(explorer: &Explorer, visit: &Visit, found: &ValidatorPage, body: &ValidatorBody) -> Self {
        let (t, now) = (visit.language.words(), explorer.clock.now());
        let name = body.name.clone();
        let title = name.unwrap_or_else(|| t.validator.to_owned());
        let own = ValidatorPage {
            turns: found
                .turns
                .iter()
                .filter(|turn| turn.delegate == body.delegate)
                .copied()
                .collect(),
            ..found.clone()
        };
        Self {
            page: Page::new(explorer, visit, title.clone()).in_section("validators"),
            title,
            delegate: body.delegate.to_string(),
            standing: standing(body.status, t),
            stake: stake_facts(found, body, t),
            work: work_facts(found, body, t),
            turns: turns(&own, TURNS, now, t),
        }
    }
}

fn stake_facts(found: &ValidatorPage, body: &ValidatorBody, t: &Words) -> Vec<Fact> {
    let active = found.totals.active_sat.to_sat();
    let mut facts = vec![
        fact(t.rank, body.rank),
        rich(t.bond, amount(body.bond_sat.to_sat())),
        rich(t.delegated, amount(body.delegated_sat.to_sat())),
        rich(t.voting_weight, amount(body.active_sat.to_sat())),
        fact(t.weight_share, percent(body.active_sat.to_sat(), active)),
    ];
    if let Some(bond) = &body.bond {
        let (txid, vout) = (bond.txid, bond.vout);
        facts.push(rich(
            t.registered_by,
            Html::raw(format!(
                "<a class=\"hash mono wrap\" href=\"/tx/{txid}#output-{vout}\">{txid}:{vout}</a>"
            )),
        ));
    }
    if let Some(height) = body.since_height {
        facts.push(rich(t.since_block, block_link(height)));
    }
    if let Some(owner) = body.owner {
        facts.push(mono(t.stake_owner, owner));
    }
    if let Some(key) = body.key {
        facts.push(mono(t.sealing_key, key));
    }
    facts
}

fn work_facts(found: &ValidatorPage, body: &ValidatorBody, t: &Words) -> Vec<Fact> {
    let counted = text::grouped(found.counted_slots);
    let mut facts = vec![
        fact(t.sealed, text::grouped(body.sealed)),
        fact(t.missed, text::grouped(body.missed)),
        fact(t.counted_slots, counted),
    ];
    let numbers = [
        (t.seat, body.seat.map(u64::from)),
        (t.last_slot, body.last_slot),
        (t.last_vote, body.last_vote_epoch),
        (t.next_slot, body.next_slot),
        (t.benched_until, body.benched_until),
    ];
    for (name, number) in numbers {
        facts.extend(number.map(|number| fact(name, text::grouped(number))));
    }
    facts
}

fn block_link(height: u32) -> Html {
    let shown = text::grouped(u64::from(height));
    Html::raw(format!("<a href=\"/block/{height}\">{shown}</a>"))
}
