//! The command line.

mod key;
mod protection;
mod run;
mod settings;
mod signer;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use synod_api::HashHex;
use synod_service::DataDir;

use crate::keys::{KeyFile, SealingKey, passphrase};
use crate::protection::{Protection, ProtectionOptions, ProtectionPaths};
use crate::signer::LocalSigner;

/// The directory of the key files in the data directory.
const KEYS: &str = "keys";
/// The data directory where nothing else is said.
const DEFAULT_DATA: &str = ".synod-validator";

/// Seals blocks and signs votes for a Synod chain, and never what could be slashed.
#[derive(Debug, Parser)]
#[command(name = "synod-validator", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask nodes for duties and sign them
    Run(settings::RunArguments),
    /// Hold keys and sign for validators on other machines
    Signer(settings::SignerArguments),
    /// Make and list sealing keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Move the slashing protection between machines
    #[command(subcommand)]
    Protection(protection::ProtectionCommand),
}

impl Arguments {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What stands in the way, as one sentence.
    pub async fn run(self) -> Result<()> {
        match self.command {
            Command::Run(arguments) => run::run(arguments.settings()?).await,
            Command::Signer(arguments) => signer::run(arguments.settings()?).await,
            Command::Key(command) => command.run().await,
            Command::Protection(command) => command.run().await,
        }
    }
}

/// Where a command finds keys and protection.
#[derive(Debug, Clone, Args)]
struct Place {
    /// The data directory
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA, env = "SYNOD_VALIDATOR_DATA")]
    data: PathBuf,
    /// The second place of the protection database [default: DIR.high-water]
    #[arg(long, value_name = "FILE", env = "SYNOD_VALIDATOR_HIGH_WATER")]
    high_water: Option<PathBuf>,
}

impl Place {
    fn paths(&self) -> ProtectionPaths {
        paths(&self.data, self.high_water.as_deref())
    }

    /// Locks the data directory and opens the protection that is there.
    async fn open(&self) -> Result<(DataDir, Protection)> {
        let data = DataDir::open(&self.data)?;
        let paths = self.paths();
        let protection = open_existing(&paths, ProtectionOptions::default()).await?;
        Ok((data, protection))
    }
}

fn paths(data: &Path, high_water: Option<&Path>) -> ProtectionPaths {
    let own = ProtectionPaths::of_data(data);
    match high_water {
        Some(path) => ProtectionPaths {
            high_water: path.to_owned(),
            ..own
        },
        None => own,
    }
}

/// Opens a protection database that must be there: one that is made anew by a start knows
/// nothing of what its keys have signed.
async fn open_existing(paths: &ProtectionPaths, options: ProtectionOptions) -> Result<Protection> {
    match Protection::chain_of(paths)? {
        Some(chain_id) => Ok(Protection::open(paths, chain_id, options).await?),
        None if paths.database.exists() => bail!(
            "{}, the second place of the protection database, is missing; restore it, or name \
             it with --high-water",
            paths.high_water.display()
        ),
        None => bail!(
            "there is no sealing key yet; make one with `synod-validator key new`, or bring the \
             protection of keys that are elsewhere with `synod-validator protection import`"
        ),
    }
}

/// Opens all key files under their protection.
async fn open_signer(
    data: &DataDir,
    protection: Protection,
    passphrase_file: Option<&Path>,
) -> Result<LocalSigner> {
    let files = KeyFile::read_all(&data.join(KEYS))?;
    if files.is_empty() {
        bail!("there is no sealing key yet; make one with `synod-validator key new`");
    }
    let passphrase = passphrase::read(passphrase_file)?;
    let keys = files.iter().map(|file| file.open(&passphrase));
    let keys = keys.collect::<Result<Vec<SealingKey>, _>>()?;
    Ok(LocalSigner::new(keys, protection).await?)
}

/// Finds out which chain a new database is for.
async fn chain_id(
    paths: &ProtectionPaths,
    stated: Option<HashHex>,
    node: Option<&str>,
) -> Result<[u8; 32]> {
    let known = Protection::chain_of(paths)?.map(HashHex::from_bytes);
    let asked = match node {
        Some(root) => {
            let chain = synod_api::NodeClient::new(root)?.chain().await;
            Some(chain.with_context(|| format!("the node {root}"))?.chain_id)
        }
        None => None,
    };
    let mut sources = [known, stated, asked].into_iter().flatten();
    let Some(first) = sources.next() else {
        bail!("say which chain the key is for: --node URL or --chain-id HEX");
    };
    if let Some(other) = sources.find(|it| *it != first) {
        bail!("the chain {other} is not {first}, to which the protection database belongs");
    }
    Ok(first.to_bytes())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_takes_no_passphrase() {
        Arguments::command().debug_assert();
        for words in [
            &["synod-validator", "run", "--passphrase", "secret"][..],
            &["synod-validator", "key", "new", "--passphrase=secret"],
        ] {
            assert!(Arguments::try_parse_from(words).is_err());
        }
    }
}
