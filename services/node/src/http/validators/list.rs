//! `GET /v1/validators`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use synod_api::node::validator::MAX_VALIDATORS_PAGE;
use synod_api::node::{
    OutputRef, StakeTotals, Turn, ValidatorBody, ValidatorPage, ValidatorStanding, ValidatorsQuery,
};
use synod_api::{AmountSat, HashHex, KeyHashHex, Problem};
use synod_engine::{Member, MemberState, Millis, Roster};
use synod_service::{ApiError, Query};

use super::clockwork;
use crate::error;
use crate::http::render::page_limit::PageLimit;
use crate::http::render::{answer, block_ref, satoshis, txid};
use crate::state::{AppState, clock_ms};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    cursor: Option<KeyHashHex>,
    #[serde(default)]
    limit: PageLimit<MAX_VALIDATORS_PAGE>,
}

/// Lists validators.
#[utoipa::path(
    get, path = "/v1/validators", tag = "validators", operation_id = "listValidators",
    summary = "List validators",
    description = "Who seals: validators under `pos`, candidates under `dpos`, the greatest amounts \
                   first; what each has bonded, sealed and missed; and whose the next slots are. \
                   Pages follow each other by the delegate at the end of the page before.",
    params(ValidatorsQuery),
    responses(
        (status = 200, description = "A page of validators", body = ValidatorPage),
        (status = 304, description = "The answer is the one that the client has"),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The engine has no stake (`engine-without-stake`)", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The validator of the cursor is not listed any more (`cursor-gone`): read from the start", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests wait", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_validators(
    State(state): State<AppState>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    clockwork(&state)?;
    let roster = state
        .chain
        .look(|node, _| {
            let chain = node.chain();
            let roster = chain.engine().roster(Millis(clock_ms()));
            Ok(roster.map(|it| {
                let issued = chain.rules().issued(it.at.height);
                (it, issued.to_sat_unsigned())
            }))
        })
        .await
        .map_err(error::unavailable)?;
    let (roster, supply) = roster.ok_or_else(|| ApiError::internal("an engine without roster"))?;
    let engine = state.spec.consensus.engine.name().to_owned();
    answer::json(&headers, &body(engine, &roster, supply, &page)?)
}

fn body(
    engine: String,
    roster: &Roster,
    supply_sat: u64,
    page: &Page,
) -> Result<ValidatorPage, ApiError> {
    let members = &roster.members;
    let start = match page.cursor {
        None => 0,
        Some(cursor) => {
            let last = members.iter().position(|it| delegate(it) == cursor);
            last.map(|it| it + 1).ok_or_else(|| {
                let detail = "The validator of the cursor is not listed any more.";
                ApiError::new(StatusCode::GONE, "cursor-gone", detail)
            })?
        }
    };
    let end = start.saturating_add(page.limit.count()).min(members.len());
    let ranked = (1..).zip(members).skip(start).take(end - start);
    let validators: Vec<ValidatorBody> = ranked.map(|(rank, it)| validator(rank, it)).collect();
    let is_last = end == members.len();
    let last = validators.last().filter(|_| !is_last);
    Ok(ValidatorPage {
        engine,
        tip: block_ref(&roster.at),
        slot: roster.slot.0,
        epoch: roster.epoch.0,
        start_time: roster.start_time,
        slot_s: roster.slot_s,
        epoch_slots: roster.epoch_slots.into(),
        seats: roster.seats,
        counted_slots: roster.counted_slots,
        totals: totals(roster, supply_sat),
        turns: turns(roster),
        next_cursor: last.map(|it| it.delegate.to_string()),
        validators,
    })
}

fn totals(roster: &Roster, supply_sat: u64) -> StakeTotals {
    let active = roster.members.iter().map(|it| it.active_sat).sum();
    let share = roster.bonded_sat.saturating_mul(1_000_000);
    let share = share.checked_div(supply_sat.into()).unwrap_or(0);
    StakeTotals {
        validators: u64::try_from(roster.members.len()).unwrap_or(u64::MAX),
        bonded_sat: wide(roster.bonded_sat),
        active_sat: wide(active),
        supply_sat: satoshis(supply_sat),
        turnout_ppm: u32::try_from(share.min(1_000_000)).unwrap_or(1_000_000),
    }
}

fn turns(roster: &Roster) -> Vec<Turn> {
    let turns = roster.turns.iter();
    let turns = turns.map(|turn| {
        let since = turn.slot.0.saturating_mul(roster.slot_s.into());
        let time = since.saturating_add(roster.start_time.into());
        Turn {
            slot: turn.slot.0,
            time: u32::try_from(time).unwrap_or(u32::MAX),
            delegate: KeyHashHex::from_bytes(turn.delegate.0),
        }
    });
    turns.collect()
}

fn validator(rank: u32, member: &Member) -> ValidatorBody {
    let bond = member.registration.as_ref();
    let bond_sat = bond.map_or(0, |it| it.amount.to_sat_unsigned());
    ValidatorBody {
        delegate: delegate(member),
        key: member.key.map(|it| HashHex::from_bytes(it.0)),
        name: member.name.clone(),
        status: match member.state {
            MemberState::Pending => ValidatorStanding::Pending,
            MemberState::Active => ValidatorStanding::Active,
            MemberState::Standby => ValidatorStanding::Standby,
            MemberState::Benched(_) => ValidatorStanding::Benched,
            MemberState::Unbonding => ValidatorStanding::Unbonding,
            MemberState::Slashed => ValidatorStanding::Slashed,
        },
        rank,
        seat: member.seat,
        owner: bond.map(|it| KeyHashHex::from_bytes(it.owner.0)),
        bond: bond.map(|it| OutputRef {
            txid: txid(it.outpoint.txid),
            vout: it.outpoint.vout,
        }),
        bond_sat: satoshis(bond_sat),
        delegated_sat: wide(member.amount_sat.saturating_sub(bond_sat.into())),
        active_sat: wide(member.active_sat),
        since_height: bond.map(|it| it.height.0),
        benched_until: match member.state {
            MemberState::Benched(until) => Some(until.0),
            _ => None,
        },
        sealed: member.sealed,
        missed: member.missed,
        last_slot: member.last_slot.map(|it| it.0),
        last_vote_epoch: member.last_vote.map(|it| it.0),
        next_slot: member.next_slot.map(|it| it.0),
    }
}

fn delegate(member: &Member) -> KeyHashHex {
    KeyHashHex::from_bytes(member.delegate.0)
}

fn wide(sum: u128) -> AmountSat {
    satoshis(u64::try_from(sum).unwrap_or(u64::MAX))
}
