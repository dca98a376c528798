//! Small pieces of HTML that many pages share.
//!
//! Security: everything that comes from the chain or a request passes [`escape`]; templates
//! escape by themselves what is not one of these pieces.

use std::fmt::{self, Display, Write};

use askama::filters::HtmlSafe;

use super::words::Words;
use crate::text;

/// HTML that is escaped already.
#[derive(Clone, Default, Debug)]
pub(crate) struct Html(String);

impl HtmlSafe for Html {}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Html {
    /// Takes text that is HTML.
    pub(crate) fn raw(html: impl Into<String>) -> Self {
        Self(html.into())
    }
}

/// Writes text so that it is text in HTML, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// An amount in coins, its satoshis in the title; trailing zeros stand back.
pub(crate) fn amount(sat: i64) -> Html {
    let coins = text::coins(sat);
    let solid = coins.trim_end_matches('0');
    let rest = &coins[solid.len()..];
    let sats = text::grouped(sat.unsigned_abs());
    let sign = if sat < 0 { "-" } else { "" };
    Html(format!(
        "<span class=\"amount\" title=\"{sign}{sats} sat\">{solid}<span class=\"faint\">{rest}</span> \
         <abbr>BTC</abbr></span>"
    ))
}

/// A signed change of a balance.
pub(crate) fn change(sat: i64) -> Html {
    let class = if sat < 0 { "minus" } else { "plus" };
    let sign = if sat > 0 { "+" } else { "" };
    Html(format!(
        "<span class=\"{class}\">{sign}{}</span>",
        amount(sat)
    ))
}

/// Satoshis beside the coins.
pub(crate) fn sats(sat: i64) -> String {
    let sign = if sat < 0 { "-" } else { "" };
    format!("{sign}{} sat", text::grouped(sat.unsigned_abs()))
}

/// A moment: how long ago, and absolutely in UTC.
pub(crate) fn moment(unix: i64, now: i64, words: &Words) -> Html {
    let (iso, utc) = (text::iso_time(unix), text::utc_time(unix));
    let ago = ago(unix, now, words);
    Html(format!(
        "<time datetime=\"{iso}\" title=\"{utc}\">{ago}</time>"
    ))
}

/// A moment in both forms in the text itself.
pub(crate) fn full_moment(unix: i64, now: i64, words: &Words) -> Html {
    let (iso, utc) = (text::iso_time(unix), text::utc_time(unix));
    let ago = ago(unix, now, words);
    Html(format!(
        "{utc} <span class=\"faint\">(<time datetime=\"{iso}\">{ago}</time>)</span>"
    ))
}

/// How long ago a moment was.
pub(crate) fn ago(unix: i64, now: i64, words: &Words) -> String {
    let seconds = now - unix;
    match seconds {
        ..-5 => words.in_future.to_owned(),
        -5..5 => words.just_now.to_owned(),
        5..120 => format!("{seconds} {}", words.ago_s),
        120..7200 => format!("{} {}", seconds / 60, words.ago_min),
        7200..172_800 => format!("{} {}", seconds / 3600, words.ago_h),
        _ => format!("{} {}", seconds / 86_400, words.ago_d),
    }
}

/// A hash whose middle gives way where there is little room; the whole is in the title.
pub(crate) fn short(hash: &str) -> Html {
    let is_plain = hash.len() >= 24 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain {
        return Html(escape(hash));
    }
    let (head, more) = hash[..10].split_at(6);
    let (less, tail) = hash[hash.len() - 8..].split_at(2);
    Html(format!(
        "<span class=\"mono short\" title=\"{hash}\">{head}<i>{more}</i><span>…</span><i>{less}</i>{tail}</span>"
    ))
}

/// A link to a transaction, a block or an address, shortened.
pub(crate) fn link(kind: &str, name: &str) -> Html {
    Html(format!(
        "<a class=\"hash\" href=\"/{kind}/{}\">{}</a>",
        escape(name),
        short(name)
    ))
}

/// A label with a colour and its own words.
pub(crate) fn badge(class: &str, words: &str) -> Html {
    Html(format!(
        "<span class=\"badge {class}\">{}</span>",
        escape(words)
    ))
}

/// Bars of one series as an SVG that scales; `title` is its text alternative.
pub(crate) fn bars(values: &[u64], title: &str) -> Html {
    const HEIGHT: u64 = 48;
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let width = values.len().max(1) * 6;
    let mut svg = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" \
         role=\"img\"><title>{}</title>",
        escape(title)
    );
    for (i, value) in values.iter().enumerate() {
        let height = (value * HEIGHT / most).max(1);
        let (x, y) = (i * 6, HEIGHT - height);
        let _ = write!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"4\" height=\"{height}\" rx=\"1\"/>"
        );
    }
    svg.push_str("</svg>");
    Html(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_strangers_cannot_become_markup() {
        let evil = "<script>alert('x')</script>\"&";
        assert_eq!(
            escape(evil),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"
        );
        assert!(!link("tx", evil).to_string().contains("<script"));
        assert!(!badge("ok", evil).to_string().contains("<script"));
        assert!(!bars(&[1], evil).to_string().contains("<script"));
    }

    #[test]
    fn amounts_show_all_decimals_and_the_unit() {
        let whole = amount(5_000_000_000).to_string();
        assert!(
            whole.contains(">50.<span class=\"faint\">00000000</span>"),
            "{whole}"
        );
        let part = amount(12_340_000).to_string();
        assert!(
            part.contains(">0.1234<span class=\"faint\">0000</span>"),
            "{part}"
        );
        let full = amount(-1).to_string();
        assert!(
            full.contains(">-0.00000001<span class=\"faint\"></span>"),
            "{full}"
        );
        assert!(
            amount(0)
                .to_string()
                .contains(">0.<span class=\"faint\">00000000</span>")
        );
    }
}
