//! `address new|unused|list|verify|qr`.

use clap::Subcommand;
use serde_json::json;
use synod_wallet_cold::{answer::Answer, commands::address as cold, exit::Failure};

use super::{Hot, failure};

/// The address commands.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AddressCommand {
    /// Give out a new receiving address
    New,
    /// Give out the first receiving address that has received nothing yet
    Unused,
    /// List the addresses that were given out
    List,
    /// Find an address in this wallet
    Verify(cold::VerifyArgs),
    /// Draw an address as a QR code
    Qr(cold::QrArgs),
}

pub(crate) async fn run(hot: &Hot, command: &AddressCommand) -> Result<Answer, Failure> {
    let given = match command {
        AddressCommand::New => hot.wallet().await?.new_address().await,
        AddressCommand::Unused => hot.fresh_wallet().await?.unused_address().await,
        AddressCommand::List => return list(hot).await,
        AddressCommand::Verify(args) => return cold::verify(&hot.session, args),
        AddressCommand::Qr(args) => return cold::qr(args),
    };
    let given = given.map_err(failure)?;
    let data = json!({"address": given.address.to_string(), "index": given.index});
    Ok(Answer::new(data, given.address.to_string()))
}

async fn list(hot: &Hot) -> Result<Answer, Failure> {
    let addresses = hot.wallet().await?.addresses().await.map_err(failure)?;
    let row = |at: &synod_wallet_core::wallet::AddressAt| json!({"index": at.index, "address": at.address.to_string(), "is_used": at.is_used});
    let data: Vec<_> = addresses.iter().map(row).collect();
    let line = |at: &synod_wallet_core::wallet::AddressAt| {
        format!(
            "{:>6}  {}  {}",
            at.index,
            at.address,
            if at.is_used { "used" } else { "unused" }
        )
    };
    Ok(Answer::new(
        data,
        addresses.iter().map(line).collect::<Vec<_>>().join("\n"),
    ))
}
