//! `create NAME`: a wallet from new or known seed words.

use clap::{Args, builder::PossibleValuesParser};
use serde_json::json;
use synod_wallet_core::{
    keys::ScriptKind,
    keystore::{KdfParams, Keystore, NewKeystore},
    mnemonic::{SeedWords, WordCount},
};
use zeroize::Zeroizing;

use super::Session;
use crate::{
    answer::Answer,
    exit::{Exit, Failure},
    home::WalletName,
    io::{is_interactive, read_text},
};

/// Longest text that seed words are read from, in bytes.
const MAX_SEED_BYTES: usize = 4096;

/// Options of `create`.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Name of the new wallet: a-z, 0-9, - and _
    pub name: String,
    /// Kind of addresses
    #[arg(long = "type", value_name = "TYPE", default_value = "wpkh", value_parser = PossibleValuesParser::new(["wpkh", "tr", "sh-wpkh", "pkh"]))]
    pub kind: String,
    /// Account number of the derivation path
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..1 << 31))]
    pub account: u32,
    /// Number of new seed words: 12 or 24
    #[arg(long, value_name = "COUNT", default_value = "12", value_parser = PossibleValuesParser::new(["12", "24"]), conflicts_with = "recover")]
    pub words: String,
    /// Take known seed words, asked for on the terminal or read from --seed-file
    #[arg(long)]
    pub recover: bool,
    /// File with the seed words to recover from, - for standard input
    #[arg(long, value_name = "FILE", requires = "recover")]
    pub seed_file: Option<String>,
    /// Height before which the wallet has no coins
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    pub birthday: u32,
}

/// A wallet that was made.
#[derive(Debug)]
pub struct Created {
    /// The name.
    pub name: WalletName,
    /// The keystore, opened.
    pub keystore: Keystore,
    /// Whether the seed words are new and must be written down.
    pub is_new_seed: bool,
}

/// Runs `create`.
///
/// # Errors
/// When the name is taken, the seed words are wrong, or there is no password.
pub fn run(session: &Session, args: &CreateArgs) -> Result<Answer, Failure> {
    let created = create_keystore(session, args)?;
    answer(&created)
}

/// Makes the keystore.
///
/// # Errors
/// As [`run`].
pub fn create_keystore(session: &Session, args: &CreateArgs) -> Result<Created, Failure> {
    let name = WalletName::parse(&args.name)?;
    if session
        .home
        .wallets()?
        .iter()
        .any(|(known, _)| *known == name)
    {
        let message = format!("a wallet '{}' exists already", name.as_str());
        return Err(Failure::new(Exit::Refused, "wallet-exists", message));
    }
    let kind = args
        .kind
        .parse()
        .map_err(|e: String| Failure::new(Exit::Usage, "script-kind", e))?;
    let words = seed_words(session, args)?;
    let password = session.password.read_new()?;
    session.home.make()?;
    let new = NewKeystore {
        words,
        kind,
        account: args.account,
        birthday: args.birthday,
        kdf: KdfParams::default(),
    };
    let keystore = Keystore::create(&session.home.keystore(&name), &new, &password)?;
    Ok(Created {
        name,
        keystore,
        is_new_seed: !args.recover,
    })
}

/// Answers with the new wallet; new seed words are part of the result, once.
///
/// # Errors
/// When the descriptors make no address.
pub fn answer(created: &Created) -> Result<Answer, Failure> {
    let descriptors = created.keystore.descriptors()?;
    let first = descriptors
        .address_at(synod_wallet_core::bdk_wallet::KeychainKind::External, 0)?
        .to_string();
    let words = created
        .is_new_seed
        .then(|| created.keystore.payload().words());
    let kind: ScriptKind = descriptors.kind();
    let data = json!({
        "name": created.name.as_str(), "type": kind, "network": "regtest",
        "fingerprint": descriptors.fingerprint().to_string(), "first_address": first,
        "external": descriptors.external(), "internal": descriptors.internal(), "seed_words": words,
    });
    let mut text = format!(
        "Wallet '{}' ({kind}) made. First address: {first}",
        created.name.as_str()
    );
    if let Some(words) = words {
        text.push_str("\nSeed words, shown this once; whoever has them has the money:\n");
        let numbered = words
            .split(' ')
            .enumerate()
            .map(|(n, word)| format!("{:>4}. {word}", n + 1));
        text.push_str(&numbered.collect::<Vec<_>>().join("\n"));
    }
    Ok(Answer::new(data, text))
}

fn seed_words(session: &Session, args: &CreateArgs) -> Result<SeedWords, Failure> {
    if !args.recover {
        let count = if args.words == "24" {
            WordCount::TwentyFour
        } else {
            WordCount::Twelve
        };
        return Ok(SeedWords::generate(count)?);
    }
    let text = match args.seed_file.as_deref() {
        Some("-") if session.password.password_stdin => {
            let message = "standard input cannot carry both the password and the seed words";
            return Err(Failure::new(Exit::Usage, "stdin-twice", message));
        }
        Some(file) => Zeroizing::new(read_text(file, MAX_SEED_BYTES)?),
        None if is_interactive() => {
            let read = rpassword::prompt_password("Seed words: ").map(Zeroizing::new);
            read.map_err(|e| Failure::new(Exit::Usage, "terminal", e))?
        }
        None => {
            let message = "there is no terminal to ask for the seed words on";
            return Err(Failure::new(Exit::Usage, "seed-needed", message)
                .hint("--seed-file FILE, or - for standard input"));
        }
    };
    Ok(SeedWords::parse(&text)?)
}
