//! The network of a data directory: its spec, its keys, how many nodes it has.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use synod_chainspec::ChainSpec;
use synod_service::DataDir;

use super::args::{Preset, UpArgs};
use super::secrets;

/// The file of the chain spec in the data directory.
const SPEC_FILE: &str = "network.toml";
/// The folder of the nodes' data directories.
const NODES: &str = "nodes";
/// The nodes of a new network.
const DEFAULT_NODES: u16 = 3;
/// The moment that networks made with `--seed` start at: 2026-01-01.
const SEEDED_TIME: u32 = 1_767_225_600;

/// What a data directory says of its network.
pub(super) struct Network {
    pub(super) spec: ChainSpec,
    /// The file that nodes are started with.
    pub(super) spec_file: PathBuf,
    pub(super) nodes: u16,
    pub(super) faucet_seed: [u8; 32],
    /// When the first blocks were, where the spec does not fix it.
    pub(super) start_time: u32,
}

impl Network {
    /// Reads the network of a data directory, or makes a new one.
    ///
    /// # Errors
    /// It is another network than the arguments ask for, or a file cannot be used.
    pub(super) fn open(data: &DataDir, args: &UpArgs) -> Result<Self> {
        let spec_file = data.join(SPEC_FILE);
        let is_new = !spec_file.exists();
        let start_time = if args.seed.is_some() {
            SEEDED_TIME
        } else {
            now()?
        };
        if is_new {
            let spec = new_spec(args.preset.unwrap_or(Preset::Devnet), start_time)?;
            secrets::write_private(&spec_file, &spec.format())?;
        }
        let spec = ChainSpec::parse(&fs::read_to_string(&spec_file)?)
            .with_context(|| spec_file.display().to_string())?;
        if let Some(preset) = args.preset.filter(|preset| preset.name() != spec.name) {
            let (path, name) = (data.path().display(), &spec.name);
            let asked = preset.name();
            bail!(
                "{path} holds a network of {name}, not of {asked}; choose another directory with --data"
            );
        }
        let existing = count_nodes(&data.join(NODES))?;
        let nodes = match (args.nodes, existing) {
            (Some(nodes), _) => nodes,
            (None, 0) => DEFAULT_NODES,
            (None, existing) => existing,
        };
        let faucet_seed = secrets::faucet_seed(data.path(), args.seed.as_deref())?;
        Ok(Self {
            spec,
            spec_file,
            nodes,
            faucet_seed,
            start_time,
        })
    }

    /// Returns the data directory of a node, counted from 0.
    pub(super) fn node_directory(&self, data: &DataDir, index: u16) -> PathBuf {
        data.join(NODES).join((index + 1).to_string())
    }
}

fn new_spec(preset: Preset, time: u32) -> Result<ChainSpec> {
    let mut spec = ChainSpec::preset(preset.name())?;
    if let Some(bootstrap) = &mut spec.consensus.bootstrap {
        // So the last bootstrap block is as young as the network.
        bootstrap.time = time - bootstrap.blocks;
    }
    Ok(spec)
}

fn count_nodes(folder: &Path) -> Result<u16> {
    if !folder.exists() {
        return Ok(0);
    }
    let entries = fs::read_dir(folder)?.filter_map(std::result::Result::ok);
    Ok(u16::try_from(
        entries.filter(|entry| entry.path().is_dir()).count(),
    )?)
}

fn now() -> Result<u32> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(u32::try_from(seconds)?)
}
