//! Spec files in TOML.

use serde::{Deserialize, Serialize};
use synod_primitives::{Amount, BlockHash, CompactTarget, Height, hex};

use crate::stake_file::{BondFile, DposFile, PosFile, bootstrap_seal};
use crate::{
    Activations, Bootstrap, ChainSpec, Consensus, EngineSpec, Pow, Snapshot, Subsidy, Trust,
};

/// A spec that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SpecError {
    /// There is no preset of that name.
    #[error("there is no preset {0:?}; the presets are devnet, regtest and sealed")]
    UnknownPreset(String),
    /// The text is no spec file.
    #[error("not a chain spec: {0}")]
    Syntax(String),
    /// The engine is not known.
    #[error("there is no engine {0:?}; this version has pow, pos and dpos")]
    UnknownEngine(String),
    /// The deployment is not known.
    #[error("there is no activation {0:?}; the names are bip34, dersig, cltv, csv and segwit")]
    UnknownActivation(String),
    /// The override is not of the form `NAME@HEIGHT`.
    #[error("an activation is written NAME@HEIGHT, not {0:?}")]
    BadActivation(String),
    /// A value is outside its range, or contradicts another.
    #[error("chain spec: {0}")]
    Value(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecFile {
    name: String,
    engine: String,
    coinbase_maturity: u32,
    subsidy: SubsidyFile,
    activation: ActivationFile,
    #[serde(skip_serializing_if = "Option::is_none")]
    pow: Option<PowFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pos: Option<PosFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpos: Option<DposFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap: Option<BootstrapFile>,
    #[serde(default, skip_serializing_if = "TrustFile::is_empty")]
    trust: TrustFile,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubsidyFile {
    initial_sat: u64,
    halving_interval: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivationFile {
    bip34: u32,
    dersig: u32,
    cltv: u32,
    csv: u32,
    segwit: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PowFile {
    limit: String,
    retarget: bool,
    interval: u32,
    spacing_s: u32,
    timewarp_rule: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_bits: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BootstrapFile {
    time: u32,
    blocks: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bonds: Vec<BondFile>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    #[serde(default)]
    checkpoints: Vec<CheckpointFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    snapshots: Vec<SnapshotFile>,
}

impl TrustFile {
    fn is_empty(&self) -> bool {
        self.checkpoints.is_empty() && self.snapshots.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointFile {
    height: u32,
    hash: BlockHash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotFile {
    height: u32,
    hash: BlockHash,
    /// Written like a block's hash: 32 bytes, reversed.
    muhash: BlockHash,
}

impl From<SnapshotFile> for Snapshot {
    fn from(file: SnapshotFile) -> Self {
        Self {
            height: Height(file.height),
            hash: file.hash,
            muhash: file.muhash.to_bytes(),
        }
    }
}

impl From<&Snapshot> for SnapshotFile {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            height: snapshot.height.0,
            hash: snapshot.hash,
            muhash: BlockHash::from_bytes(snapshot.muhash),
        }
    }
}

fn preset_text(name: &str) -> Result<&'static str, SpecError> {
    match name {
        "regtest" => Ok(include_str!("../presets/regtest.toml")),
        "devnet" => Ok(include_str!("../presets/devnet.toml")),
        "sealed" => Ok(include_str!("../presets/sealed.toml")),
        other => Err(SpecError::UnknownPreset(other.to_owned())),
    }
}

pub(crate) fn preset(name: &str) -> Result<ChainSpec, SpecError> {
    parse(preset_text(name)?)
}

pub(crate) fn parse(text: &str) -> Result<ChainSpec, SpecError> {
    let syntax = |error: toml::de::Error| SpecError::Syntax(error.to_string());
    let mut table: toml::Table = toml::from_str(text).map_err(syntax)?;
    if let Some(base) = table.remove("base") {
        let name = base
            .as_str()
            .ok_or(SpecError::Value("base is the name of a preset"))?;
        let mut merged: toml::Table = toml::from_str(preset_text(name)?).map_err(syntax)?;
        merge(&mut merged, table);
        table = merged;
    }
    let file: SpecFile = table.try_into().map_err(syntax)?;
    from_file(file)
}

/// Lays the values of `over` on top of `base`, table by table.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn from_file(file: SpecFile) -> Result<ChainSpec, SpecError> {
    let bootstrap = file.bootstrap.as_ref();
    let key = bootstrap.and_then(|it| it.key.as_deref());
    let bonds = bootstrap.map_or(&[][..], |it| &it.bonds);
    let bootstrap_seal = key.map(|key| bootstrap_seal(key, bonds)).transpose()?;
    let has_bonds_alone = bootstrap_seal.is_none() && !bonds.is_empty();
    let engine = engine_from_file(&file.engine, file.pow, file.pos, file.dpos)?;
    let activation = file.activation;
    let consensus = Consensus {
        is_core_regtest: file.name == "regtest",
        subsidy: Subsidy {
            initial_sat: file.subsidy.initial_sat,
            halving_interval: file.subsidy.halving_interval,
        },
        coinbase_maturity: file.coinbase_maturity,
        activations: Activations {
            bip34: Height(activation.bip34),
            dersig: Height(activation.dersig),
            cltv: Height(activation.cltv),
            csv: Height(activation.csv),
            segwit: Height(activation.segwit),
        },
        engine,
        bootstrap: file.bootstrap.map(|it| Bootstrap {
            time: it.time,
            blocks: it.blocks,
        }),
        bootstrap_seal,
    };
    if has_bonds_alone {
        return Err(SpecError::Value("bootstrap.bonds need a bootstrap.key"));
    }
    check(&file.name, &consensus)?;
    let snapshots = file.trust.snapshots;
    let checkpoints = file.trust.checkpoints;
    let checkpoints = checkpoints
        .into_iter()
        .map(|it| (Height(it.height), it.hash))
        .collect();
    Ok(ChainSpec {
        name: file.name,
        consensus,
        trust: Trust {
            checkpoints,
            snapshots: snapshots.into_iter().map(Snapshot::from).collect(),
        },
        peers: file.peers,
        members: file.members,
    })
}

/// Takes the table of the engine that is named. Tables of other engines may stand beside it,
/// as a preset has them, but no target that is to be followed.
fn engine_from_file(
    name: &str,
    pow: Option<PowFile>,
    pos: Option<PosFile>,
    dpos: Option<DposFile>,
) -> Result<EngineSpec, SpecError> {
    let missing = |reason| Err(SpecError::Value(reason));
    if matches!(name, "pos" | "dpos") && pow.is_some() {
        return missing(
            "bits are the limit under every engine but pow: there is no [pow], and no retarget",
        );
    }
    match (name, pow, pos, dpos) {
        ("pow", Some(pow), _, _) => Ok(EngineSpec::Pow(pow_from_file(&pow)?)),
        ("pow", None, _, _) => missing("engine pow needs the table [pow]"),
        ("pos", _, Some(pos), _) => Ok(EngineSpec::Pos(pos.into_settings())),
        ("pos", _, None, _) => missing("engine pos needs the table [pos]"),
        ("dpos", _, _, Some(dpos)) => Ok(EngineSpec::Dpos(dpos.into_settings())),
        ("dpos", _, _, None) => missing("engine dpos needs the table [dpos]"),
        (other, ..) => Err(SpecError::UnknownEngine(other.to_owned())),
    }
}

fn pow_from_file(file: &PowFile) -> Result<Pow, SpecError> {
    let bits = |text: &str| -> Result<CompactTarget, SpecError> {
        text.parse()
            .map_err(|_| SpecError::Value("bits are eight hex digits"))
    };
    let limit = bits(&file.limit)?;
    Ok(Pow {
        limit,
        retarget: file.retarget,
        interval: file.interval,
        spacing_s: file.spacing_s,
        timewarp_rule: file.timewarp_rule,
        start_bits: file.start_bits.as_deref().map_or(Ok(limit), bits)?,
    })
}

/// The longest name of a network, in bytes.
const MAX_NAME: usize = 64;
/// The most blocks of a bootstrap.
const MAX_BOOTSTRAP_BLOCKS: u32 = 10_000;

fn check(name: &str, consensus: &Consensus) -> Result<(), SpecError> {
    let printable = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    refuse(
        name.is_empty() || name.len() > MAX_NAME || !printable,
        "a name is 1 to 64 letters, digits, dots, dashes and underscores",
    )?;
    let subsidy = &consensus.subsidy;
    refuse(
        subsidy.halving_interval == 0,
        "halving_interval is at least 1",
    )?;
    // Each halving at least halves, so twice the first period bounds the sum for ever.
    let supply = u128::from(subsidy.initial_sat) * u128::from(subsidy.halving_interval) * 2;
    refuse(
        supply > Amount::MAX_MONEY.sat().cast_unsigned().into(),
        "the subsidies add up to more than 21 million coins",
    )?;
    refuse(
        consensus.is_core_regtest && !matches!(consensus.engine, EngineSpec::Pow(_)),
        "regtest has engine pow; give the network a name of its own",
    )?;
    match &consensus.engine {
        EngineSpec::Pow(pow) => check_pow(pow, consensus),
        EngineSpec::Pos(pos) => pos.check().and_then(|()| check_sealed(consensus)),
        EngineSpec::Dpos(dpos) => dpos.check().and_then(|()| check_sealed(consensus)),
    }
}

fn refuse(condition: bool, reason: &'static str) -> Result<(), SpecError> {
    if condition {
        Err(SpecError::Value(reason))
    } else {
        Ok(())
    }
}

fn check_pow(pow: &Pow, consensus: &Consensus) -> Result<(), SpecError> {
    let limit = pow
        .limit
        .to_target()
        .map_err(|_| SpecError::Value("pow.limit is no target"))?;
    let start = pow.start_bits.to_target();
    let start = start.map_err(|_| SpecError::Value("pow.start_bits is no target"))?;
    refuse(start > limit, "pow.start_bits is easier than pow.limit")?;
    refuse(pow.interval < 2, "pow.interval is at least 2")?;
    refuse(pow.spacing_s == 0, "pow.spacing_s is at least 1")?;
    refuse(
        pow.interval
            .checked_mul(pow.spacing_s)
            .is_none_or(|span| span > u32::MAX / 4),
        "a retarget period is at most 34 years",
    )?;
    refuse(
        consensus.bootstrap_seal.is_some(),
        "bootstrap.key is for sealed blocks; engine pow has none",
    )?;
    match &consensus.bootstrap {
        None => refuse(
            !consensus.is_core_regtest,
            "every spec but regtest has a [bootstrap]",
        ),
        Some(_) if consensus.is_core_regtest => Err(SpecError::Value(
            "regtest has no bootstrap; give the network a name of its own",
        )),
        Some(bootstrap) => {
            check_bootstrap(bootstrap)?;
            refuse(
                !(bootstrap.blocks + 1).is_multiple_of(pow.interval),
                "bootstrap.blocks + 1 is a multiple of pow.interval",
            )
        }
    }
}

fn check_bootstrap(bootstrap: &Bootstrap) -> Result<(), SpecError> {
    refuse(
        bootstrap.blocks > MAX_BOOTSTRAP_BLOCKS,
        "a bootstrap is at most 10,000 blocks",
    )
}

/// Checks what holds under every engine whose blocks are sealed.
fn check_sealed(consensus: &Consensus) -> Result<(), SpecError> {
    let activations = &consensus.activations;
    // A seal lies in the witness commitment and states the height of the coinbase.
    refuse(
        activations.bip34 > Height(1) || activations.segwit > Height(1),
        "sealed blocks need bip34 and segwit from height 1",
    )?;
    refuse(activations.csv > Height(1), "stake needs csv from height 1")?;
    let bootstrap = consensus
        .bootstrap
        .as_ref()
        .ok_or(SpecError::Value("every spec but regtest has a [bootstrap]"))?;
    check_bootstrap(bootstrap)?;
    refuse(bootstrap.blocks == 0, "bootstrap.blocks is at least 1")?;
    let seal = consensus
        .bootstrap_seal
        .as_ref()
        .ok_or(SpecError::Value("sealed blocks need a bootstrap.key"))?;
    let stake = consensus.engine.stake().ok_or(SpecError::Value(
        "the engine has no stake that a bootstrap could bond",
    ))?;
    let has_names = matches!(consensus.engine, EngineSpec::Dpos(_));
    let subsidy = consensus.subsidy.initial_sat;
    seal.check(bootstrap.blocks, subsidy, stake, has_names)
}

pub(crate) fn format(spec: &ChainSpec) -> String {
    let consensus = &spec.consensus;
    let seal = consensus.bootstrap_seal.as_ref();
    let (mut pow, mut pos, mut dpos) = (None, None, None);
    match &consensus.engine {
        EngineSpec::Pow(it) => pow = Some(pow_to_file(it)),
        EngineSpec::Pos(it) => pos = Some(PosFile::from(it)),
        EngineSpec::Dpos(it) => dpos = Some(DposFile::from(it)),
    }
    let checkpoints = spec.trust.checkpoints.iter();
    let file = SpecFile {
        name: spec.name.clone(),
        engine: consensus.engine.name().to_owned(),
        coinbase_maturity: consensus.coinbase_maturity,
        subsidy: SubsidyFile {
            initial_sat: consensus.subsidy.initial_sat,
            halving_interval: consensus.subsidy.halving_interval,
        },
        activation: ActivationFile {
            bip34: consensus.activations.bip34.0,
            dersig: consensus.activations.dersig.0,
            cltv: consensus.activations.cltv.0,
            csv: consensus.activations.csv.0,
            segwit: consensus.activations.segwit.0,
        },
        pow,
        pos,
        dpos,
        bootstrap: consensus.bootstrap.map(|it| BootstrapFile {
            time: it.time,
            blocks: it.blocks,
            key: seal.map(|seal| hex::encode(seal.key)),
            bonds: seal.map_or_else(Vec::new, |seal| {
                seal.bonds.iter().map(BondFile::from).collect()
            }),
        }),
        trust: TrustFile {
            checkpoints: checkpoints
                .map(|(height, hash)| CheckpointFile {
                    height: height.0,
                    hash: *hash,
                })
                .collect(),
            snapshots: spec
                .trust
                .snapshots
                .iter()
                .map(SnapshotFile::from)
                .collect(),
        },
        peers: spec.peers.clone(),
        members: spec.members.clone(),
    };
    toml::to_string(&file).expect("a spec file holds tables, texts and numbers only")
}

fn pow_to_file(pow: &Pow) -> PowFile {
    PowFile {
        limit: pow.limit.to_string(),
        retarget: pow.retarget,
        interval: pow.interval,
        spacing_s: pow.spacing_s,
        timewarp_rule: pow.timewarp_rule,
        start_bits: Some(pow.start_bits.to_string()),
    }
}
