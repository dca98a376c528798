//! `synod-validator protection ...`.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use synod_service::DataDir;

use super::{Place, chain_id};
use crate::protection::{Interchange, MAX_INTERCHANGE_BYTES, Protection, ProtectionOptions};

#[derive(Debug, Subcommand)]
pub(super) enum ProtectionCommand {
    /// Write what the keys have signed to a file, for another machine; stop the validator first
    Export(Transfer),
    /// Take over what keys have signed elsewhere; only raises what is refused
    Import(Transfer),
    /// Show the watermarks of each key
    Show(Place),
}

#[derive(Debug, Args)]
pub(super) struct Transfer {
    #[command(flatten)]
    place: Place,
    /// The file, JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl ProtectionCommand {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Export(transfer) => export(&transfer).await,
            Self::Import(transfer) => import(&transfer).await,
            Self::Show(place) => show(&place).await,
        }
    }
}

async fn export(transfer: &Transfer) -> Result<()> {
    let (_data, protection) = transfer.place.open().await?;
    let document = protection.export().await?;
    let text = serde_json::to_string_pretty(&document)?;
    write_new(&transfer.file, text.as_bytes())
        .with_context(|| transfer.file.display().to_string())?;
    protection.close().await?;
    println!("{} keys exported", document.data.len());
    println!("Do not start this validator again with these keys once the other one signs.");
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

async fn import(transfer: &Transfer) -> Result<()> {
    let document = read(&transfer.file)?;
    let data = DataDir::open(&transfer.place.data)?;
    let paths = transfer.place.paths();
    let stated = Some(document.metadata.chain_id);
    let chain_id = chain_id(&paths, stated, None).await?;
    let protection = Protection::open(&paths, chain_id, ProtectionOptions::default()).await?;
    let report = protection.import(&document).await?;
    protection.close().await?;
    drop(data);
    println!(
        "{} keys added, {} raised, {} unchanged",
        report.added, report.raised, report.unchanged
    );
    Ok(())
}

fn read(path: &Path) -> Result<Interchange> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let mut text = String::new();
    file.take(MAX_INTERCHANGE_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(named)?;
    if text.len() as u64 > MAX_INTERCHANGE_BYTES {
        bail!("{} is longer than an export can be", path.display());
    }
    serde_json::from_str(&text).with_context(named)
}

async fn show(place: &Place) -> Result<()> {
    let (_data, protection) = place.open().await?;
    for (key, marks) in protection.keys().await? {
        let number = |it: Option<u64>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
        println!(
            "{key} last slot {} · sealed height {} · last vote {} to {}",
            number(marks.sealed.map(|it| it.0)),
            marks.forged,
            number(marks.voted.map(|it| it.0)),
            number(marks.voted.map(|it| it.1)),
        );
    }
    Ok(protection.close().await?)
}
