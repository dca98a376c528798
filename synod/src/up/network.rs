//! The network of a data directory: its spec, its keys, how many nodes it has.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use synod_chainspec::{ChainSpec, EngineSpec};
use synod_service::DataDir;

use super::args::{Engine, Preset, UpArgs};
use super::sealing::{self, Choices, Sealing};
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
    /// The keys of a network whose blocks are sealed; `None` under proof of work.
    pub(super) sealing: Option<Sealing>,
}

impl Network {
    /// Reads the network of a data directory, or makes a new one.
    ///
    /// # Errors
    /// It is another network than the arguments ask for, or a file cannot be used.
    pub(super) fn open(data: &DataDir, args: &UpArgs) -> Result<Self> {
        let spec_file = data.join(SPEC_FILE);
        let (preset, engine) = chosen(args, !spec_file.exists())?;
        let start_time = if args.seed.is_some() {
            SEEDED_TIME
        } else {
            now()?
        };
        let faucet_seed = secrets::faucet_seed(data.path(), args.seed.as_deref())?;
        if !spec_file.exists() {
            let spec = match engine {
                // Slots are counted from the start: a network of an old moment would have missed
                // all of them, so here the seed fixes the keys only.
                Some(engine @ (Engine::Pos | Engine::Dpos)) => {
                    sealing::new_spec(engine, &choices(args, now()?)?, &faucet_seed)?
                }
                _ => new_spec(preset.unwrap_or(Preset::Devnet), start_time)?,
            };
            secrets::write_private(&spec_file, &spec.format())?;
        }
        let spec = ChainSpec::parse(&fs::read_to_string(&spec_file)?)
            .with_context(|| spec_file.display().to_string())?;
        check(&spec, (preset, engine), args, data.path())?;
        let existing = count_nodes(&data.join(NODES))?;
        let nodes = match (args.nodes, existing) {
            (Some(nodes), _) => nodes,
            (None, 0) => DEFAULT_NODES,
            (None, existing) => existing,
        };
        let sealing = match spec.consensus.bootstrap_seal {
            Some(_) => Some(Sealing::open(&spec, &faucet_seed)?),
            None => None,
        };
        Ok(Self {
            spec,
            spec_file,
            nodes,
            faucet_seed,
            start_time,
            sealing,
        })
    }

    /// Returns the data directory of a node, counted from 0.
    pub(super) fn node_directory(&self, data: &DataDir, index: u16) -> PathBuf {
        data.join(NODES).join((index + 1).to_string())
    }
}

/// What the arguments ask for; a new network always has both.
fn chosen(args: &UpArgs, is_new: bool) -> Result<(Option<Preset>, Option<Engine>)> {
    let (preset, engine) = match (args.preset, args.engine) {
        (Some(Preset::Sealed), Some(Engine::Pow)) => {
            bail!("the preset sealed is for pos and dpos; pow has devnet and regtest")
        }
        (Some(preset @ (Preset::Devnet | Preset::Regtest)), Some(Engine::Pos | Engine::Dpos)) => {
            let name = preset.name();
            bail!("the preset {name} has the engine pow; pos and dpos have the preset sealed")
        }
        (None, Some(engine @ (Engine::Pos | Engine::Dpos))) => (Some(Preset::Sealed), Some(engine)),
        (Some(Preset::Sealed), None) if is_new => (Some(Preset::Sealed), Some(Engine::Pos)),
        (preset, None) if is_new => (preset, Some(Engine::Pow)),
        asked => asked,
    };
    let is_sealed = match (is_new, engine) {
        (_, Some(engine)) => engine != Engine::Pow,
        // What the directory holds decides, see `check`.
        (false, None) => true,
        (true, None) => false,
    };
    let for_slots = [
        ("--validators", args.validators.is_some()),
        ("--slot-time", args.slot_time.is_some()),
        ("--epoch-slots", args.epoch_slots.is_some()),
    ];
    if let Some((flag, _)) = for_slots
        .iter()
        .find(|(_, is_given)| *is_given && !is_sealed)
    {
        bail!("{flag} is for --engine pos and --engine dpos");
    }
    Ok((preset, engine))
}

fn choices(args: &UpArgs, time: u32) -> Result<Choices> {
    Ok(Choices {
        time,
        validators: args.validators,
        slot_s: args.slot_time.map(slot_seconds).transpose()?,
        epoch_slots: args.epoch_slots,
    })
}

/// Slots are whole seconds, since the time of a block is.
fn slot_seconds(time: Duration) -> Result<u32> {
    ensure!(
        time.subsec_nanos() == 0,
        "--slot-time is in whole seconds, since the times of blocks are"
    );
    Ok(u32::try_from(time.as_secs())?)
}

/// Holds what a data directory has against what is asked for.
fn check(
    spec: &ChainSpec,
    (preset, engine): (Option<Preset>, Option<Engine>),
    args: &UpArgs,
    path: &Path,
) -> Result<()> {
    let path = path.display();
    let holds = spec.consensus.engine.name();
    if let Some(engine) = engine.filter(|engine| engine.name() != holds) {
        let asked = engine.name();
        bail!(
            "{path} holds a network of engine {holds}, not of {asked}; choose another directory with --data"
        );
    }
    if let Some(preset) = preset.filter(|preset| preset.name() != spec.name) {
        let (name, asked) = (&spec.name, preset.name());
        bail!(
            "{path} holds a network of {name}, not of {asked}; choose another directory with --data"
        );
    }
    let bonds = spec.consensus.bootstrap_seal.as_ref();
    let validators = bonds.map_or(0, |it| it.bonds.len());
    let epoch_slots = match &spec.consensus.engine {
        EngineSpec::Pos(pos) => Some(pos.epoch_slots),
        EngineSpec::Pow(_) | EngineSpec::Dpos(_) => None,
    };
    let slot_s = args.slot_time.map(slot_seconds).transpose()?;
    let differs = [
        (
            "--validators",
            args.validators
                .is_some_and(|it| usize::from(it) != validators),
        ),
        (
            "--slot-time",
            slot_s.is_some() && slot_s != spec.consensus.engine.slot_s(),
        ),
        (
            "--epoch-slots",
            args.epoch_slots.is_some() && args.epoch_slots != epoch_slots,
        ),
    ];
    if let Some((flag, _)) = differs.iter().find(|(_, differs)| *differs) {
        bail!(
            "{flag} is fixed when a network is made, and {path} holds one with another; choose another directory with --data"
        );
    }
    Ok(())
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
