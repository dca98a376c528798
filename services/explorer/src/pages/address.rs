//! `GET /address/{address}` and `GET /scripthash/{hash}`.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::{Color, QrCode};
use serde::Deserialize;
use synod_primitives::hex;
use synod_script::{Address, AddressError, Asm, esplora_type};

use super::failure::{Outcome, finish, missing};
use super::html::{self, Html};
use super::page::{Page, Visit, respond};
use super::parts::{Fact, fact, mono};
use super::words::Words;
use crate::explore::{ExploreError, Place};
use crate::http::state::{ADDRESSES, Explorer};
use crate::pool::script_key;
use crate::snapshot::Snapshot;
use crate::store::{HistoryRow, TxNumber};
use crate::text;

/// Rows of history and of unspent outputs on one page.
const PAGE: u32 = 25;
const UNSPENT: usize = 50;
/// Unconfirmed transactions on one page.
const PENDING: usize = 50;

/// Which page of the history.
#[derive(Deserialize)]
pub(crate) struct Cursor {
    /// The place after the last row seen: `height.position`.
    before: Option<String>,
}

/// A row of the history.
struct ChangeRow {
    link: Html,
    change: Html,
    place: Html,
    when: Html,
}

/// An unspent output.
struct UnspentItem {
    link: Html,
    value: Html,
    state: Html,
}

/// An address or a script.
#[derive(Template)]
#[template(path = "address.html")]
struct AddressPage {
    page: Page,
    name: String,
    is_address: bool,
    balance: Html,
    balance_sat: String,
    pending: Option<Html>,
    received: Html,
    sent: Html,
    tx_count: String,
    facts: Vec<Fact>,
    qr: Html,
    rows: Vec<ChangeRow>,
    unspent: Vec<UnspentItem>,
    unspent_count: String,
    is_cut: bool,
    older: Option<String>,
    is_first: bool,
    is_unused: bool,
}

/// What the page is about.
struct Subject {
    key: [u8; 32],
    name: String,
    path: String,
    script: Option<synod_primitives::Script>,
    is_address: bool,
}

/// Shows an address.
pub(crate) async fn address(
    State(explorer): State<Explorer>,
    visit: Visit,
    Path(text): Path<String>,
    Query(cursor): Query<Cursor>,
) -> Response {
    let t = visit.language.words();
    let address = match Address::parse(&text, ADDRESSES) {
        Ok(address) => address,
        Err(AddressError::OtherNetwork { .. }) => {
            return missing(&explorer, &visit, t.not_found, t.wrong_network);
        }
        Err(_) => return missing(&explorer, &visit, t.not_found, t.search_none),
    };
    let script = address.script_pubkey();
    let name = address.format(ADDRESSES);
    let subject = Subject {
        key: script_key(&script),
        path: format!("/address/{name}"),
        name,
        script: Some(script),
        is_address: true,
    };
    let outcome = show(&explorer, &visit, subject, &cursor).await;
    finish(&explorer, &visit, outcome)
}

/// Shows a script that has no address, by its hash.
pub(crate) async fn script(
    State(explorer): State<Explorer>,
    visit: Visit,
    Path(hash): Path<String>,
    Query(cursor): Query<Cursor>,
) -> Response {
    let t = visit.language.words();
    let Ok(key) = hex::decode_array(&hash) else {
        return missing(&explorer, &visit, t.not_found, t.search_none);
    };
    let name = hex::encode(key);
    let path = format!("/scripthash/{name}");
    let subject = Subject {
        key,
        name,
        path,
        script: None,
        is_address: false,
    };
    let outcome = show(&explorer, &visit, subject, &cursor).await;
    finish(&explorer, &visit, outcome)
}

async fn show(explorer: &Explorer, visit: &Visit, subject: Subject, cursor: &Cursor) -> Outcome {
    let (t, now) = (visit.language.words(), explorer.clock.now());
    let mut snapshot = explorer.snapshot().await?;
    let key = subject.key;
    let script = match subject.script {
        Some(script) => Some(script),
        None => snapshot.reader.script(&key).await?,
    };
    let sums = snapshot.script_use(&key).await?;
    let before = cursor.before.as_deref().and_then(parse_cursor);
    let mut rows = if before.is_none() {
        pending_rows(&snapshot, &key, now, t)
    } else {
        Vec::new()
    };
    let history = snapshot.script_history(&key, before, PAGE).await?;
    let older = (history.len() == PAGE as usize)
        .then(|| {
            history
                .last()
                .map(|row| format!("{}?before={}", subject.path, cursor_of(row.number)))
        })
        .flatten();
    rows.extend(change_rows(&mut snapshot, &history, now, t).await?);
    let (unspent, unspent_count) = unspent_rows(&mut snapshot, &key, t).await?;
    let pending_sat = sums.pending_sat();
    let total = sums.confirmed_sat() + pending_sat;
    let page = AddressPage {
        page: Page::new(
            explorer,
            visit,
            if subject.is_address {
                t.address
            } else {
                t.script
            },
        ),
        balance: html::amount(total),
        balance_sat: html::sats(total),
        pending: (sums.mempool.tx_count > 0).then(|| html::change(pending_sat)),
        received: html::amount(sums.chain.funded_sat + sums.mempool.funded_sat),
        sent: html::amount(sums.chain.spent_sat + sums.mempool.spent_sat),
        tx_count: text::grouped(
            u64::try_from(sums.chain.tx_count + sums.mempool.tx_count).unwrap_or(0),
        ),
        facts: facts(&key, script.as_ref(), t),
        qr: if subject.is_address {
            qr(&subject.name, t)
        } else {
            Html::default()
        },
        is_unused: sums.chain.tx_count + sums.mempool.tx_count == 0,
        name: subject.name,
        is_address: subject.is_address,
        rows,
        is_cut: unspent.len() >= UNSPENT,
        unspent,
        unspent_count: text::grouped(unspent_count),
        older,
        is_first: before.is_none(),
    };
    Ok(respond(StatusCode::OK, &page))
}

fn facts(key: &[u8; 32], script: Option<&synod_primitives::Script>, t: &Words) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(script) = script {
        facts.push(fact(t.script_type, esplora_type(script.as_bytes())));
        facts.push(mono(t.script, Asm(script.as_bytes())));
    }
    facts.push(mono(t.script_hash, hex::encode(key)));
    facts
}

fn cursor_of(number: TxNumber) -> String {
    format!("{}.{}", number.height(), number.position())
}

fn parse_cursor(text: &str) -> Option<TxNumber> {
    let (height, position) = text.split_once('.')?;
    let position = position
        .parse()
        .ok()
        .filter(|position| *position < 1 << 20)?;
    Some(TxNumber::new(height.parse().ok()?, position))
}

fn pending_rows(snapshot: &Snapshot, key: &[u8; 32], now: i64, t: &Words) -> Vec<ChangeRow> {
    let entries = snapshot.pool.of_script(key).rev().take(PENDING);
    entries
        .map(|entry| {
            let (funded, spent) = entry.effect_on(key);
            ChangeRow {
                link: html::link("tx", &entry.transaction.txid().to_string()),
                change: html::change(funded.sat - spent.sat),
                place: html::badge("pending", t.unconfirmed),
                when: html::moment(entry.seen_at, now, t),
            }
        })
        .collect()
}

async fn change_rows(
    snapshot: &mut Snapshot,
    history: &[HistoryRow],
    now: i64,
    t: &Words,
) -> Result<Vec<ChangeRow>, ExploreError> {
    let numbers: Vec<TxNumber> = history.iter().map(|row| row.number).collect();
    let views = snapshot.txs_at(&numbers).await?;
    let rows = history.iter().zip(&views);
    Ok(rows
        .map(|(row, view)| {
            let height = row.number.height();
            let when = match view.place {
                Place::Confirmed { time, .. } => html::moment(i64::from(time), now, t),
                _ => Html::default(),
            };
            ChangeRow {
                link: html::link("tx", &view.transaction.txid().to_string()),
                change: html::change(row.funded_sat - row.spent_sat),
                place: Html::raw(format!(
                    "<a href=\"/block/{height}\">{}</a>",
                    text::grouped(u64::from(height))
                )),
                when,
            }
        })
        .collect())
}

async fn unspent_rows(
    snapshot: &mut Snapshot,
    key: &[u8; 32],
    t: &Words,
) -> Result<(Vec<UnspentItem>, u64), ExploreError> {
    let unspent = snapshot.unspent(key).await?;
    let count = unspent.len() as u64;
    let items = unspent.iter().rev().take(UNSPENT).map(|it| {
        let (txid, vout) = (it.outpoint.txid.to_string(), it.outpoint.vout);
        let short = html::short(&txid);
        let state = match it.place {
            Place::Confirmed { number, .. } => {
                let height = number.height();
                let words = text::grouped(u64::from(height));
                Html::raw(format!("<a href=\"/block/{height}\">{words}</a>"))
            }
            _ => html::badge("pending", t.unconfirmed),
        };
        UnspentItem {
            link: Html::raw(format!(
                "<a href=\"/tx/{txid}#output-{vout}\">{short}:{vout}</a>"
            )),
            value: html::amount(it.value_sat),
            state,
        }
    });
    Ok((items.collect(), count))
}

/// Draws a QR code as one path.
fn qr(address: &str, t: &Words) -> Html {
    /// Modules of quiet zone on each side (ISO 18004).
    const QUIET: usize = 4;
    // Upper case makes a smaller code of a bech32 address, which is the same in either case.
    let content = if address.starts_with("bcrt1") {
        address.to_uppercase()
    } else {
        address.to_owned()
    };
    let Ok(code) = QrCode::new(content.as_bytes()) else {
        return Html::default();
    };
    let side = code.width();
    let mut path = String::new();
    for (i, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            path.push_str(&format!(
                "M{} {}h1v1h-1z",
                i % side + QUIET,
                i / side + QUIET
            ));
        }
    }
    let full = side + 2 * QUIET;
    Html::raw(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {full} {full}\" role=\"img\" shape-rendering=\"crispEdges\">\
         <title>{}</title><rect width=\"{full}\" height=\"{full}\" fill=\"#fff\"/>\
         <path d=\"{path}\" fill=\"#000\"/></svg>",
        t.qr_label
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_garbage_is_the_first_page() {
        let number = TxNumber::new(700, 3);
        assert_eq!(parse_cursor(&cursor_of(number)), Some(number));
        for text in ["", "7", "7.x", "-1.0", "7.1048576", "99999999999.0"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }
}
