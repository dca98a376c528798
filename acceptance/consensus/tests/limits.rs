//! Limits: at each of them, and one past it.

use synod_primitives::{Amount, Script, TxOut, Witness};
use synod_referees::bench::{Bench, SETS, with_input};
use synod_referees::core::Spend;
use synod_referees::lock::{self, Lock};
use synod_referees::script::{Argument, Puzzle, Version};
use synod_referees::signer::KeyForm;
use synod_referees::spend;
use synod_script::{
    Flags, Immediate, Opcode, ScriptBuilder, SpendContext, hash160, template, verify_input,
};

const VERSIONS: [Version; 3] = [Version::Base, Version::V0, Version::Tap];

#[test]
fn sizes_and_counts() {
    let mut bench = Bench::new(4);
    for version in VERSIONS {
        for nops in [200, 201, 202, 1000] {
            bench.judge(version, [vec![0x61; nops], vec![0x51]].concat(), vec![]);
            bench.judge(
                version,
                [vec![0x51, 0x64], vec![0x61; nops], vec![0x68, 0x51]].concat(),
                vec![],
            );
        }
        for size in [9_999, 10_000, 10_001, 20_000] {
            let mut script = vec![0; size - 1];
            script.push(0x51);
            bench.judge(version, script, vec![]);
            // Of long pushes, which leave few items behind.
            let push = ScriptBuilder::new()
                .push(&[7; 520])
                .opcode(Opcode::OP_DROP)
                .into_bytes();
            let mut script = push.repeat(size / push.len());
            script.resize(size - 1, 0x61);
            script.push(0x51);
            bench.judge(version, script, vec![]);
        }
        for length in [519, 520, 521, 70_000] {
            let push = ScriptBuilder::new().push(&vec![7; length]).into_bytes();
            bench.judge(version, push.clone(), vec![]);
            bench.judge(
                version,
                [&[0x00, 0x63], &push[..], &[0x68, 0x51]].concat(),
                vec![],
            );
            bench.judge(version, vec![0x75, 0x51], vec![vec![7; length]]);
        }
        for length in 0..8 {
            for opcode in [0x8b, 0x93, 0xa5, 0x79, 0x7a, 0xb1, 0xb2, 0xae, 0xba] {
                let number = vec![1; length];
                let script = vec![0x76, 0x76, opcode, 0x51];
                bench.judge(version, script, vec![vec![], number]);
            }
        }
    }
    bench.tally.print("sizes and counts");
}

#[test]
fn stacks() {
    let mut bench = Bench::new(5);
    for version in VERSIONS {
        for items in [999, 1000, 1001] {
            bench.judge(version, vec![0x51; items], vec![]);
            // The alternative stack counts as well.
            let script = [vec![0x51; items - 1], vec![0x6b; 100], vec![0x51]].concat();
            bench.judge(version, script, vec![]);
            let script = [
                vec![0x51, 0x51, 0x51],
                vec![0x6f; (items - 3) / 3],
                vec![0x76; 2],
            ];
            bench.judge(version, script.concat(), vec![]);
        }
    }
    let firsts: [&[u8]; 14] = [
        &[],
        &[0x51],
        &[0x61],
        &[0x74],
        &[0x75],
        &[0x6d],
        &[0x6d, 0x6d],
        &[0x79],
        &[0x7a],
        &[0xae],
        &[0xaf],
        &[0x7e],
        &[0x69],
        &[0x6a],
    ];
    for version in [Version::V0, Version::Tap] {
        for count in [
            999, 1000, 1001, 1002, 1003, 1044, 1063, 1064, 1065, 1066, 5000,
        ] {
            for first in firsts {
                for top in [
                    &[][..],
                    &[1],
                    &[20],
                    &[0xf4, 1],
                    &[0x27, 4],
                    &[0x28, 4],
                    &[0x87, 0x13],
                    &[0x88, 0x13],
                ] {
                    let mut arguments = vec![vec![1]; count];
                    arguments.push(top.to_vec());
                    bench.judge(version, first.to_vec(), arguments);
                }
            }
        }
    }
    bench.tally.print("stacks");
}

#[test]
fn keys_of_multisig() {
    let mut bench = Bench::new(6);
    for version in VERSIONS {
        for keys in [0, 1, 15, 16, 19, 20, 21] {
            for required in [0, 1, keys / 2, keys, keys + 1] {
                for nops in [0, 180, 181, 201 - keys, 200 - keys, 202 - keys] {
                    let mut builder = ScriptBuilder::new().raw(&vec![0x61; nops]);
                    builder = builder.push_number(required as i64);
                    for index in 0..keys {
                        let key = bench.signer.key(index % 20, KeyForm::Compressed);
                        builder = builder.push_verbatim(&key);
                    }
                    let builder = builder.push_number(keys as i64);
                    let script = builder.opcode(Opcode::OP_CHECKMULTISIG).into_bytes();
                    let signature = |index: usize| Argument::Signature {
                        key: index % 20,
                        hash_type: 1,
                        code_start: 0,
                        separator: u32::MAX,
                    };
                    let dummy = Argument::Data(vec![]);
                    let first = keys.saturating_sub(required);
                    let signatures = (first..first + required).map(signature);
                    let arguments: Vec<_> = std::iter::once(dummy).chain(signatures).collect();
                    let without_dummy = arguments[1..].to_vec();
                    for arguments in [arguments, without_dummy] {
                        let script = script.clone();
                        bench.judge_puzzle(version, Puzzle { script, arguments });
                    }
                }
            }
        }
    }
    bench.tally.print("keys of multisig");
}

#[test]
fn the_budget_of_tapscript() {
    let mut bench = Bench::new(7);
    let budget = "Too much signature validation relative to witness weight";
    let key = bench.signer.x_only(3).to_vec();
    let keys = [key, vec![5; 33], vec![5; 1]];
    for key in keys {
        for checks in 1..8 {
            // Padding goes to every remainder of the 50 that a signature costs.
            for padding in 0..=101 {
                let mut script = vec![0x75];
                script.extend([0x6e, 0xad].repeat(checks));
                script.extend([0x6d, 0x51]);
                let signature = Argument::Signature {
                    key: 3,
                    hash_type: 0,
                    code_start: 0,
                    separator: u32::MAX,
                };
                let arguments = vec![
                    signature,
                    Argument::Data(key.clone()),
                    Argument::Data(vec![9; padding]),
                ];
                bench.judge_puzzle(Version::Tap, Puzzle { script, arguments });
            }
        }
        // Empty signatures cost nothing.
        let script = [[0x6e, 0xac, 0x75].repeat(300), vec![0x6d, 0x51]].concat();
        bench.judge(Version::Tap, script, vec![vec![], key]);
    }
    bench.tally.print("the budget of tapscript");
    assert!(bench.tally.verdicts[budget] > 100 && bench.tally.valid() > 100);
}

#[test]
fn leaf_versions_and_depths() {
    let mut bench = Bench::new(8);
    for version in (0..=254).step_by(2) {
        for depth in [0, 1, 2, 127, 128, 129] {
            let puzzle = Puzzle::new(vec![0x51], vec![]);
            let random = &mut bench.random;
            let place = (version, depth);
            let (script_pubkey, unlock) = lock::leaf_lock_of(random, &bench.signer, puzzle, place);
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
    bench.tally.print("leaf versions and depths");
}

#[test]
fn witness_programs_of_every_version_and_length() {
    let mut bench = Bench::new(9);
    let anchor = template::witness_script(1, &template::ANCHOR_PROGRAM).expect("a program");
    for version in 0..=16 {
        for length in 2..=40 {
            for fill in [0, 7, 0x80] {
                let program = [&vec![0; length - 1][..], &[fill]].concat();
                let bare = template::witness_script(version, &program).expect("a program");
                assert_ne!(bare, anchor);
                let nested = template::p2sh(&hash160(bare.as_bytes()));
                let push = ScriptBuilder::new().push(bare.as_bytes());
                let pushes = [
                    Script::default(),
                    push.clone().into_script(),
                    push.opcode(Opcode::OP_NOP).into_script(),
                    ScriptBuilder::new()
                        .raw(&[0])
                        .push(bare.as_bytes())
                        .into_script(),
                ];
                for script_pubkey in [bare, nested] {
                    let case = bench.case(script_pubkey);
                    for script_sig in &pushes {
                        for witness in [Witness::EMPTY, Witness::from_items(&[[1]])] {
                            let case = with_input(&case, script_sig.clone(), witness);
                            bench.tally.judge(&case, &SETS);
                        }
                    }
                }
            }
        }
    }
    bench.tally.print("witness programs");
    // The rule that changed since the referee's version: Core 28 lets pay-to-anchor pass.
    let case = bench.case(anchor);
    let context = SpendContext::new(&case.tx, case.spent.clone());
    let ours = verify_input(&context, 0, Flags::STANDARD, &mut Immediate);
    assert_eq!(ours, Ok(()));
    let theirs = Spend::new(&case.tx, &case.spent).verify(0, Flags::STANDARD);
    assert_eq!(theirs, "Witness version reserved for soft-fork upgrades");
    bench.tally.judge(&case, &[Flags::MANDATORY, Flags::NONE]);
}
