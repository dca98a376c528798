//! `tx broadcast|status|wait`: these need no wallet.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_wallet_cold::{
    answer::Answer,
    exit::{Exit, Failure},
    io::read_input,
};
use synod_wallet_core::{
    bitcoin::{Transaction, Txid, consensus::deserialize, hex::FromHex},
    psbt::{self, MAX_PSBT_BYTES, PsbtError},
};

use super::{Hot, explorer_failure};

/// Pause between two looks at the explorer.
const POLL: Duration = Duration::from_millis(250);

/// The transaction commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TxCommand {
    /// Send a transaction (hex, or a fully signed PSBT) to the network
    Broadcast(BroadcastArgs),
    /// Show whether a transaction is confirmed
    Status(StatusArgs),
    /// Wait until a transaction has so many confirmations
    Wait(WaitArgs),
}

/// Options of `tx broadcast`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BroadcastArgs {
    /// The transaction, - for standard input
    file: String,
}

/// Options of `tx status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusArgs {
    /// The transaction's id
    txid: Txid,
}

/// Options of `tx wait`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WaitArgs {
    /// The transaction's id
    txid: Txid,
    /// Confirmations to wait for; 0 waits until it is in the mempool
    #[arg(long, value_name = "N", default_value_t = 1)]
    conf: u32,
    /// Longest wait in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    timeout: u64,
}

/// Where a transaction stands.
struct Standing {
    height: Option<u32>,
    confirmations: u32,
    block: Option<String>,
}

pub(crate) async fn run(hot: &Hot, command: &TxCommand) -> Result<Answer, Failure> {
    match command {
        TxCommand::Broadcast(args) => broadcast(hot, args).await,
        TxCommand::Status(args) => status(hot, args).await,
        TxCommand::Wait(args) => wait(hot, args).await,
    }
}

async fn broadcast(hot: &Hot, args: &BroadcastArgs) -> Result<Answer, Failure> {
    let transaction = read_transaction(&args.file)?;
    hot.explorer
        .broadcast(&transaction)
        .await
        .map_err(|e| explorer_failure(&e))?;
    let txid = transaction.compute_txid();
    Ok(Answer::new(json!({"txid": txid}), txid.to_string()))
}

fn read_transaction(file: &str) -> Result<Transaction, Failure> {
    let bytes = read_input(file, MAX_PSBT_BYTES)?;
    match psbt::decode(&bytes) {
        Ok(psbt) => return Ok(psbt::finalize(psbt)?.1),
        Err(PsbtError::NoMagic) => {}
        Err(error) => return Err(error.into()),
    }
    let text = String::from_utf8_lossy(&bytes);
    let raw = Vec::<u8>::from_hex(text.trim()).ok();
    raw.and_then(|raw| deserialize(&raw).ok()).ok_or_else(|| {
        Failure::new(
            Exit::InvalidData,
            "tx-malformed",
            "neither the hex of a transaction nor a PSBT",
        )
    })
}

async fn status(hot: &Hot, args: &StatusArgs) -> Result<Answer, Failure> {
    let standing = standing(hot, args.txid).await?.ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            "tx-unknown",
            format!("transaction {} is not known", args.txid),
        )
    })?;
    Ok(answer(args.txid, &standing))
}

async fn wait(hot: &Hot, args: &WaitArgs) -> Result<Answer, Failure> {
    let reached = async {
        loop {
            if let Some(standing) = standing(hot, args.txid).await?
                && standing.confirmations >= args.conf
            {
                return Ok(answer(args.txid, &standing));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(args.timeout), reached).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let message = format!(
                "{} has not {} confirmations after {} s",
                args.txid, args.conf, args.timeout
            );
            Err(Failure::new(Exit::Timeout, "wait-timeout", message))
        }
    }
}

async fn standing(hot: &Hot, txid: Txid) -> Result<Option<Standing>, Failure> {
    let explorer = &hot.explorer;
    let Some(status) = explorer
        .status(txid)
        .await
        .map_err(|e| explorer_failure(&e))?
    else {
        return Ok(None);
    };
    let height = status.block_height.filter(|_| status.confirmed);
    let confirmations = match height {
        Some(height) => {
            (explorer.height().await.map_err(|e| explorer_failure(&e))? + 1).saturating_sub(height)
        }
        None => 0,
    };
    Ok(Some(Standing {
        height,
        confirmations,
        block: status.block_hash.map(|hash| hash.to_string()),
    }))
}

fn answer(txid: Txid, standing: &Standing) -> Answer {
    let data = json!({
        "txid": txid, "confirmed": standing.height.is_some(), "confirmations": standing.confirmations,
        "height": standing.height, "block_hash": standing.block,
    });
    let text = match standing.height {
        Some(height) => format!(
            "{txid}  height {height}, {} confirmations",
            standing.confirmations
        ),
        None => format!("{txid}  unconfirmed"),
    };
    Answer::new(data, text)
}
