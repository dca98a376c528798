use super::*;

fn key(prefix: u8, length: usize) -> Vec<u8> {
    let mut key = vec![9; length];
    key[0] = prefix;
    key
}

fn multisig(required: u8, keys: &[Vec<u8>], total: u8) -> Vec<u8> {
    let mut builder = ScriptBuilder::new().push_number(i64::from(required));
    for key in keys {
        builder = builder.push_verbatim(key);
    }
    let builder = builder.push_number(i64::from(total));
    builder.opcode(Opcode::OP_CHECKMULTISIG).into_bytes()
}

#[test]
fn every_constructor_is_recognised() {
    for (script, expected, esplora) in [
        (p2pk(&key(2, 33)), ScriptType::P2pk, "p2pk"),
        (p2pk(&key(7, 65)), ScriptType::P2pk, "p2pk"),
        (p2pkh(&[1; 20]), ScriptType::P2pkh, "p2pkh"),
        (p2sh(&[1; 20]), ScriptType::P2sh, "p2sh"),
        (p2wpkh(&[1; 20]), ScriptType::P2wpkh, "v0_p2wpkh"),
        (p2wsh(&[1; 32]), ScriptType::P2wsh, "v0_p2wsh"),
        (p2tr(&[1; 32]), ScriptType::P2tr, "v1_p2tr"),
        (op_return(b"data"), ScriptType::OpReturn, "op_return"),
        (Script::default(), ScriptType::Nonstandard, "empty"),
    ] {
        assert_eq!(ScriptType::of(script.as_bytes()), expected);
        assert_eq!(esplora_type(script.as_bytes()), esplora);
    }
}

#[test]
fn witness_programs_of_other_versions_and_lengths_are_unknown() {
    let of = |version, program: &[u8]| {
        let script = witness_script(version, program).expect("a program");
        ScriptType::of(script.as_bytes())
    };
    assert_eq!(of(1, &ANCHOR_PROGRAM), ScriptType::Anchor);
    assert_eq!(of(2, &ANCHOR_PROGRAM), ScriptType::WitnessUnknown);
    assert_eq!(of(1, &[1; 31]), ScriptType::WitnessUnknown);
    assert_eq!(of(16, &[1; 40]), ScriptType::WitnessUnknown);
    assert_eq!(of(0, &[1; 31]), ScriptType::Nonstandard);
    assert_eq!(witness_script(17, &[1; 20]), None);
    assert_eq!(witness_script(0, &[1; 41]), None);
    assert_eq!(witness_script(0, &[1]), None);
}

#[test]
fn keys_whose_prefix_and_length_differ_make_no_template() {
    for (prefix, length) in [(4, 33), (2, 65), (5, 33), (0, 65)] {
        let script = p2pk(&key(prefix, length));
        assert_eq!(ScriptType::of(script.as_bytes()), ScriptType::Nonstandard);
        assert_eq!(esplora_type(script.as_bytes()), "p2pk", "by length alone");
    }
}

#[test]
fn data_after_return_must_be_pushes() {
    assert_eq!(ScriptType::of(&[0x6a]), ScriptType::OpReturn);
    assert_eq!(ScriptType::of(&[0x6a, 0x51, 0x50]), ScriptType::OpReturn);
    assert_eq!(ScriptType::of(&[0x6a, 0x61]), ScriptType::Nonstandard);
    assert_eq!(ScriptType::of(&[0x6a, 2, 1]), ScriptType::Nonstandard);
    assert_eq!(esplora_type(&[0x6a, 0x61]), "op_return");
}

#[test]
fn multisig_takes_up_to_twenty_keys() {
    let keys = vec![key(3, 33); 21];
    let script = multisig(2, &keys[..3], 3);
    let Template::Multisig {
        required,
        keys: found,
    } = solve(&script)
    else {
        panic!("multisig");
    };
    assert_eq!((required, found.len()), (2, 3));
    assert_eq!(
        ScriptType::of(&multisig(17, &keys[..20], 20)),
        ScriptType::Multisig
    );
    for broken in [
        multisig(1, &keys, 21),
        multisig(0, &keys[..3], 3),
        multisig(4, &keys[..3], 3),
        multisig(1, &keys[..2], 3),
        multisig(1, &[], 0),
        multisig(1, &[key(5, 33)], 1),
        [multisig(1, &keys[..1], 1), vec![0xae]].concat(),
    ] {
        assert_eq!(ScriptType::of(&broken), ScriptType::Nonstandard);
    }
}

#[test]
fn counts_above_sixteen_must_be_minimal_pushes() {
    let keys = vec![key(3, 33); 17];
    let good = multisig(1, &keys, 17);
    assert_eq!(ScriptType::of(&good), ScriptType::Multisig);
    let mut long = good.clone();
    let at = long.len() - 3;
    long.splice(at..=at, [0x4c, 1]);
    assert_eq!(ScriptType::of(&long), ScriptType::Nonstandard);
}
