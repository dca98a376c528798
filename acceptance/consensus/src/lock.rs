//! Outputs of every form, with what it takes to spend them.

use synod_primitives::{Amount, Script, TxOut, sha256};
use synod_script::{hash160, tap_branch_hash, tap_leaf_hash, tap_tweak_hash, template};

use crate::mutation::mutate_script;
use crate::random::Random;
use crate::script::{Puzzle, Version, compose};
use crate::signer::{KEYS, KeyForm, Signer};

/// How a script is committed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrap {
    /// It is the locking script.
    Bare,
    /// By pay-to-script-hash.
    P2sh,
    /// By a witness program.
    P2wsh,
    /// By a witness program by pay-to-script-hash.
    Nested,
}

/// What it takes to spend an output.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// The arguments of a script.
    Script(Puzzle, Wrap),
    /// A signature by a key that a version 0 program hashes, bare or nested.
    KeyHash {
        /// The index of the key.
        key: usize,
        /// The key as it is shown.
        bytes: Vec<u8>,
        /// The script that pay-to-script-hash hashes.
        redeem: Option<Script>,
    },
    /// A signature by a taproot output key.
    KeyPath {
        /// The index of the internal key.
        key: usize,
        /// What was added to it.
        tweak: [u8; 32],
    },
    /// A leaf with its arguments.
    Leaf {
        /// The script.
        puzzle: Puzzle,
        /// The hash of the leaf.
        leaf_hash: [u8; 32],
        /// The control block.
        control: Vec<u8>,
    },
}

/// An output and what it takes to spend it.
#[derive(Clone, Debug)]
pub struct Lock {
    /// The output.
    pub output: TxOut,
    /// What it takes.
    pub unlock: Unlock,
}

/// Makes a lock whose script is executed under a version's rules.
pub fn of_version(random: &mut Random, signer: &Signer, version: Version, puzzle: Puzzle) -> Lock {
    let (script_pubkey, unlock) = match version {
        Version::Base => script_lock_of(puzzle, Wrap::Bare),
        Version::V0 => script_lock_of(puzzle, Wrap::P2wsh),
        Version::Tap => leaf_lock_of(random, signer, puzzle, (0xc0, 0)),
    };
    let value = Amount::from_sat(50_000);
    Lock {
        output: TxOut {
            value,
            script_pubkey,
        },
        unlock,
    }
}

/// Makes a random lock.
pub fn make(random: &mut Random, signer: &Signer) -> Lock {
    let (script_pubkey, unlock) = match random.below(10) {
        0..4 => script_lock(random, signer),
        4 => key_hash_lock(random, signer),
        5 => key_path_lock(random, signer),
        _ => leaf_lock(random, signer),
    };
    let value = random.pick(&[0, 1, 50_000, 2_100_000_000_000_000, i64::MAX]);
    Lock {
        output: TxOut {
            value: Amount::from_sat(value),
            script_pubkey,
        },
        unlock,
    }
}

fn script_lock(random: &mut Random, signer: &Signer) -> (Script, Unlock) {
    let wrap = random.pick(&[Wrap::Bare, Wrap::P2sh, Wrap::P2wsh, Wrap::Nested]);
    let version = match wrap {
        Wrap::Bare | Wrap::P2sh => Version::Base,
        Wrap::P2wsh | Wrap::Nested => Version::V0,
    };
    let mut puzzle = compose(random, signer, version);
    if random.once_in(4) {
        puzzle.script = mutate_script(random, &puzzle.script);
    }
    script_lock_of(puzzle, wrap)
}

/// Commits to a script.
#[must_use]
pub fn script_lock_of(puzzle: Puzzle, wrap: Wrap) -> (Script, Unlock) {
    let script = &puzzle.script;
    let script_pubkey = match wrap {
        Wrap::Bare => Script::new(script.clone()),
        Wrap::P2sh => template::p2sh(&hash160(script)),
        Wrap::P2wsh => template::p2wsh(&sha256(script)),
        Wrap::Nested => {
            let redeem = template::p2wsh(&sha256(script));
            template::p2sh(&hash160(redeem.as_bytes()))
        }
    };
    (script_pubkey, Unlock::Script(puzzle, wrap))
}

fn key_hash_lock(random: &mut Random, signer: &Signer) -> (Script, Unlock) {
    let key = random.below(KEYS);
    let forms = [
        KeyForm::Compressed,
        KeyForm::Compressed,
        KeyForm::Full,
        KeyForm::Hybrid,
    ];
    let bytes = signer.key(key, random.pick(&forms));
    let program = template::p2wpkh(&hash160(&bytes));
    let is_nested = random.once_in(2);
    let script_pubkey = match is_nested {
        true => template::p2sh(&hash160(program.as_bytes())),
        false => program.clone(),
    };
    let redeem = is_nested.then_some(program);
    (script_pubkey, Unlock::KeyHash { key, bytes, redeem })
}

fn key_path_lock(random: &mut Random, signer: &Signer) -> (Script, Unlock) {
    let key = random.below(KEYS);
    let root = random.once_in(2).then(|| random.array());
    let tweak = tap_tweak_hash(&signer.x_only(key), root.as_ref());
    let (output_key, _) = signer.tweak(key, tweak);
    (template::p2tr(&output_key), Unlock::KeyPath { key, tweak })
}

fn leaf_lock(random: &mut Random, signer: &Signer) -> (Script, Unlock) {
    let mut puzzle = compose(random, signer, Version::Tap);
    if random.once_in(4) {
        puzzle.script = mutate_script(random, &puzzle.script);
    }
    let version = match random.once_in(16) {
        true => random.byte() & 0xfe,
        false => 0xc0,
    };
    let depth = random.pick(&[0, 0, 1, 1, 2, 5, 127, 128, 129]);
    leaf_lock_of(random, signer, puzzle, (version, depth))
}

/// Commits to a leaf of a version at a depth of a tree.
pub fn leaf_lock_of(
    random: &mut Random,
    signer: &Signer,
    puzzle: Puzzle,
    (version, depth): (u8, usize),
) -> (Script, Unlock) {
    let key = random.below(KEYS);
    let leaf_hash = tap_leaf_hash(version, &puzzle.script);
    let path: Vec<[u8; 32]> = (0..depth).map(|_| random.array()).collect();
    let root = path
        .iter()
        .fold(leaf_hash, |hash, node| tap_branch_hash(&hash, node));
    let internal_key = signer.x_only(key);
    let (output_key, is_odd) = signer.tweak(key, tap_tweak_hash(&internal_key, Some(&root)));
    let control = [
        &[version | u8::from(is_odd)][..],
        &internal_key,
        path.as_flattened(),
    ]
    .concat();
    let unlock = Unlock::Leaf {
        puzzle,
        leaf_hash,
        control,
    };
    (template::p2tr(&output_key), unlock)
}
