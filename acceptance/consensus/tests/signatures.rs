//! Signatures in odd places and forms.

use synod_primitives::{Script, Witness};
use synod_referees::bench::{Bench, SETS, with_input};
use synod_referees::signer::KeyForm;
use synod_script::{Opcode, ScriptBuilder, SpendContext, legacy_sighash};

#[test]
fn high_s() {
    let mut bench = Bench::new(10);
    let script = ScriptBuilder::new()
        .push_verbatim(&bench.signer.key(1, KeyForm::Compressed))
        .opcode(Opcode::OP_CHECKSIG)
        .into_script();
    for _ in 0..50 {
        let case = bench.case(script.clone());
        let context = SpendContext::new(&case.tx, case.spent.clone());
        let digest = legacy_sighash(&context, 0, script.as_bytes(), 1);
        let signature = [&bench.signer.ecdsa_high(1, digest)[..], &[1]].concat();
        let script_sig = ScriptBuilder::new().push(&signature).into_script();
        let case = with_input(&case, script_sig, Witness::EMPTY);
        bench.tally.judge(&case, &SETS);
    }
    bench.tally.print("high S");
    assert_eq!(
        bench.tally.valid(),
        100,
        "valid but for the two sets of policy"
    );
}

/// A signature that is in the script which it signs, in several ways.
#[test]
fn signatures_inside_their_script() {
    let mut bench = Bench::new(11);
    let key = bench.signer.key(1, KeyForm::Compressed);
    let check = ScriptBuilder::new()
        .push_verbatim(&key)
        .opcode(Opcode::OP_CHECKSIG)
        .into_bytes();
    for _ in 0..20 {
        for before in [
            &[][..],
            &[0x61],
            &[0xab],
            &[0x61, 0xab, 0x61],
            &[1, 0x61, 0x75],
        ] {
            for (copies, is_plain) in [(1, true), (3, true), (1, false)] {
                let signed = [before, &vec![0x75; copies], &check].concat();
                let start = before
                    .iter()
                    .position(|byte| *byte == 0xab)
                    .map_or(0, |at| at + 1);
                let case = bench.case(Script::default());
                let context = SpendContext::new(&case.tx, case.spent.clone());
                let digest = legacy_sighash(&context, 0, &signed[start..], 1);
                let mut signature = bench.signer.ecdsa(1, digest);
                signature.push(1);
                let mut push = ScriptBuilder::new().push(&signature).into_bytes();
                if !is_plain {
                    push.insert(0, 0x4c);
                }
                let script = [before, &push.repeat(copies), &vec![0x75; copies], &check].concat();
                let mut case = case;
                case.spent[0].script_pubkey = Script::new(script);
                let script_sig = ScriptBuilder::new().push(&signature).into_script();
                let case = with_input(&case, script_sig, Witness::EMPTY);
                bench.tally.judge(&case, &SETS);
            }
        }
    }
    bench.tally.print("signatures inside their script");
    assert!(bench.tally.valid() >= 20 * 5 * 2 * 2, "found and deleted");
    assert!(
        bench
            .tally
            .verdicts
            .contains_key("Signature is found in scriptCode")
    );
}

/// A check in the unlocking script, whose verdict the locking script may turn around.
#[test]
fn checks_in_the_unlocking_script() {
    let mut bench = Bench::new(12);
    let key = bench.signer.key(1, KeyForm::Compressed);
    let locks: [&[u8]; 7] = [
        &[],
        &[0x61],
        &[0x91],
        &[0x69, 0x51],
        &[0x51],
        &[0x63, 0x51, 0x68],
        &[0x74],
    ];
    for opcode in [Opcode::OP_CHECKSIG, Opcode::OP_CHECKSIGVERIFY] {
        let check = ScriptBuilder::new()
            .push_verbatim(&key)
            .opcode(opcode)
            .into_bytes();
        for lock in locks {
            for is_valid in [true, false] {
                let case = bench.case(Script::new(lock.to_vec()));
                let context = SpendContext::new(&case.tx, case.spent.clone());
                let mut digest = legacy_sighash(&context, 0, &check, 1);
                digest[0] ^= u8::from(!is_valid);
                let signature = [&bench.signer.ecdsa(1, digest)[..], &[1]].concat();
                let script_sig = ScriptBuilder::new()
                    .push(&signature)
                    .raw(&check)
                    .into_script();
                let case = with_input(&case, script_sig, Witness::EMPTY);
                bench.tally.judge(&case, &SETS);
            }
        }
    }
    bench.tally.print("checks in the unlocking script");
    assert!(bench.tally.valid() > 10);
}
