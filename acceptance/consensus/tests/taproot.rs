//! Taproot spends whose shape is at an edge: control blocks, annexes, keys of unknown kinds,
//! opcodes that succeed.

use synod_primitives::{Amount, Script, Transaction, TxIn, TxOut, Witness};
use synod_referees::bench::{Bench, SETS};
use synod_referees::judge::Case;
use synod_referees::lock::{self, Lock, Unlock};
use synod_referees::script::{Argument, Puzzle, Version};
use synod_referees::spend;

/// The bytes of a control block without a path, and of each step.
const CONTROL_SIZE: usize = 33;
const STEP_SIZE: usize = 32;
const MAX_STEPS: usize = 128;

/// A leaf that is true, with its output, its script and its control block.
fn leaf(bench: &mut Bench, depth: usize) -> (TxOut, Vec<u8>, Vec<u8>) {
    let puzzle = Puzzle::new(vec![0x51], vec![]);
    let place = (0xc0, depth);
    let (script_pubkey, unlock) =
        lock::leaf_lock_of(&mut bench.random, &bench.signer, puzzle, place);
    let Unlock::Leaf {
        puzzle, control, ..
    } = unlock
    else {
        unreachable!("it is a leaf");
    };
    let value = Amount::from_sat(1);
    let output = TxOut {
        value,
        script_pubkey,
    };
    (output, puzzle.script, control)
}

/// Spends an output with exactly these witness items.
fn with_witness(output: &TxOut, items: &[Vec<u8>]) -> Case {
    let input = TxIn {
        prevout: synod_primitives::OutPoint::new(synod_primitives::Txid::from_bytes([3; 32]), 0),
        script_sig: Script::default(),
        sequence: 0,
        witness: Witness::from_items(items),
    };
    Case {
        tx: Transaction::new(2, vec![input], vec![output.clone()], 0),
        spent: vec![output.clone()],
    }
}

#[test]
fn control_blocks_of_every_length() {
    let mut bench = Bench::new(50);
    for depth in [0, 1, 2, 127, MAX_STEPS, MAX_STEPS + 1] {
        let (output, script, control) = leaf(&mut bench, depth);
        let longest = CONTROL_SIZE + STEP_SIZE * (depth + 2);
        let lengths = (0..80).chain(longest.saturating_sub(110)..=longest);
        for length in lengths {
            let mut bytes = control.clone();
            bytes.resize(length, 7);
            let case = with_witness(&output, &[script.clone(), bytes]);
            bench.tally.judge(&case, &SETS);
        }
        for at in 0..control.len().min(CONTROL_SIZE + STEP_SIZE) {
            for flip in [1, 2, 0x40, 0x80] {
                let mut bytes = control.clone();
                bytes[at] ^= flip;
                let case = with_witness(&output, &[script.clone(), bytes]);
                bench.tally.judge(&case, &SETS);
            }
        }
    }
    bench.tally.print("control blocks");
    assert!(bench.tally.valid() > 0 && bench.tally.verdicts.len() > 2);
}

#[test]
fn annexes_of_every_shape() {
    let mut bench = Bench::new(51);
    let (output, script, control) = leaf(&mut bench, 1);
    let annexes: [&[u8]; 6] = [&[], &[0x50], &[0x50, 0], &[0x50; 600], &[0x51], &[0x4f]];
    for first in annexes {
        let spends = [
            vec![first.to_vec()],
            vec![vec![1; 64], first.to_vec()],
            vec![script.clone(), first.to_vec()],
            vec![script.clone(), control.clone(), first.to_vec()],
            vec![first.to_vec(), script.clone(), control.clone()],
        ];
        for items in spends {
            bench.tally.judge(&with_witness(&output, &items), &SETS);
            for second in annexes {
                let items = [&items[..], &[second.to_vec()]].concat();
                bench.tally.judge(&with_witness(&output, &items), &SETS);
            }
        }
    }
    bench.tally.judge(&with_witness(&output, &[]), &SETS);
    bench.tally.print("annexes");
    assert!(bench.tally.valid() > 0 && bench.tally.verdicts.len() > 2);
}

#[test]
fn keys_of_every_length_in_tapscript() {
    let mut bench = Bench::new(52);
    let known = bench.signer.x_only(3).to_vec();
    let scripts: [&[u8]; 6] = [
        &[0xac],
        &[0x6e, 0xad, 0x6d, 0x51],
        &[0x00, 0x7b, 0xba],
        &[0x00, 0x7b, 0xba, 0x51, 0x9c],
        &[0xac, 0x91],
        &[0xae],
    ];
    for length in (0..=40).chain([64, 65, 66, 520]) {
        for byte in [0, 2, 3, 4, 7, 0xff] {
            let mut key = known.clone();
            key.resize(length, byte);
            for script in scripts {
                let signature = Argument::Signature {
                    key: 3,
                    hash_type: 0,
                    code_start: 0,
                    separator: u32::MAX,
                };
                for first in [
                    signature,
                    Argument::Data(vec![]),
                    Argument::Data(vec![1; 63]),
                ] {
                    let puzzle = Puzzle {
                        script: script.to_vec(),
                        arguments: vec![first, Argument::Data(key.clone())],
                    };
                    bench.judge_puzzle(Version::Tap, puzzle);
                }
            }
        }
    }
    bench.tally.print("keys in tapscript");
    assert!(bench.tally.valid() > 100 && bench.tally.verdicts.len() > 5);
}

#[test]
fn opcodes_that_succeed_wherever_they_stand() {
    let mut bench = Bench::new(53);
    for opcode in 0x50..=0xff_u8 {
        let scripts: [&[u8]; 8] = [
            &[opcode],
            &[0x00, 0x63, opcode, 0x68, 0x51],
            &[0x6a, opcode],
            &[0x51, opcode, 0x4c],
            &[0x4c, opcode],
            &[0x01, opcode, opcode],
            &[0x51, 0x63, opcode],
            &[0x4d, 0x01, 0x00, opcode, 0x51],
        ];
        for script in scripts {
            bench.judge(Version::Tap, script.to_vec(), vec![]);
            bench.judge(Version::Tap, script.to_vec(), vec![vec![1], vec![7; 521]]);
            bench.judge(Version::Tap, script.to_vec(), vec![vec![]; 1_001]);
        }
    }
    bench.tally.print("opcodes that succeed");
    assert!(bench.tally.valid() > 100 && bench.tally.verdicts.len() > 5);
}

#[test]
fn leaves_of_unknown_versions_are_not_run() {
    let mut bench = Bench::new(54);
    for version in (0..=254).step_by(2) {
        for script in [
            vec![0x6a],
            vec![0x4c],
            vec![],
            vec![0x50],
            vec![0x51; 20_000],
        ] {
            let puzzle = Puzzle::new(script, vec![]);
            let place = (version, 1);
            let (script_pubkey, unlock) =
                lock::leaf_lock_of(&mut bench.random, &bench.signer, puzzle, place);
            let value = Amount::from_sat(1);
            let output = TxOut {
                value,
                script_pubkey,
            };
            let lock = Lock { output, unlock };
            let case = spend::spend(&mut bench.random, &bench.signer, &[lock]);
            bench.tally.judge(&case, &SETS);
        }
    }
    bench.tally.print("leaves of unknown versions");
    assert!(bench.tally.valid() > 100 && bench.tally.verdicts.len() > 1);
}
