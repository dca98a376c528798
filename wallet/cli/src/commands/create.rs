//! `create NAME`: with keys as the cold wallet does, or watch-only.

use clap::Args;
use serde_json::json;
use synod_wallet_cold::{
    answer::Answer,
    commands::create as cold,
    exit::{Exit, Failure},
    home::WalletName,
    io::read_text,
};
use synod_wallet_core::{
    bdk_wallet::KeychainKind,
    keystore::write_private_file,
    watch_only::{MAX_WATCH_ONLY_BYTES, WatchOnly},
};

use super::{Hot, failure};
use crate::hot::HotWallet;

/// Options of `create`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HotCreateArgs {
    #[command(flatten)]
    keys: cold::CreateArgs,
    /// Watch the wallet of this file (see `export watch-only`) or descriptor (`wpkh([...]tpub.../<0;1>/*)`)
    #[arg(long, value_name = "FILE|DESCRIPTOR", conflicts_with_all = ["recover", "words", "kind", "account"])]
    watch_only: Option<String>,
}

pub(crate) async fn run(hot: &Hot, args: &HotCreateArgs) -> Result<Answer, Failure> {
    if let Some(source) = &args.watch_only {
        return watch_only(hot, &args.keys, source).await;
    }
    let created = cold::create_keystore(&hot.session, &args.keys)?;
    let descriptors = created.keystore.descriptors()?;
    let birthday = created.keystore.header().birthday;
    let opened = HotWallet::open(
        hot.session.home.dir(),
        created.name.as_str(),
        &descriptors,
        birthday,
    )
    .await;
    opened.map_err(failure)?;
    cold::answer(&created)
}

async fn watch_only(hot: &Hot, args: &cold::CreateArgs, source: &str) -> Result<Answer, Failure> {
    let home = &hot.session.home;
    let name = WalletName::parse(&args.name)?;
    if home.wallets()?.iter().any(|(known, _)| *known == name) {
        let message = format!("a wallet '{}' exists already", name.as_str());
        return Err(Failure::new(Exit::Refused, "wallet-exists", message));
    }
    let text = if source.contains('(') {
        source.to_owned()
    } else {
        read_text(source, MAX_WATCH_ONLY_BYTES)?
    };
    let mut file = WatchOnly::parse(&text)?;
    let descriptors = file.descriptors()?;
    if args.birthday > 0 {
        file = WatchOnly::new(&descriptors, args.birthday);
    }
    home.make()?;
    write_private_file(
        &home.watch_only(&name),
        format!("{:#}\n", json!(file)).as_bytes(),
    )?;
    let opened = HotWallet::open(home.dir(), name.as_str(), &descriptors, file.birthday()).await;
    opened.map_err(failure)?;
    let first = descriptors
        .address_at(KeychainKind::External, 0)?
        .to_string();
    let data = json!({
        "name": name.as_str(), "type": descriptors.kind(), "network": "regtest", "watch_only": true,
        "fingerprint": descriptors.fingerprint().to_string(), "first_address": first,
        "external": descriptors.external(), "internal": descriptors.internal(),
    });
    Ok(Answer::new(
        data,
        format!(
            "Watch-only wallet '{}' made. First address: {first}",
            name.as_str()
        ),
    ))
}
