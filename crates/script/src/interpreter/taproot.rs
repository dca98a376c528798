//! Taproot (BIP341) and the frame of tapscript (BIP342).

use synod_sigcheck::is_tweaked_key;

use super::machine::{Role, Tapscript};
use super::{MAX_STACK_SIZE, Spend};
use crate::digest::{TAP_BRANCH, TAP_LEAF, TAP_TWEAK};
use crate::error::ScriptError;
use crate::flags::Flags;
use crate::instruction::Instructions;
use crate::sighash::{LeafPosition, TaprootSpend, annex_hash};
use synod_primitives::encode::write_count;

/// The version of leaves that hold a tapscript.
pub const LEAF_VERSION_TAPSCRIPT: u8 = 0xc0;
/// The first byte of an annex.
const ANNEX_TAG: u8 = 0x50;
/// The bits of a control block's first byte that are the leaf version; the last is a parity.
const LEAF_VERSION_MASK: u8 = 0xfe;
/// The size of a control block without its path.
const CONTROL_BASE_SIZE: usize = 33;
/// The size of each step of the path.
const CONTROL_NODE_SIZE: usize = 32;
/// The most steps of a path.
const MAX_CONTROL_NODES: usize = 128;
/// What a tapscript's budget has besides the size of its witness (BIP342).
const BUDGET_OFFSET: i64 = 50;

/// Hashes a leaf: its version and script.
#[must_use]
pub fn tap_leaf_hash(version: u8, script: &[u8]) -> [u8; 32] {
    let mut head = vec![version];
    write_count(&mut head, script.len());
    TAP_LEAF.hash(&[&head, script])
}

/// Hashes two nodes of a tree into their branch, the smaller first.
#[must_use]
pub fn tap_branch_hash(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    let (first, second) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    TAP_BRANCH.hash(&[first, second])
}

/// Hashes an internal key and the root of its tree into the tweak of the output key; without a
/// tree into that of a key that can be spent by signature alone.
#[must_use]
pub fn tap_tweak_hash(internal_key: &[u8; 32], root: Option<&[u8; 32]>) -> [u8; 32] {
    match root {
        Some(root) => TAP_TWEAK.hash(&[internal_key, root]),
        None => TAP_TWEAK.hash(&[internal_key]),
    }
}

/// A control block: how a leaf is part of an output key.
struct ControlBlock<'e> {
    leaf_version: u8,
    is_parity_odd: bool,
    internal_key: &'e [u8; 32],
    path: &'e [[u8; CONTROL_NODE_SIZE]],
}

impl<'e> ControlBlock<'e> {
    fn parse(bytes: &'e [u8]) -> Result<Self, ScriptError> {
        let wrong = ScriptError::TaprootWrongControlSize;
        let (first, rest) = bytes.split_first().ok_or(wrong)?;
        let (internal_key, path) = rest
            .split_first_chunk::<{ CONTROL_BASE_SIZE - 1 }>()
            .ok_or(wrong)?;
        let (path, torn) = path.as_chunks();
        if !torn.is_empty() || path.len() > MAX_CONTROL_NODES {
            return Err(wrong);
        }
        Ok(Self {
            leaf_version: first & LEAF_VERSION_MASK,
            is_parity_odd: first & 1 == 1,
            internal_key,
            path,
        })
    }

    fn commits_to(&self, output_key: &[u8], leaf_hash: &[u8; 32]) -> bool {
        let step = |hash: [u8; 32], node| tap_branch_hash(&hash, node);
        let root = self.path.iter().fold(*leaf_hash, step);
        let tweak = tap_tweak_hash(self.internal_key, Some(&root));
        output_key
            .try_into()
            .is_ok_and(|key| is_tweaked_key(key, self.is_parity_odd, self.internal_key, &tweak))
    }
}

impl<'e> Spend<'e, '_> {
    pub(super) fn verify_taproot(&mut self, output_key: &[u8]) -> Result<(), ScriptError> {
        if !self.has(Flags::TAPROOT) {
            return Ok(());
        }
        let witness = self.witness();
        if witness.len() == 1 {
            // The most frequent form, without a list of items.
            let signature = witness.last().unwrap_or_default();
            return self.require_schnorr(signature, output_key, &TaprootSpend::default());
        }
        let mut items: Vec<&'e [u8]> = witness.iter().collect();
        let mut spend = TaprootSpend::default();
        if let [_, .., annex @ [ANNEX_TAG, ..]] = items[..] {
            spend.annex_hash = Some(annex_hash(annex));
            items.pop();
        }
        match items[..] {
            [] => Err(ScriptError::WitnessProgramWitnessEmpty),
            [signature] => self.require_schnorr(signature, output_key, &spend),
            [ref arguments @ .., script, control] => {
                let leaf = Leaf {
                    script,
                    control: ControlBlock::parse(control)?,
                };
                self.verify_leaf(output_key, &leaf, arguments, spend)
            }
        }
    }

    fn verify_leaf(
        &mut self,
        output_key: &[u8],
        leaf: &Leaf<'e>,
        arguments: &[&'e [u8]],
        mut spend: TaprootSpend,
    ) -> Result<(), ScriptError> {
        let leaf_hash = tap_leaf_hash(leaf.control.leaf_version, leaf.script);
        if !leaf.control.commits_to(output_key, &leaf_hash) {
            return Err(ScriptError::WitnessProgramMismatch);
        }
        if leaf.control.leaf_version != LEAF_VERSION_TAPSCRIPT {
            return match self.has(Flags::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION) {
                true => Err(ScriptError::DiscourageUpgradableTaprootVersion),
                false => Ok(()),
            };
        }
        spend.leaf = Some(LeafPosition {
            leaf_hash,
            code_separator: LeafPosition::NO_SEPARATOR,
        });
        // Consensus: the budget counts the whole witness, annex and control block included.
        let size = i64::try_from(self.witness().encoded_size()).expect("below 2^63");
        let tapscript = Tapscript {
            spend,
            weight_left: size + BUDGET_OFFSET,
        };
        self.execute_tapscript(leaf.script, arguments, tapscript)
    }

    fn execute_tapscript(
        &mut self,
        script: &'e [u8],
        arguments: &[&'e [u8]],
        tapscript: Tapscript,
    ) -> Result<(), ScriptError> {
        // Consensus: the first success opcode decides before everything else, limits and what
        // follows it included.
        for next in Instructions::new(script) {
            let read = next.map_err(|_| ScriptError::BadOpcode)?;
            if read.opcode.is_success() {
                return match self.has(Flags::DISCOURAGE_OP_SUCCESS) {
                    true => Err(ScriptError::DiscourageOpSuccess),
                    false => Ok(()),
                };
            }
        }
        if arguments.len() > MAX_STACK_SIZE {
            return Err(ScriptError::StackSize);
        }
        self.execute_witness_script(script, arguments, Role::Tapscript(tapscript))
    }
}

/// A leaf with its control block.
struct Leaf<'e> {
    script: &'e [u8],
    control: ControlBlock<'e>,
}
