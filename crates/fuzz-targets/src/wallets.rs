//! What crosses the gap between a hot and a cold wallet, and what people type.

use synod_wallet_core::amount::{format_btc, parse_amount, parse_fee_rate};
use synod_wallet_core::descriptors::Descriptors;
use synod_wallet_core::mnemonic::SeedWords;
use synod_wallet_core::psbt::{decode, encode_base64, encode_binary};
use synod_wallet_core::watch_only::WatchOnly;

/// A PSBT is the same after it was written in either form and read.
pub(crate) fn psbt(bytes: &[u8]) {
    if let Ok(read) = decode(bytes) {
        let binary = encode_binary(&read);
        assert_eq!(decode(&binary).ok().as_ref(), Some(&read));
        let text = encode_base64(&read);
        assert_eq!(decode(text.as_bytes()).ok(), Some(read));
    }
}

/// Descriptors that are read are written, and read again as the same.
pub(crate) fn descriptor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let pair = text.split_once('\n');
    let read = match pair {
        Some((external, internal)) => Descriptors::parse(external, internal),
        None => Descriptors::parse_multipath(text),
    };
    let Ok(read) = read else { return };
    let again = Descriptors::parse(&read.external(), &read.internal()).expect("it was written");
    assert_eq!(again.external(), read.external());
    assert_eq!(again.internal(), read.internal());
}

/// Files of watch-only wallets, amounts, rates and seed words are read or refused; an amount is
/// written in one form.
pub(crate) fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(read) = WatchOnly::parse(text) {
        assert!(read.descriptors().is_ok());
    }
    let _ = SeedWords::parse(text);
    let _ = parse_fee_rate(text);
    if let Ok(amount) = parse_amount(text) {
        let written = format_btc(amount.to_sat()).replace(" BTC", "btc");
        assert_eq!(parse_amount(&written), Ok(amount));
    }
}
