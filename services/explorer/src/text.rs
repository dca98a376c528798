//! Bytes, amounts and times as text for people.

/// Keeps the printable characters of bytes that may hold text.
pub(crate) fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|character| character.is_ascii_graphic() || *character == ' ')
        .collect()
}

/// Reads bytes as text where they are: UTF-8 without control characters, and not empty.
pub(crate) fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = !text.is_empty() && text.chars().all(|it| !it.is_control() || it == '\n');
    is_text.then_some(text)
}

/// Writes satoshis as coins with all eight decimals, thousands parted in the whole part.
pub(crate) fn coins(sat: i64) -> String {
    let sign = if sat < 0 { "-" } else { "" };
    let sat = sat.unsigned_abs();
    format!(
        "{sign}{}.{:08}",
        grouped(sat / 100_000_000),
        sat % 100_000_000
    )
}

/// Writes a number with its thousands parted by thin spaces.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Reads an amount in coins: digits with at most eight decimals.
pub(crate) fn parse_coins(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_empty = whole.is_empty() && part.is_empty();
    if is_empty || part.len() > 8 || !is_number(whole) || !is_number(part) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: u64 = format!("{part:0<8}").parse().ok()?;
    whole.checked_mul(100_000_000)?.checked_add(part)
}

/// Writes a fee rate.
pub(crate) fn rate(sat_vb: f64) -> String {
    if sat_vb >= 100.0 {
        format!("{sat_vb:.0}")
    } else {
        format!("{sat_vb:.1}")
    }
}

/// Writes a number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1000 {
        format!("{count} B")
    } else if count < 1_000_000 {
        format!("{:.2} kB", count as f64 / 1e3)
    } else {
        format!("{:.2} MB", count as f64 / 1e6)
    }
}

/// Writes a difficulty: plain where it is small, with few digits where it is large.
pub(crate) fn difficulty(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 0.001 {
        format!("{value:.2e}")
    } else if value < 1000.0 {
        format!("{value:.3}")
    } else {
        grouped(whole(value))
    }
}

/// The whole part of a number; what is negative or no number is 0.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_sign_loss,
        reason = "the cast saturates, and 0 is what is wanted"
    )]
    let whole = value as u64;
    whole
}

/// Writes Unix seconds as `2026-11-21T10:00:00Z`.
pub(crate) fn iso_time(unix: i64) -> String {
    let (date, clock) = utc_parts(unix);
    format!("{date}T{clock}Z")
}

/// Writes Unix seconds as `2026-11-21 10:00:00 UTC`.
pub(crate) fn utc_time(unix: i64) -> String {
    let (date, clock) = utc_parts(unix);
    format!("{date} {clock} UTC")
}

fn utc_parts(unix: i64) -> (String, String) {
    let (days, seconds) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    (format!("{year:04}-{month:02}-{day:02}"), clock)
}

/// The date that lies a number of days after 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that a leap day is the last of its year; an era is 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (unix, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_296_688_602, "2011-02-02T23:16:42Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso_time(unix), expected);
        }
    }

    #[test]
    fn coins_keep_all_decimals_and_read_back() {
        assert_eq!(coins(5_000_000_000), "50.00000000");
        assert_eq!(coins(-1), "-0.00000001");
        assert_eq!(
            coins(2_100_000_000_000_000),
            "21\u{202f}000\u{202f}000.00000000"
        );
        for (text, sat) in [
            ("1", 100_000_000),
            ("0.00000001", 1),
            (".5", 50_000_000),
            ("2.", 200_000_000),
        ] {
            assert_eq!(parse_coins(text), Some(sat), "{text}");
        }
        for text in ["", ".", "-1", "1e8", "0.000000001", "1,5", "99999999999999"] {
            assert_eq!(parse_coins(text), None, "{text}");
        }
    }

    #[test]
    fn only_whole_text_is_readable() {
        assert_eq!(readable("héllo".as_bytes()), Some("héllo"));
        assert_eq!(readable(b"\x00abc"), None);
        assert_eq!(readable(b"\xff"), None);
        assert_eq!(readable(b""), None);
        assert_eq!(printable(b"\x04/Synod/\xff"), "/Synod/");
    }
}
