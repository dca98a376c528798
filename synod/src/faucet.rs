//! `synod faucet ADDRESS AMOUNT`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use synod_api::endpoints::EndpointsFile;
use synod_api::{AmountSat, ExplorerClient};

use crate::up::{DEFAULT_DATA, ENDPOINTS_FILE};

/// Arguments of `synod faucet`.
#[derive(Args)]
pub struct FaucetArgs {
    /// The address to pay to.
    address: String,
    /// The amount: in bitcoin (0.5, 0.5btc) or in satoshis (5000sat).
    #[arg(value_parser = parse_amount)]
    amount: AmountSat,
    /// The network's data directory.
    #[arg(long, default_value = DEFAULT_DATA)]
    data: PathBuf,
    /// The explorer's root, instead of the one of the data directory.
    #[arg(long)]
    explorer: Option<String>,
}

/// Asks the explorer's faucet to pay and prints the transaction's id.
///
/// # Errors
/// No network runs there, or the faucet refuses.
pub async fn run(args: &FaucetArgs) -> Result<()> {
    let root = match &args.explorer {
        Some(root) => root.clone(),
        None => {
            let path = args.data.join(ENDPOINTS_FILE);
            let text = std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "no network was brought up in {}; start one with `synod up`",
                    args.data.display()
                )
            })?;
            serde_json::from_str::<EndpointsFile>(&text)?.explorer.url
        }
    };
    match ExplorerClient::new(&root)?
        .faucet(&args.address, args.amount)
        .await
    {
        Ok(payment) => println!("{}", payment.txid),
        Err(error) => bail!("the faucet at {root} did not pay: {error}"),
    }
    Ok(())
}

/// The digits after the point of an amount in bitcoin.
const DECIMALS: usize = 8;

/// Reads an amount in bitcoin or, with its unit, in satoshis; exactly, without floating point.
fn parse_amount(text: &str) -> Result<AmountSat, String> {
    let bad = || "an amount is written 0.5, 0.5btc or 5000sat".to_owned();
    let sat = if let Some(sat) = text.strip_suffix("sat") {
        sat.trim_end().parse::<u64>().map_err(|_| bad())?
    } else {
        let number = text.strip_suffix("btc").unwrap_or(text).trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || fraction.len() > DECIMALS
            || !is_number(whole)
            || !is_number(fraction)
        {
            return Err(bad());
        }
        let digits = format!("{whole}{fraction:0<DECIMALS$}");
        digits.parse::<u64>().map_err(|_| bad())?
    };
    AmountSat::new(sat).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use synod_api::AmountSat;

    use super::parse_amount;

    #[test]
    fn amounts_are_read_exactly_in_both_units() {
        let sat = |text| parse_amount(text).map(AmountSat::to_sat).ok();
        assert_eq!(sat("0.1"), Some(10_000_000));
        assert_eq!(sat("0.00000001btc"), Some(1));
        assert_eq!(sat("21000000"), Some(2_100_000_000_000_000));
        assert_eq!(sat("5000sat"), Some(5000));
        for bad in [
            "21000000.00000001",
            "0.000000001",
            "-1",
            "1e3",
            "",
            ".",
            ".5",
            "5 0",
            "0x1",
        ] {
            assert_eq!(sat(bad), None, "{bad}");
        }
    }
}
