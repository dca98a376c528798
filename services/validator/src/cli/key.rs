//! `synod-validator key ...`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use synod_api::HashHex;
use synod_service::DataDir;

use super::{KEYS, Place, chain_id};
use crate::keys::{KeyFile, SealingKey, passphrase};
use crate::protection::{Protection, ProtectionOptions};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a sealing key, with protection that begins with it
    New(NewKey),
    /// List the keys; no passphrase is needed
    List(Place),
}

#[derive(Debug, Args)]
pub(super) struct NewKey {
    #[command(flatten)]
    place: Place,
    /// The chain that the key is for; asked of the node where it is not stated
    #[arg(long, value_name = "HEX")]
    chain_id: Option<HashHex>,
    /// A node of the chain
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl KeyCommand {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::New(new) => new.run().await,
            Self::List(place) => list(&place),
        }
    }
}

impl NewKey {
    async fn run(self) -> Result<()> {
        let data = DataDir::open(&self.place.data)?;
        let paths = self.place.paths();
        let chain_id = chain_id(&paths, self.chain_id, self.node.as_deref()).await?;
        let options = ProtectionOptions::default();
        let protection = Protection::open(&paths, chain_id, options).await?;
        let directory = data.join(KEYS);
        let files = KeyFile::read_all(&directory)?;
        let passphrase = if files.is_empty() {
            passphrase::read_new(self.passphrase_file.as_deref())?
        } else {
            passphrase::read(self.passphrase_file.as_deref())?
        };
        // All keys of a directory have one passphrase, so that one prompt opens them.
        if let Some(first) = files.first() {
            first.open(&passphrase)?;
        }
        let Some(key) = SealingKey::generate() else {
            bail!("the operating system has no randomness");
        };
        // The protection comes first: a key without it could not be told from a stolen one.
        protection.register(&key.public()).await?;
        let path = KeyFile::create(&directory, &key, &passphrase)?;
        protection.close().await?;
        let shown = key.describe();
        println!("key       {}", shown.key);
        println!("delegate  {}", shown.delegate);
        println!("anchor    {}", shown.anchor);
        println!("file      {}", path.display());
        Ok(())
    }
}

fn list(place: &Place) -> Result<()> {
    for file in KeyFile::read_all(&place.data.join(KEYS))? {
        let header = file.header();
        let delegate = header.public().delegate_hash();
        println!(
            "{} delegate {delegate} anchor {}",
            header.key, header.anchor
        );
    }
    Ok(())
}
