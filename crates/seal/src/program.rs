//! Stake outputs: witness programs of 40 bytes, the owner's hash and the delegate's.
//!
//! To a node that knows no stake they are unknown witness versions, which it relays and
//! accepts in blocks (BIP141).

use synod_primitives::Script;

use crate::quantity::{DelegateHash, OwnerHash};

/// The bytes of the program.
pub const STAKE_PROGRAM_SIZE: usize = 40;

const OP_2: u8 = 0x52;
const OP_3: u8 = 0x53;

/// What the stake of an output does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StakeKind {
    /// It counts: a bond or a delegation (witness version 2).
    Bonded,
    /// It is on its way out, and can still be slashed (witness version 3).
    Unbonding,
}

/// An output's stake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StakeProgram {
    /// Whether it counts.
    pub kind: StakeKind,
    /// Who may move it.
    pub owner: OwnerHash,
    /// Whom it stands for; zero for what is left of slashed stake.
    pub delegate: DelegateHash,
}

impl StakeProgram {
    /// Returns the witness version.
    #[must_use]
    pub const fn witness_version(&self) -> u8 {
        match self.kind {
            StakeKind::Bonded => 2,
            StakeKind::Unbonding => 3,
        }
    }

    /// Returns the 40 bytes of the witness program.
    #[must_use]
    pub fn program(&self) -> [u8; STAKE_PROGRAM_SIZE] {
        let mut out = [0; STAKE_PROGRAM_SIZE];
        out[..20].copy_from_slice(&self.owner.0);
        out[20..].copy_from_slice(&self.delegate.0);
        out
    }

    /// Returns the output script.
    #[must_use]
    pub fn script(&self) -> Script {
        let opcode = match self.kind {
            StakeKind::Bonded => OP_2,
            StakeKind::Unbonding => OP_3,
        };
        let mut script = vec![opcode, 40];
        script.extend_from_slice(&self.program());
        Script::new(script)
    }

    /// Reads an output script; `None` when it holds no stake.
    #[must_use]
    pub fn of_script(script: &[u8]) -> Option<Self> {
        let (kind, program) = match script {
            [OP_2, 40, program @ ..] => (StakeKind::Bonded, program),
            [OP_3, 40, program @ ..] => (StakeKind::Unbonding, program),
            _ => return None,
        };
        let program: &[u8; STAKE_PROGRAM_SIZE] = program.try_into().ok()?;
        Some(Self {
            kind,
            owner: OwnerHash(std::array::from_fn(|i| program[i])),
            delegate: DelegateHash(std::array::from_fn(|i| program[20 + i])),
        })
    }

    /// Returns the same stake on its way out.
    #[must_use]
    pub fn unbonding(self) -> Self {
        Self {
            kind: StakeKind::Unbonding,
            ..self
        }
    }

    /// Returns what is left of this stake when it was slashed: unbonding, for nobody.
    #[must_use]
    pub fn slashed(self) -> Self {
        Self {
            kind: StakeKind::Unbonding,
            delegate: DelegateHash::ZERO,
            ..self
        }
    }
}
