//! `GET /faucet` and `POST /faucet/send`.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use synod_api::AmountSat;

use super::failure::missing;
use super::html::{self, Html};
use super::page::{Page, Visit, respond};
use crate::http::native::faucet::request_coins;
use crate::http::state::Explorer;
use crate::text;

/// What the field holds at first, in coins.
const USUAL: &str = "1";

/// What is asked for.
#[derive(Default, Deserialize)]
struct Request {
    address: String,
    amount: String,
}

/// The form, and what became of the last request.
#[derive(Template)]
#[template(path = "faucet.html")]
struct FaucetPage {
    page: Page,
    address: String,
    amount: String,
    most: String,
    sent: Option<Html>,
    refusal: Option<String>,
}

/// Shows the form.
pub(crate) async fn form(State(explorer): State<Explorer>, visit: Visit) -> Response {
    let request = Request {
        address: String::new(),
        amount: USUAL.to_owned(),
    };
    show(&explorer, &visit, StatusCode::OK, request, None)
}

/// Takes the form in, has the faucet pay and shows the payment.
pub(crate) async fn send(State(explorer): State<Explorer>, visit: Visit, body: Bytes) -> Response {
    let request = parse(&body).unwrap_or_default();
    let amount = text::parse_coins(&request.amount).and_then(|sat| AmountSat::new(sat).ok());
    let Some(amount) = amount else {
        let t = visit.language.words();
        let refusal = Err(t.faucet_amount.to_owned());
        return show(
            &explorer,
            &visit,
            StatusCode::UNPROCESSABLE_ENTITY,
            request,
            Some(refusal),
        );
    };
    match request_coins(&explorer, request.address.trim(), amount).await {
        Ok(txid) => {
            let link = html::link("tx", &txid.to_string());
            show(&explorer, &visit, StatusCode::OK, request, Some(Ok(link)))
        }
        Err(error) => {
            let refusal = Err(error.problem().detail.clone());
            show(&explorer, &visit, error.status(), request, Some(refusal))
        }
    }
}

/// Reads a form: its encoding is that of a query.
fn parse(body: &[u8]) -> Option<Request> {
    let uri: Uri = format!("/?{}", std::str::from_utf8(body).ok()?)
        .parse()
        .ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(request)| request)
}

fn show(
    explorer: &Explorer,
    visit: &Visit,
    status: StatusCode,
    request: Request,
    outcome: Option<Result<Html, String>>,
) -> Response {
    let t = visit.language.words();
    let Some(faucet) = &explorer.faucet else {
        return missing(explorer, visit, t.faucet, t.faucet_off);
    };
    let most = text::coins(i64::try_from(faucet.max_amount().to_sat()).unwrap_or(i64::MAX));
    let (sent, refusal) = match outcome {
        None => (None, None),
        Some(Ok(link)) => (Some(link), None),
        Some(Err(text)) => (None, Some(text)),
    };
    let mut frame = visit.clone();
    if visit.place.starts_with("/faucet/") {
        // The address of a sent form is no page to come back to.
        "/faucet".clone_into(&mut frame.place);
    }
    let page = Page::new(explorer, &frame, t.faucet).in_section("faucet");
    let Request { address, amount } = request;
    respond(
        status,
        &FaucetPage {
            page,
            address,
            amount,
            most,
            sent,
            refusal,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_garbage_is_not() {
        let request = parse(b"address=bcrt1q+x&amount=0.5").expect("a form");
        assert_eq!(
            (request.address.as_str(), request.amount.as_str()),
            ("bcrt1q x", "0.5")
        );
        assert!(parse(b"\xff").is_none());
        assert!(parse(b"address=x").is_none());
    }
}
