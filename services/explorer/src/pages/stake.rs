//! Pages about those who seal: validators, what is final, evidence. The node is asked for each of
//! them, since the index holds no stake.

mod evidence;
mod finality;
mod validator;
mod validators;

use axum::http::StatusCode;
use axum::response::Response;
use synod_api::{ClientError, KeyHashHex};

pub(super) use self::evidence::evidence;
pub(super) use self::finality::finality;
pub(super) use self::validator::validator;
pub(super) use self::validators::validators;
use super::failure::failed;
use super::html::{self, Html};
use super::page::Visit;
use super::words::Words;
use crate::http::reply::Refusal;
use crate::http::state::Explorer;
use crate::text;

/// What a page about stake could not be made for.
enum Absent {
    /// The network's engine has none of it.
    Engine,
    /// The node does not answer.
    Node,
}

impl From<ClientError> for Absent {
    fn from(error: ClientError) -> Self {
        // A node answers 409 for what its engine does not have, and 404 where it is too old.
        if matches!(error.status(), Some(404 | 409)) {
            return Self::Engine;
        }
        tracing::debug!(%error, "the node gave no answer about stake");
        Self::Node
    }
}

/// Says whether the network's blocks are sealed by validators; a network that is not known yet
/// counts as one, so that the node is asked.
fn has_validators(explorer: &Explorer) -> bool {
    let network = explorer.follower.network();
    network.is_none_or(|it| it.engine != "pow")
}

/// The page that says that the node does not answer.
fn unreachable(explorer: &Explorer, visit: &Visit) -> Response {
    let refusal = Refusal {
        status: StatusCode::SERVICE_UNAVAILABLE,
        text: "the node does not answer".to_owned(),
    };
    failed(explorer, visit, refusal)
}

/// A validator by its name, or by its hash where it has none, with a link to its page.
fn whose(delegate: KeyHashHex, name: Option<&str>) -> Html {
    let hash = delegate.to_string();
    match name {
        Some(name) => Html::raw(format!(
            "<a href=\"/validator/{hash}\" title=\"{hash}\">{}</a>",
            html::escape(name)
        )),
        None => html::link("validator", &hash),
    }
}

/// A slot's moment: how long until then, or since.
fn slot_moment(unix: i64, now: i64, t: &Words) -> Html {
    let left = unix - now;
    if left <= 0 {
        return html::moment(unix, now, t);
    }
    let (iso, utc) = (text::iso_time(unix), text::utc_time(unix));
    Html::raw(format!(
        "<time datetime=\"{iso}\" title=\"{utc}\">{} {left} s</time>",
        html::escape(t.in_time)
    ))
}

/// Satoshis as coins, without the zeros at their end: where there is little room.
fn compact(sat: u64) -> Html {
    let coins = text::coins(i64::try_from(sat).unwrap_or(i64::MAX));
    let shown = coins.trim_end_matches('0').trim_end_matches('.');
    let sats = text::grouped(sat);
    Html::raw(format!(
        "<span class=\"amount\" title=\"{sats} sat\">{shown} <abbr>BTC</abbr></span>"
    ))
}

/// A share in percent with one decimal.
fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A share as the width of a meter, 0 to 100.
fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_amounts_lose_no_satoshi() {
        for (sat, shown) in [
            (0, ">0 <"),
            (1, ">0.00000001 <"),
            (5_000_000_000, ">50 <"),
            (100_000_000_000, ">1\u{202f}000 <"),
            (1_230_000_000, ">12.3 <"),
        ] {
            let html = compact(sat).to_string();
            assert!(html.contains(shown), "{html}");
        }
    }

    #[test]
    fn shares_are_rounded_down_and_never_divide_by_zero() {
        assert_eq!(percent(2, 3), "66.6 %");
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!((share(1, 3), share(5, 3), share(1, 0)), (33, 100, 100));
    }
}
