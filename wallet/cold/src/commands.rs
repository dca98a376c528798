//! The commands. Each takes a [`Session`] and its arguments and returns an answer.

pub mod address;
pub mod completions;
pub mod create;
pub mod export;
pub mod label;
pub mod passwd;
pub mod psbt;
pub mod seed;
pub mod wallets;

use synod_wallet_core::{
    descriptors::Descriptors,
    keystore::Keystore,
    watch_only::{MAX_WATCH_ONLY_BYTES, WatchOnly},
};

use crate::{
    exit::{Exit, Failure},
    home::{Holding, Home, WalletName},
    io::read_text,
    password::PasswordArgs,
};

/// What a command runs in: which wallets, which one, how to unlock it.
#[derive(Debug, Clone)]
pub struct Session {
    /// The wallet directory.
    pub home: Home,
    /// The wallet that was named, if any.
    pub wallet: Option<String>,
    /// Where the password comes from.
    pub password: PasswordArgs,
    /// Whether warnings count as confirmed.
    pub yes: bool,
}

/// A wallet's public side.
#[derive(Debug, Clone)]
pub struct PublicSide {
    /// The name.
    pub name: WalletName,
    /// Whether it has keys.
    pub holding: Holding,
    /// The descriptors.
    pub descriptors: Descriptors,
    /// The height before which it has no coins.
    pub birthday: u32,
}

impl Session {
    /// Reads the public side of the wallet that is meant; needs no password.
    ///
    /// # Errors
    /// When there is no such wallet or its file is damaged.
    pub fn public_side(&self) -> Result<PublicSide, Failure> {
        let (name, holding) = self.home.find(self.wallet.as_deref())?;
        read_public_side(&self.home, name, holding)
    }

    /// Opens the keystore of the wallet that is meant.
    ///
    /// # Errors
    /// When it has none, or the password is missing or wrong.
    pub fn keystore(&self) -> Result<Keystore, Failure> {
        let (name, holding) = self.home.find(self.wallet.as_deref())?;
        if holding == Holding::WatchOnly {
            let message = format!("'{}' is watch-only: its keys are elsewhere", name.as_str());
            return Err(Failure::new(Exit::Refused, "watch-only", message)
                .hint("make a PSBT and sign it where the keys are"));
        }
        let password = self.password.read()?;
        Ok(Keystore::open(&self.home.keystore(&name), &password)?)
    }
}

/// Reads the public side of a wallet.
///
/// # Errors
/// When its file is damaged.
pub fn read_public_side(
    home: &Home,
    name: WalletName,
    holding: Holding,
) -> Result<PublicSide, Failure> {
    let (descriptors, birthday) = match holding {
        Holding::Keys => {
            let header = Keystore::read_header(&home.keystore(&name))?;
            (header.descriptors()?, header.birthday)
        }
        Holding::WatchOnly => {
            let text = read_text(
                &home.watch_only(&name).to_string_lossy(),
                MAX_WATCH_ONLY_BYTES,
            )?;
            let file = WatchOnly::parse(&text)?;
            (file.descriptors()?, file.birthday())
        }
    };
    Ok(PublicSide {
        name,
        holding,
        descriptors,
        birthday,
    })
}
