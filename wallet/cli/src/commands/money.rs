//! `balance`, `history`, `utxo` and `sync`.

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_cold::{answer::Answer, exit::Failure};
use synod_wallet_core::amount::format_btc;

use super::{Hot, failure};
use crate::hot::STOP_GAP;

/// Options of `history`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryArgs {
    /// Most transactions to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// The coin commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum UtxoCommand {
    /// List the unspent coins
    List,
    /// Give up a PSBT that was not signed, so that its coins are free again
    Release(ReleaseArgs),
}

/// Options of `utxo release`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReleaseArgs {
    /// The payment's number, as `psbt create` and `utxo list` show it
    payment: i64,
}

/// Options of `sync`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SyncArgs {
    /// Look at every address again, from the first one on
    #[arg(long)]
    full: bool,
    /// Unused addresses after which a full scan stops
    #[arg(long, value_name = "N", default_value_t = STOP_GAP as u32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    gap_limit: u32,
}

pub(crate) async fn balance(hot: &Hot) -> Result<Answer, Failure> {
    let wallet = hot.fresh_wallet().await?;
    let balance = wallet.balance().await.map_err(failure)?;
    let height = wallet.height().await.map_err(failure)?;
    let mut data = json!(balance);
    data["height"] = json!(height);
    data["synced_at"] = json!(wallet.synced_at().await.map_err(failure)?);
    let mut text = format!("spendable  {}", format_btc(balance.spendable_sat));
    for (name, sat) in [
        ("incoming", balance.pending_sat),
        ("immature", balance.immature_sat),
    ] {
        if sat > 0 {
            text.push_str(&format!("\n{name}   {}", format_btc(sat)));
        }
    }
    text.push_str(&format!("\nheight     {height}"));
    Ok(Answer::new(data, text))
}

pub(crate) async fn history(hot: &Hot, args: &HistoryArgs) -> Result<Answer, Failure> {
    let mut entries = hot.fresh_wallet().await?.history().await.map_err(failure)?;
    entries.truncate(args.limit as usize);
    let line = |entry: &synod_wallet_core::wallet::HistoryEntry| {
        let sign = if entry.net_sat < 0 { '-' } else { '+' };
        let state = match entry.height {
            Some(height) => format!("height {height}, {} confirmations", entry.confirmations),
            None => "unconfirmed".to_owned(),
        };
        format!(
            "{}  {sign}{}  {state}",
            entry.txid,
            format_btc(entry.net_sat.unsigned_abs())
        )
    };
    let text: Vec<String> = entries.iter().map(line).collect();
    Ok(Answer::new(&entries, text.join("\n")))
}

pub(crate) async fn utxo(hot: &Hot, command: &UtxoCommand) -> Result<Answer, Failure> {
    if let UtxoCommand::Release(args) = command {
        hot.wallet()
            .await?
            .release(args.payment)
            .await
            .map_err(failure)?;
        return Ok(Answer::new(
            json!({"released": args.payment}),
            "Its coins are free again.",
        ));
    }
    let coins = hot.fresh_wallet().await?.coins().await.map_err(failure)?;
    let (mut data, mut text) = (Vec::new(), Vec::new());
    for (coin, payment) in coins {
        let held = payment.map_or(String::new(), |id| format!("  held by payment {id}"));
        text.push(format!(
            "{}  {}  {} confirmations{held}",
            coin.outpoint,
            format_btc(coin.amount_sat),
            coin.confirmations
        ));
        let mut row = json!(coin);
        row["held_by"] = json!(payment);
        data.push(row);
    }
    Ok(Answer::new(data, text.join("\n")))
}

pub(crate) async fn sync(hot: &Hot, args: &SyncArgs) -> Result<Answer, Failure> {
    let wallet = hot.wallet().await?;
    wallet
        .sync(&hot.explorer, args.full, args.gap_limit as usize)
        .await
        .map_err(failure)?;
    let height = wallet.height().await.map_err(failure)?;
    let balance = wallet.balance().await.map_err(failure)?;
    let text = format!(
        "Synced to height {height}; spendable {}",
        format_btc(balance.spendable_sat)
    );
    Ok(Answer::new(
        json!({"height": height, "balance": balance}),
        text,
    ))
}
