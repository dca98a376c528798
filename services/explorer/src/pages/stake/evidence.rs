//! `GET /evidence`.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use synod_api::node::{Contradiction, EvidenceBody, EvidenceStatus};

use super::{Absent, has_validators, unreachable, whose};
use crate::http::state::Explorer;
use crate::pages::html::{self, Html};
use crate::pages::page::{Page, Visit, respond};
use crate::pages::words::Words;
use crate::text;

/// A piece of evidence.
struct EvidenceRow {
    whose: Html,
    crime: String,
    status: Html,
    place: Html,
}

/// Who has contradicted itself.
#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidenceView {
    page: Page,
    has_validators: bool,
    rows: Vec<EvidenceRow>,
}

/// Lists the keys that were caught, the newest first.
pub(crate) async fn evidence(State(explorer): State<Explorer>, visit: Visit) -> Response {
    let t = visit.language.words();
    let found = if has_validators(&explorer) {
        explorer.node.evidence().await.map_err(Absent::from)
    } else {
        Err(Absent::Engine)
    };
    let (has_validators, rows) = match found {
        Ok(found) => {
            let rows = found.evidence.iter().map(|it| EvidenceRow::of(it, t));
            (true, rows.collect())
        }
        Err(Absent::Engine) => (false, Vec::new()),
        Err(Absent::Node) => return unreachable(&explorer, &visit),
    };
    let page = Page::new(&explorer, &visit, t.evidence).in_section("validators");
    respond(
        StatusCode::OK,
        &EvidenceView {
            page,
            has_validators,
            rows,
        },
    )
}

impl EvidenceRow {
    fn of(body: &EvidenceBody, t: &Words) -> Self {
        let (first, second) = (text::grouped(body.first_at), text::grouped(body.second_at));
        let at = if first == second {
            first
        } else {
            format!("{first}, {second}")
        };
        let crime = match body.contradiction {
            Contradiction::Seals => format!("{} {at}", t.two_seals),
            Contradiction::Votes => format!("{} {at}", t.two_votes),
        };
        let (class, words) = match body.status {
            EvidenceStatus::Open => ("pending", t.evidence_open),
            EvidenceStatus::Included => ("stale", t.evidence_included),
            EvidenceStatus::Baseless => ("quiet", t.evidence_baseless),
        };
        let place = match (body.included_txid, body.included_height) {
            (Some(txid), _) => html::link("tx", &txid.to_string()),
            (None, Some(height)) => Html::raw(format!(
                "<a href=\"/block/{height}\">{}</a>",
                text::grouped(u64::from(height))
            )),
            (None, None) => Html::raw("–"),
        };
        Self {
            whose: whose(body.delegate, None),
            crime,
            status: html::badge(class, words),
            place,
        }
    }
}
