//! Between the wallet's types and those on the wire.

use std::collections::BTreeMap;

use synod_api::{
    AmountSat, HashHex,
    wallet::{self as wire, BalanceBody, MAX_RECIPIENTS, WalletBody},
};
use synod_service::ApiError;
use synod_wallet_cold::commands::address::parse_address;
use synod_wallet_core::{
    amount::parse_fee_rate,
    bitcoin::{Amount, FeeRate, Txid, hashes::Hash},
    wallet::{AddressAt, Balance, HistoryEntry, Recipient},
};

use super::OpenWallet;
use crate::{explorer::Explorer, hot::PayRequest};

pub(crate) type Labels = BTreeMap<String, String>;

pub(crate) async fn wallet_body(wallet: &OpenWallet) -> Result<WalletBody, ApiError> {
    let hot = wallet.hot();
    let synced = hot.synced_at().await.map_err(super::error::of_hot)?;
    let height = hot.height().await.map_err(super::error::of_hot)?;
    Ok(WalletBody {
        name: hot.name().to_owned(),
        network: synod_wallet_core::NETWORK.to_string(),
        watch_only: wallet.is_watch_only(),
        external_descriptor: hot.descriptors().external(),
        internal_descriptor: hot.descriptors().internal(),
        height: synced.map(|_| height),
    })
}

pub(crate) fn balance_body(balance: &Balance) -> Result<BalanceBody, ApiError> {
    Ok(BalanceBody {
        confirmed_sat: amount(balance.confirmed_sat)?,
        trusted_pending_sat: amount(balance.pending_change_sat)?,
        untrusted_pending_sat: amount(balance.pending_sat)?,
        immature_sat: amount(balance.immature_sat)?,
        total_sat: amount(balance.total_sat)?,
    })
}

pub(crate) fn address_body(at: &AddressAt, labels: &Labels) -> wire::AddressBody {
    let address = at.address.to_string();
    wire::AddressBody {
        label: labels.get(&address).cloned(),
        address,
        index: at.index,
        keychain: "external".to_owned(),
        used: at.is_used,
    }
}

pub(crate) fn history_entry(
    entry: &HistoryEntry,
    labels: &Labels,
) -> Result<wire::HistoryEntry, ApiError> {
    Ok(wire::HistoryEntry {
        txid: txid_hex(entry.txid),
        received_sat: amount(entry.received_sat)?,
        sent_sat: amount(entry.sent_sat)?,
        fee_sat: entry.fee_sat.map(amount).transpose()?,
        height: entry.height,
        time: entry.time,
        confirmations: entry.confirmations,
        label: labels.get(&entry.txid.to_string()).cloned(),
    })
}

pub(crate) fn txid_hex(txid: Txid) -> HashHex {
    HashHex::from_internal(txid.to_byte_array())
}

pub(crate) fn amount(sat: u64) -> Result<AmountSat, ApiError> {
    AmountSat::new(sat).map_err(ApiError::internal)
}

/// Reads a payment request; asks the explorer for the fee rate where none is given.
pub(crate) async fn pay_request(
    recipients: &[wire::Recipient],
    fee_rate_sat_vb: Option<f64>,
    request_id: Option<String>,
    explorer: &Explorer,
) -> Result<PayRequest, ApiError> {
    if recipients.is_empty() || recipients.len() > MAX_RECIPIENTS {
        let detail = format!("A payment has 1 to {MAX_RECIPIENTS} recipients.");
        return Err(ApiError::unprocessable("recipients", detail));
    }
    let recipients = recipients.iter().map(recipient).collect::<Result<_, _>>()?;
    let fee_rate = match fee_rate_sat_vb {
        Some(rate) => fee_rate(rate)?,
        None => explorer
            .fee_rate()
            .await
            .map_err(|e| super::error::of_hot(e.into()))?,
    };
    Ok(PayRequest {
        recipients,
        fee_rate,
        request_id,
        overrides: Default::default(),
    })
}

fn recipient(recipient: &wire::Recipient) -> Result<Recipient, ApiError> {
    let address = parse_address(&recipient.address)
        .map_err(|e| ApiError::unprocessable(e.code(), e.message()))?;
    Ok(Recipient {
        address,
        amount: Some(Amount::from_sat(recipient.amount_sat.to_sat())),
    })
}

/// Reads a rate in sat/vB; it is rounded to three decimals, then up to the wallet's unit.
fn fee_rate(rate: f64) -> Result<FeeRate, ApiError> {
    let refused = || {
        ApiError::unprocessable(
            "fee-rate",
            "The fee rate is not a rate in sat/vB above zero.",
        )
    };
    if !rate.is_finite() || rate <= 0.0 {
        return Err(refused());
    }
    parse_fee_rate(&format!("{rate:.3}")).map_err(|_| refused())
}

/// The longest idempotency key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 128;
/// The entries of a page.
pub(crate) const PAGE: usize = 100;

/// Cuts a page from a list: the items after the one that the cursor names, and the next cursor.
pub(crate) fn page<T>(
    items: Vec<T>,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            let at = items.iter().position(|item| key(item) == cursor);
            at.ok_or_else(|| ApiError::bad_request("The cursor names nothing in this list."))? + 1
        }
    };
    let is_last = items.len() - start <= PAGE;
    let page: Vec<T> = items.into_iter().skip(start).take(PAGE).collect();
    let next = if is_last { None } else { page.last().map(&key) };
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_list() {
        for length in [0, 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1] {
            let (mut all, mut cursor) = (Vec::new(), None);
            for _ in 0..4 {
                let items: Vec<usize> = (0..length).collect();
                let (part, next) = page(items, cursor.as_deref(), usize::to_string).expect("page");
                assert!(part.len() <= PAGE);
                all.extend(part);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(all, (0..length).collect::<Vec<_>>());
        }
        assert!(page(vec![1], Some("2"), i32::to_string).is_err());
    }

    #[test]
    fn only_positive_numbers_are_fee_rates() {
        assert_eq!(fee_rate(1.0).map(FeeRate::to_sat_per_kwu).ok(), Some(250));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 0.0001] {
            assert_eq!(
                fee_rate(bad).map_err(|e| e.status().as_u16()),
                Err(422),
                "{bad}"
            );
        }
    }
}
