//! Chain specs: everything that the nodes of one network must agree on before the first
//! block, as data.
//!
//! A spec is a preset ([`ChainSpec::preset`]) or a TOML file ([`ChainSpec::parse`]), a
//! file may start from a preset (`base = "devnet"`) and say only what differs. The
//! consensus part has a [`ChainId`]; names, peers and `[trust]` are outside it.
//!
//! Depends on primitives only; knows no rule, only the numbers that rules use.

mod chain_id;
mod file;
mod genesis;
mod stake;
mod stake_file;

pub use chain_id::ChainId;
pub use file::SpecError;
pub use genesis::genesis_block;
pub use stake::{BootstrapBond, BootstrapSeal, Dpos, Pos, StakeSettings};

use synod_primitives::{BlockHash, CompactTarget, Height};

/// The network that a node belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainSpec {
    /// What people call the network.
    pub name: String,
    /// What all its nodes must agree on.
    pub consensus: Consensus,
    /// What this operator takes for granted.
    pub trust: Trust,
    /// Nodes to connect to at the start, as base URLs.
    pub peers: Vec<String>,
    /// Keys of the nodes that may speak with each other, as X-only hex; without any everybody
    /// may.
    pub members: Vec<String>,
}

/// The parameters of consensus; the chain id is their hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consensus {
    /// Marks `regtest`, whose rules are exactly Bitcoin Core's: no chain id in block 1, no
    /// bootstrap.
    pub is_core_regtest: bool,
    /// New coins per block.
    pub subsidy: Subsidy,
    /// Blocks on top of a coinbase before its outputs can be spent.
    pub coinbase_maturity: u32,
    /// From which height each deployment is in force.
    pub activations: Activations,
    /// Who may add a block, and when it is final.
    pub engine: EngineSpec,
    /// The easy blocks at the start.
    pub bootstrap: Option<Bootstrap>,
    /// Who seals them, and the bonds that they make; under every engine but proof of work.
    pub bootstrap_seal: Option<BootstrapSeal>,
}

/// New coins per block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subsidy {
    /// Satoshis of the first blocks.
    pub initial_sat: u64,
    /// Blocks after which the subsidy is halved, again and again.
    pub halving_interval: u32,
}

/// Heights from which deployments are in force, named as Core's `-testactivationheight`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activations {
    /// The height in the coinbase (BIP34).
    pub bip34: Height,
    /// Strict DER signatures (BIP66).
    pub dersig: Height,
    /// `OP_CHECKLOCKTIMEVERIFY` (BIP65).
    pub cltv: Height,
    /// Relative lock times and median time past (BIP68, BIP112, BIP113).
    pub csv: Height,
    /// The witness commitment and NULLDUMMY (BIP141, BIP147).
    pub segwit: Height,
}

impl Activations {
    /// Sets one deployment by its name.
    ///
    /// # Errors
    /// A name that is none of the five.
    pub fn set(&mut self, name: &str, height: Height) -> Result<(), SpecError> {
        let slot = match name {
            "bip34" => &mut self.bip34,
            "dersig" => &mut self.dersig,
            "cltv" => &mut self.cltv,
            "csv" => &mut self.csv,
            "segwit" => &mut self.segwit,
            other => return Err(SpecError::UnknownActivation(other.to_owned())),
        };
        *slot = height;
        Ok(())
    }
}

/// The engine and its settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineSpec {
    /// Proof of work.
    Pow(Pow),
    /// Proof of stake.
    Pos(Pos),
    /// Delegated proof of stake.
    Dpos(Dpos),
}

impl EngineSpec {
    /// Returns the name that spec files use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pow(_) => "pow",
            Self::Pos(_) => "pos",
            Self::Dpos(_) => "dpos",
        }
    }

    /// Returns the settings of bonds; `None` without stake.
    #[must_use]
    pub fn stake(&self) -> Option<&StakeSettings> {
        match self {
            Self::Pow(_) => None,
            Self::Pos(pos) => Some(&pos.stake),
            Self::Dpos(dpos) => Some(&dpos.stake),
        }
    }

    /// Returns the seconds of a slot; `None` without slots.
    #[must_use]
    pub fn slot_s(&self) -> Option<u32> {
        match self {
            Self::Pow(_) => None,
            Self::Pos(pos) => Some(pos.slot_s),
            Self::Dpos(dpos) => Some(dpos.slot_s),
        }
    }

    /// Returns the easiest target that `bits` may state.
    #[must_use]
    pub fn limit_bits(&self) -> CompactTarget {
        match self {
            Self::Pow(pow) => pow.limit,
            Self::Pos(_) | Self::Dpos(_) => SEALED_BITS,
        }
    }
}

/// The `bits` of every block under an engine other than proof of work: regtest's limit.
pub const SEALED_BITS: CompactTarget = CompactTarget(0x207f_ffff);

/// Settings of proof of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pow {
    /// The easiest target.
    pub limit: CompactTarget,
    /// Whether the target follows the hash power; else `bits` is the limit at every height.
    pub retarget: bool,
    /// Blocks in a retarget period.
    pub interval: u32,
    /// Seconds that should lie between two blocks.
    pub spacing_s: u32,
    /// Whether the first block of a period may not be more than 600 s older than its
    /// parent (BIP94).
    pub timewarp_rule: bool,
    /// The target of the first block after the bootstrap.
    pub start_bits: CompactTarget,
}

/// Blocks 1 to `blocks` have `bits` at the limit and the time `time` + height.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bootstrap {
    /// Seconds since 1970 of the moment before the first block.
    pub time: u32,
    /// How many blocks.
    pub blocks: u32,
}

/// What an operator takes for granted, outside consensus.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    /// Blocks that must be on the active chain.
    pub checkpoints: Vec<(Height, BlockHash)>,
    /// Sets of coins that a new node may start from.
    pub snapshots: Vec<Snapshot>,
}

/// The coins at a block, by their hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The height of the block.
    pub height: Height,
    /// The block.
    pub hash: BlockHash,
    /// The MuHash3072 of the coins, in hash order; files have it reversed, as Core's
    /// `gettxoutsetinfo muhash` shows it.
    pub muhash: [u8; 32],
}

impl Snapshot {
    /// Formats the entry as a spec file has it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        format!(
            "[[trust.snapshots]]\nheight = {}\nhash = \"{}\"\nmuhash = \"{}\"\n",
            self.height,
            self.hash,
            BlockHash::from_bytes(self.muhash)
        )
    }
}

impl ChainSpec {
    /// The names of the presets.
    pub const PRESETS: [&'static str; 3] = ["devnet", "regtest", "sealed"];

    /// Returns a preset by its name.
    ///
    /// # Errors
    /// A name that is none of [`ChainSpec::PRESETS`].
    pub fn preset(name: &str) -> Result<Self, SpecError> {
        file::preset(name)
    }

    /// Reads a spec file.
    ///
    /// # Errors
    /// Text that is no TOML, unknown or missing fields, values that contradict.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        file::parse(text)
    }

    /// Writes the spec as a file that [`ChainSpec::parse`] reads back.
    #[must_use]
    pub fn format(&self) -> String {
        file::format(self)
    }

    /// Overrides one activation height, written `NAME@HEIGHT`.
    ///
    /// # Errors
    /// Text of another form, or an unknown name.
    pub fn override_activation(&mut self, text: &str) -> Result<(), SpecError> {
        let bad = || SpecError::BadActivation(text.to_owned());
        let (name, height) = text.split_once('@').ok_or_else(bad)?;
        let height = height.parse().map(Height).map_err(|_| bad())?;
        self.consensus.activations.set(name, height)
    }

    /// Computes the chain id.
    #[must_use]
    pub fn chain_id(&self) -> ChainId {
        ChainId::of(&self.consensus)
    }

    /// Returns the chain id that block 1's coinbase must carry; `None` under regtest.
    #[must_use]
    pub fn chain_id_output(&self) -> Option<ChainId> {
        (!self.consensus.is_core_regtest).then(|| self.chain_id())
    }

    /// Returns the height of the last bootstrap block, 0 without a bootstrap.
    #[must_use]
    pub fn bootstrap_height(&self) -> Height {
        Height(
            self.consensus
                .bootstrap
                .map_or(0, |bootstrap| bootstrap.blocks),
        )
    }
}

#[cfg(test)]
mod tests;
