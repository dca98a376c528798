//! `GET /search?q=`.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use synod_primitives::{BlockHash, OutPoint, Txid, hex};
use synod_script::{Address, AddressError};

use super::failure::failed;
use super::page::{Page, Visit, respond};
use crate::explore::ExploreError;
use crate::http::state::{ADDRESSES, Explorer};
use crate::snapshot::Snapshot;

/// Characters of a question that are looked at.
const MAX_QUESTION: usize = 300;

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct Question {
    q: Option<String>,
}

/// Says that nothing fits, and what was tried.
#[derive(Template)]
#[template(path = "search.html")]
struct NothingPage {
    page: Page,
    question: String,
    reason: &'static str,
}

/// What a question leads to.
enum Finding {
    /// A page.
    At(String),
    /// An address of another network.
    OtherNetwork,
    /// A height that the chain has not reached.
    AboveTip,
    /// Nothing.
    Nothing,
}

/// Leads to the page of what is looked for.
pub(crate) async fn search(
    State(explorer): State<Explorer>,
    visit: Visit,
    Query(question): Query<Question>,
) -> Response {
    let question = clean(&question.q.unwrap_or_default());
    if question.is_empty() {
        return lead_to("/");
    }
    let found = match explorer.snapshot().await {
        Ok(mut snapshot) => find(&mut snapshot, &question).await,
        Err(error) => Err(error.into()),
    };
    let t = visit.language.words();
    let reason = match found {
        Ok(Finding::At(place)) => return lead_to(&place),
        Ok(Finding::OtherNetwork) => t.wrong_network,
        Ok(Finding::AboveTip) => t.above_tip,
        Ok(Finding::Nothing) => t.search_none,
        Err(error) => return failed(&explorer, &visit, error),
    };
    let mut page = Page::new(&explorer, &visit, t.search_none);
    page.query.clone_from(&question);
    respond(
        StatusCode::NOT_FOUND,
        &NothingPage {
            page,
            question,
            reason,
        },
    )
}

/// Takes what people paste down to its core: a `bitcoin:` URI's address, a link's last part.
fn clean(text: &str) -> String {
    let text: String = text.trim().chars().take(MAX_QUESTION).collect();
    let text = text
        .strip_prefix("bitcoin:")
        .or(text.strip_prefix("BITCOIN:"))
        .unwrap_or(&text);
    let is_link = text.starts_with("http://") || text.starts_with("https://");
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = if is_link {
        text.rsplit('/').find(|it| !it.is_empty()).unwrap_or(text)
    } else {
        text
    };
    text.to_owned()
}

async fn find(snapshot: &mut Snapshot, question: &str) -> Result<Finding, ExploreError> {
    let plain: String = question
        .chars()
        .filter(|it| !matches!(it, ' ' | '_' | ',' | '\u{202f}'))
        .collect();
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(match plain.parse::<u32>() {
            Ok(height) if height <= snapshot.tip.height => Finding::At(format!("/block/{height}")),
            _ => Finding::AboveTip,
        });
    }
    if let Ok(outpoint) = question.parse::<OutPoint>() {
        let place = format!("/tx/{}#output-{}", outpoint.txid, outpoint.vout);
        let is_known = snapshot.place(outpoint.txid).await?.is_some();
        return Ok(if is_known {
            Finding::At(place)
        } else {
            Finding::Nothing
        });
    }
    if let Ok(hash) = hex::decode_array::<32>(question) {
        return find_hash(snapshot, question, hash).await;
    }
    Ok(match Address::parse(question, ADDRESSES) {
        Ok(address) => Finding::At(format!("/address/{}", address.format(ADDRESSES))),
        Err(AddressError::OtherNetwork { .. }) => Finding::OtherNetwork,
        Err(_) => Finding::Nothing,
    })
}

async fn find_hash(
    snapshot: &mut Snapshot,
    text: &str,
    key: [u8; 32],
) -> Result<Finding, ExploreError> {
    if let Ok(hash) = text.parse::<BlockHash>()
        && snapshot.block(hash).await?.is_some()
    {
        return Ok(Finding::At(format!("/block/{hash}")));
    }
    if let Ok(txid) = text.parse::<Txid>() {
        let is_known = snapshot.place(txid).await?.is_some();
        if is_known || snapshot.reader.last_drop(txid).await?.is_some() {
            return Ok(Finding::At(format!("/tx/{txid}")));
        }
    }
    let sums = snapshot.script_use(&key).await?;
    if sums.chain.tx_count + sums.mempool.tx_count > 0 {
        return Ok(Finding::At(format!("/scripthash/{}", hex::encode(key))));
    }
    Ok(Finding::Nothing)
}

fn lead_to(place: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_links_and_uris_are_taken_down_to_their_core() {
        for (text, expected) in [
            ("  123 ", "123"),
            ("bitcoin:bcrt1qabc?amount=1", "bcrt1qabc"),
            ("https://host.example/tx/00ff?x=1#y", "00ff"),
            ("http://host.example/address/abc/", "abc"),
        ] {
            assert_eq!(clean(text), expected);
        }
        assert_eq!(clean(&"é".repeat(1000)).chars().count(), MAX_QUESTION);
    }
}
