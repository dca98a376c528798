//! `list` and `info`.

use clap::Args;
use serde_json::json;

use super::{PublicSide, Session, read_public_side};
use crate::{answer::Answer, exit::Failure, home::Holding};

/// Options of `info`.
#[derive(Debug, Clone, Args)]
pub struct InfoArgs {
    /// Wallet to show
    pub name: Option<String>,
}

/// Lists the wallets; one whose file is damaged is listed with what is wrong.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(session: &Session) -> Result<Answer, Failure> {
    let (mut data, mut text, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, holding) in session.home.wallets()? {
        match read_public_side(&session.home, name.clone(), holding) {
            Ok(side) => {
                text.push(format!(
                    "{:<20} {:<8} {}",
                    name.as_str(),
                    side.descriptors.kind(),
                    holding_text(holding)
                ));
                data.push(summary(&side));
            }
            Err(failure) => warnings.push(format!("{}: {failure}", name.as_str())),
        }
    }
    if data.is_empty() && warnings.is_empty() {
        text.push(format!("No wallets in {}", session.home.dir().display()));
    }
    Ok(Answer::new(data, text.join("\n")).warn_all(warnings))
}

/// Shows one wallet.
///
/// # Errors
/// When there is no such wallet or its file is damaged.
pub fn show(session: &Session, args: &InfoArgs) -> Result<Answer, Failure> {
    let mut session = session.clone();
    session.wallet = args.name.clone().or(session.wallet);
    let side = session.public_side()?;
    let text = format!(
        "name         {}\nnetwork      regtest\ntype         {}\nkeys         {}\nfingerprint  {}\nbirthday     {}\nreceiving    {}\nchange       {}",
        side.name.as_str(),
        side.descriptors.kind(),
        holding_text(side.holding),
        side.descriptors.fingerprint(),
        side.birthday,
        side.descriptors.external(),
        side.descriptors.internal(),
    );
    Ok(Answer::new(summary(&side), text))
}

fn summary(side: &PublicSide) -> serde_json::Value {
    json!({
        "name": side.name.as_str(), "network": "regtest", "type": side.descriptors.kind(),
        "watch_only": side.holding == Holding::WatchOnly,
        "fingerprint": side.descriptors.fingerprint().to_string(), "birthday": side.birthday,
        "external": side.descriptors.external(), "internal": side.descriptors.internal(),
    })
}

fn holding_text(holding: Holding) -> &'static str {
    match holding {
        Holding::Keys => "with keys",
        Holding::WatchOnly => "watch-only",
    }
}
