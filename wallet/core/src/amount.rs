//! Amounts and fee rates as people type them. Everything inside is whole satoshis.

use bdk_wallet::bitcoin::{Amount, FeeRate};

/// Satoshis in one bitcoin.
pub const SAT_PER_BTC: u64 = 100_000_000;

/// The number of satoshis that can ever exist (21 million bitcoin).
pub const MAX_MONEY_SAT: u64 = 21_000_000 * SAT_PER_BTC;

/// Why a typed amount or fee rate was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text is not a number with a known unit.
    #[error("'{0}' is not an amount: write 50000, 50000sat or 0.0005btc")]
    Malformed(String),
    /// More digits after the point than the unit has.
    #[error("'{0}' has more digits after the point than its unit")]
    TooPrecise(String),
    /// Zero, or more than 21 million bitcoin.
    #[error("'{0}' is out of range")]
    OutOfRange(String),
}

impl AmountError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "amount-malformed",
            Self::TooPrecise(_) => "amount-too-precise",
            Self::OutOfRange(_) => "amount-out-of-range",
        }
    }
}

/// Parses an amount: plain digits and `sat` are satoshis, `btc` are bitcoin with up to 8 decimals.
///
/// # Errors
/// See [`AmountError`]; zero is refused.
pub fn parse_amount(text: &str) -> Result<Amount, AmountError> {
    let lower = text.trim().to_ascii_lowercase();
    let sat = if let Some(number) = lower.strip_suffix("btc") {
        parse_decimal(number.trim_end(), 8, text)?
    } else {
        let number = lower
            .strip_suffix("sats")
            .or_else(|| lower.strip_suffix("sat"));
        parse_decimal(number.unwrap_or(&lower).trim_end(), 0, text)?
    };
    if sat == 0 || sat > MAX_MONEY_SAT {
        return Err(AmountError::OutOfRange(text.to_owned()));
    }
    Ok(Amount::from_sat(sat))
}

/// Parses a fee rate in sat/vB with up to three decimals; rounds up to the next sat per 1000 weight units.
///
/// # Errors
/// See [`AmountError`]; zero and rates above 1 BTC/vB are refused.
pub fn parse_fee_rate(text: &str) -> Result<FeeRate, AmountError> {
    let sat_per_kvb = parse_decimal(text.trim(), 3, text)?;
    if sat_per_kvb == 0 || sat_per_kvb > SAT_PER_BTC * 1000 {
        return Err(AmountError::OutOfRange(text.to_owned()));
    }
    Ok(FeeRate::from_sat_per_kwu(sat_per_kvb.div_ceil(4)))
}

/// Formats satoshis as bitcoin with eight decimals, as in `0.00050000 BTC`.
pub fn format_btc(sat: u64) -> String {
    format!("{}.{:08} BTC", sat / SAT_PER_BTC, sat % SAT_PER_BTC)
}

/// Formats a fee rate given in sat per 1000 virtual bytes as `1.234 sat/vB`.
pub fn format_rate(sat_per_kvb: u64) -> String {
    format!("{}.{:03} sat/vB", sat_per_kvb / 1000, sat_per_kvb % 1000)
}

/// Reads a decimal number and scales it by ten to the power of `decimals`, without floating point.
fn parse_decimal(number: &str, decimals: usize, whole: &str) -> Result<u64, AmountError> {
    let malformed = || AmountError::Malformed(whole.to_owned());
    let (int, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if int.is_empty() || !digits(int) || !digits(fraction) || number.ends_with('.') {
        return Err(malformed());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return Err(AmountError::TooPrecise(whole.to_owned()));
    }
    let scaled = format!("{int}{fraction:0<decimals$}");
    scaled
        .parse()
        .map_err(|_| AmountError::OutOfRange(whole.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn satoshis_and_bitcoin_are_told_apart_by_the_unit() {
        for (text, sat) in [
            ("50000", 50_000),
            ("50000sat", 50_000),
            ("1 sats", 1),
            ("0.5btc", 50_000_000),
            ("1BTC", SAT_PER_BTC),
        ] {
            assert_eq!(parse_amount(text).map(Amount::to_sat), Ok(sat), "{text}");
        }
    }

    #[test]
    fn amounts_are_accepted_at_the_limit_and_refused_one_past_it() {
        assert_eq!(
            parse_amount("21000000btc").map(Amount::to_sat),
            Ok(MAX_MONEY_SAT)
        );
        assert_eq!(
            parse_amount("2100000000000001").map_err(|e| e.code()),
            Err("amount-out-of-range")
        );
        assert_eq!(parse_amount("0.00000001btc").map(Amount::to_sat), Ok(1));
        assert_eq!(
            parse_amount("0.000000001btc").map_err(|e| e.code()),
            Err("amount-too-precise")
        );
        assert_eq!(
            parse_amount("0").map_err(|e| e.code()),
            Err("amount-out-of-range")
        );
        assert_eq!(
            parse_amount("99999999999999999999").map_err(|e| e.code()),
            Err("amount-out-of-range")
        );
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in [
            "", "-1", "1e8", "0x10", "1.btc", ".5btc", "1,5btc", "max", "٣",
        ] {
            assert_eq!(
                parse_amount(text).map_err(|e| e.code()),
                Err("amount-malformed"),
                "{text}"
            );
        }
    }

    #[test]
    fn fee_rates_round_up_to_whole_units() {
        assert_eq!(parse_fee_rate("1").map(FeeRate::to_sat_per_kwu), Ok(250));
        assert_eq!(
            parse_fee_rate("1.001").map(FeeRate::to_sat_per_kwu),
            Ok(251)
        );
        assert!(parse_fee_rate("0").is_err());
        assert!(parse_fee_rate("1.0001").is_err());
    }

    #[test]
    fn formatting_keeps_every_satoshi() {
        assert_eq!(format_btc(150_000_001), "1.50000001 BTC");
        assert_eq!(format_rate(1234), "1.234 sat/vB");
    }
}
