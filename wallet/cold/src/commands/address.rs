//! `address new|list|verify|qr` without a chain: which address was used is not known here.

use clap::{Args, Subcommand};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::json;
use synod_wallet_core::{
    bdk_wallet::KeychainKind,
    bitcoin::{Address, address::NetworkUnchecked},
    keystore::Revealed,
    text::grouped,
};

use super::Session;
use crate::{
    answer::Answer,
    exit::{Exit, Failure},
};

/// Most addresses that one call derives.
pub const MAX_DERIVED: u32 = 100_000;

/// The address commands.
#[derive(Debug, Clone, Subcommand)]
pub enum AddressCommand {
    /// Give out the next receiving address and remember it
    New,
    /// List addresses by index
    List(ListArgs),
    /// Find an address in this wallet
    Verify(VerifyArgs),
    /// Draw an address as a QR code
    Qr(QrArgs),
}

/// Options of `address list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// First index
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub from: u32,
    /// Number of addresses
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// List change addresses
    #[arg(long)]
    pub change: bool,
}

/// Options of `address verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The address
    pub address: String,
    /// How many indices of each keychain to try
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DERIVED)))]
    pub limit: u32,
}

/// Options of `address qr`.
#[derive(Debug, Clone, Args)]
pub struct QrArgs {
    /// The address
    pub address: String,
}

/// Runs an address command.
///
/// # Errors
/// When there is no such wallet, or the password is needed and wrong.
pub fn run(session: &Session, command: &AddressCommand) -> Result<Answer, Failure> {
    match command {
        AddressCommand::New => new(session),
        AddressCommand::List(args) => list(session, args),
        AddressCommand::Verify(args) => verify(session, args),
        AddressCommand::Qr(args) => qr(args),
    }
}

fn new(session: &Session) -> Result<Answer, Failure> {
    let mut keystore = session.keystore()?;
    let index = keystore.payload().revealed().external;
    let address = keystore
        .descriptors()?
        .address_at(KeychainKind::External, index)?;
    keystore.payload_mut().raise_revealed(Revealed {
        external: index + 1,
        internal: 0,
    });
    // Correctness: durable before it is shown, so that no address is given out twice.
    keystore.save()?;
    Ok(Answer::new(
        json!({"address": address.to_string(), "index": index}),
        address.to_string(),
    ))
}

fn list(session: &Session, args: &ListArgs) -> Result<Answer, Failure> {
    let side = session.public_side()?;
    let keychain = if args.change {
        KeychainKind::Internal
    } else {
        KeychainKind::External
    };
    let (mut data, mut text) = (Vec::new(), Vec::new());
    for index in args.from..args.from.saturating_add(args.count) {
        let address = side.descriptors.address_at(keychain, index)?.to_string();
        text.push(format!("{index:>6}  {address}"));
        data.push(json!({"index": index, "address": address}));
    }
    Ok(Answer::new(data, text.join("\n")))
}

/// Finds an address among the first indices of both keychains.
///
/// # Errors
/// [`Exit::NotFound`] when it is not there.
pub fn verify(session: &Session, args: &VerifyArgs) -> Result<Answer, Failure> {
    let wanted = parse_address(&args.address)?;
    let (side, script) = (session.public_side()?, wanted.script_pubkey());
    for index in 0..args.limit {
        for keychain in [KeychainKind::External, KeychainKind::Internal] {
            if side.descriptors.script_at(keychain, index)? == script {
                let is_change = keychain == KeychainKind::Internal;
                let what = if is_change { "change" } else { "receiving" };
                let text = format!(
                    "{}\nis {what} address {index} of '{}'",
                    grouped(&wanted.to_string()),
                    side.name.as_str()
                );
                let data =
                    json!({"address": wanted.to_string(), "index": index, "is_change": is_change});
                return Ok(Answer::new(data, text));
            }
        }
    }
    let message = format!(
        "the address is not among the first {} of '{}'",
        args.limit,
        side.name.as_str()
    );
    Err(Failure::new(Exit::NotFound, "address-not-found", message).hint("--limit N tries more"))
}

/// Draws an address as a QR code for the terminal.
///
/// # Errors
/// When the address is invalid.
pub fn qr(args: &QrArgs) -> Result<Answer, Failure> {
    let address = parse_address(&args.address)?.to_string();
    // Bech32 in upper case needs less space in a code (BIP173).
    let is_bech32 = address.starts_with("bcrt1");
    let content = if is_bech32 {
        address.to_uppercase()
    } else {
        address.clone()
    };
    let code = QrCode::with_error_correction_level(content.as_bytes(), EcLevel::M)
        .map_err(|e| Failure::new(Exit::Internal, "qr", e))?;
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    let data = json!({"address": address, "content": content, "qr": drawn});
    Ok(Answer::new(data, format!("{drawn}\n{}", grouped(&address))))
}

/// Reads an address of this network.
///
/// # Errors
/// [`Exit::InvalidData`] when it is malformed or of another network.
pub fn parse_address(text: &str) -> Result<Address, Failure> {
    let invalid = |message: String| Failure::new(Exit::InvalidData, "address-invalid", message);
    let shown = synod_wallet_core::text::displayable(text);
    let unchecked: Address<NetworkUnchecked> = text
        .trim()
        .parse()
        .map_err(|e| invalid(format!("'{shown}' is not an address: {e}")))?;
    unchecked
        .require_network(synod_wallet_core::NETWORK)
        .map_err(|_| {
            Failure::new(
                Exit::InvalidData,
                "wrong-network",
                format!("'{shown}' is an address of another network"),
            )
        })
}
