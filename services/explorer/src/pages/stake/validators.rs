//! `GET /validators`.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use synod_api::node::{ValidatorBody, ValidatorPage, ValidatorStanding, ValidatorsQuery};

use super::{Absent, compact, has_validators, percent, share, slot_moment, unreachable, whose};
use crate::http::state::Explorer;
use crate::pages::html::{self, Html};
use crate::pages::page::{Page, Visit, respond};
use crate::pages::words::Words;
use crate::text;

/// Validators on one page.
const PAGE: u32 = 50;
/// Slots to come that are listed.
const TURNS: usize = 16;

/// Which part of the list is asked for.
#[derive(Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

/// A validator in the list.
struct Row {
    rank: u32,
    whose: Html,
    standing: Html,
    stake: Html,
    weight: String,
    share: u64,
    sealed: String,
    missed: String,
    last: String,
}

/// A slot to come.
pub(super) struct TurnRow {
    pub(super) slot: String,
    pub(super) when: Html,
    pub(super) whose: Html,
}

/// The list.
#[derive(Template)]
#[template(path = "validators.html")]
struct Validators {
    page: Page,
    has_validators: bool,
    engine: String,
    count: String,
    seats: String,
    bonded: Html,
    turnout: String,
    slot: String,
    epoch: String,
    counted: String,
    final_height: Option<String>,
    rows: Vec<Row>,
    turns: Vec<TurnRow>,
    later: Option<String>,
}

/// Lists those who seal, the greatest first.
pub(crate) async fn validators(
    State(explorer): State<Explorer>,
    visit: Visit,
    Query(place): Query<Place>,
) -> Response {
    let page = if has_validators(&explorer) {
        let query = ValidatorsQuery {
            cursor: place.cursor,
            limit: Some(PAGE),
        };
        let found = explorer.node.validators(&query).await;
        found.map_err(Absent::from)
    } else {
        Err(Absent::Engine)
    };
    match page {
        Ok(found) => respond(StatusCode::OK, &full(&explorer, &visit, &found)),
        Err(Absent::Engine) => respond(StatusCode::OK, &without(&explorer, &visit)),
        Err(Absent::Node) => unreachable(&explorer, &visit),
    }
}

fn without(explorer: &Explorer, visit: &Visit) -> Validators {
    let t = visit.language.words();
    Validators {
        page: Page::new(explorer, visit, t.validators).in_section("validators"),
        has_validators: false,
        engine: String::new(),
        count: String::new(),
        seats: String::new(),
        bonded: Html::default(),
        turnout: String::new(),
        slot: String::new(),
        epoch: String::new(),
        counted: String::new(),
        final_height: None,
        rows: Vec::new(),
        turns: Vec::new(),
        later: None,
    }
}

fn full(explorer: &Explorer, visit: &Visit, found: &ValidatorPage) -> Validators {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let totals = &found.totals;
    let active = totals.active_sat.to_sat();
    let turnout = u64::from(totals.turnout_ppm);
    Validators {
        page: Page::new(explorer, visit, t.validators).in_section("validators"),
        has_validators: true,
        engine: found.engine.clone(),
        count: text::grouped(totals.validators),
        seats: text::grouped(u64::from(found.seats)),
        bonded: compact(totals.bonded_sat.to_sat()),
        turnout: percent(turnout, 1_000_000),
        slot: text::grouped(found.slot),
        epoch: text::grouped(found.epoch),
        counted: text::grouped(found.counted_slots),
        final_height: explorer
            .follower
            .final_height()
            .map(|height| text::grouped(u64::from(height))),
        rows: found
            .validators
            .iter()
            .map(|it| Row::of(it, active, t))
            .collect(),
        turns: turns(found, TURNS, now, t),
        later: found.next_cursor.as_deref().map(|cursor| {
            format!(
                "/validators?cursor={}",
                crate::pages::preferences::encode(cursor)
            )
        }),
    }
}

/// The next slots, each with whose it is.
pub(super) fn turns(found: &ValidatorPage, limit: usize, now: i64, t: &Words) -> Vec<TurnRow> {
    let name = |delegate| {
        let known = found.validators.iter().find(|it| it.delegate == delegate);
        known.and_then(|it| it.name.as_deref())
    };
    let turns = found.turns.iter().take(limit);
    turns
        .map(|turn| TurnRow {
            slot: text::grouped(turn.slot),
            when: slot_moment(i64::from(turn.time), now, t),
            whose: whose(turn.delegate, name(turn.delegate)),
        })
        .collect()
}

/// Satoshis of the wire as coins.
pub(super) fn amount(sat: u64) -> Html {
    html::amount(i64::try_from(sat).unwrap_or(i64::MAX))
}

/// What a validator is at present, with a colour.
pub(super) fn standing(standing: ValidatorStanding, t: &Words) -> Html {
    let (class, words) = match standing {
        ValidatorStanding::Pending => ("pending", t.standing_pending),
        ValidatorStanding::Active => ("ok", t.standing_active),
        ValidatorStanding::Standby => ("quiet", t.standing_standby),
        ValidatorStanding::Benched => ("pending", t.standing_benched),
        ValidatorStanding::Unbonding => ("quiet", t.standing_unbonding),
        ValidatorStanding::Slashed => ("stale", t.standing_slashed),
    };
    html::badge(class, words)
}

impl Row {
    fn of(body: &ValidatorBody, active: u64, t: &Words) -> Self {
        let stake = body.bond_sat.to_sat();
        let stake = stake.saturating_add(body.delegated_sat.to_sat());
        let weight = body.active_sat.to_sat();
        let last = body.last_slot.map_or_else(|| "–".to_owned(), text::grouped);
        Self {
            rank: body.rank,
            whose: whose(body.delegate, body.name.as_deref()),
            standing: standing(body.status, t),
            stake: compact(stake),
            weight: percent(weight, active),
            share: share(weight, active),
            sealed: text::grouped(body.sealed),
            missed: text::grouped(body.missed),
            last,
        }
    }
}
