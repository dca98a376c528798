//! Which signature checks may come later, and that a false one then fails the input.

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness, sha256};
use synod_script::{
    Flags, ScriptBuilder, SignatureChecks, SpendContext, hash160, tap_leaf_hash, template,
    verify_input,
};
use synod_sigcheck::Check;

/// The x coordinate of the group's generator, which is a key.
const GENERATOR: [u8; 32] = [
    0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07,
    0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98,
];
/// A strictly encoded signature with its hash type; whether it holds is the recorder's choice.
const SIGNATURE: [u8; 9] = [0x30, 6, 2, 1, 1, 2, 1, 1, 1];

/// Counts the checks and gives all of them one verdict.
struct Recorder {
    at_once: usize,
    later: usize,
    verdict: bool,
}

impl SignatureChecks for Recorder {
    fn check(&mut self, _: Check) -> bool {
        self.at_once += 1;
        self.verdict
    }

    fn defer(&mut self, _: Check) -> bool {
        self.later += 1;
        self.verdict
    }
}

struct Spend {
    script_sig: Script,
    script_pubkey: Script,
    witness: Witness,
}

impl Spend {
    /// Judges with one verdict for all checks; answers the input's verdict and the counts.
    fn judge(&self, verdict: bool) -> (bool, usize, usize) {
        let input = TxIn {
            prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
            script_sig: self.script_sig.clone(),
            sequence: 0,
            witness: self.witness.clone(),
        };
        let spent = TxOut {
            value: Amount::from_sat(1),
            script_pubkey: self.script_pubkey.clone(),
        };
        let tx = Transaction::new(2, vec![input], vec![spent.clone()], 0);
        let context = SpendContext::new(&tx, vec![spent]);
        let mut recorder = Recorder {
            at_once: 0,
            later: 0,
            verdict,
        };
        let valid = verify_input(&context, 0, Flags::MANDATORY, &mut recorder).is_ok();
        (valid, recorder.at_once, recorder.later)
    }

    #[track_caller]
    fn is_judged_later(&self) {
        assert_eq!(self.judge(true), (true, 0, 1));
        assert_eq!(
            self.judge(false),
            (false, 0, 1),
            "a false one fails the input"
        );
    }

    #[track_caller]
    fn is_judged_at_once(&self) {
        assert_eq!(self.judge(true).1, 1);
        assert_eq!(self.judge(true).2, 0);
        assert_eq!(self.judge(false).1, 1);
        assert_eq!(self.judge(false).2, 0);
    }
}

fn key() -> Vec<u8> {
    [&[2], &GENERATOR[..]].concat()
}

/// Returns the push of the key and the given opcodes.
fn with_key(opcodes: &[u8]) -> Vec<u8> {
    let builder = ScriptBuilder::new().push(&key());
    builder.raw(opcodes).into_bytes()
}

fn pushes(items: &[&[u8]]) -> Script {
    let builder = ScriptBuilder::new();
    let builder = items
        .iter()
        .fold(builder, |builder, item| builder.push(item));
    builder.into_script()
}

fn bare(script_sig: Script, script_pubkey: Vec<u8>) -> Spend {
    Spend {
        script_sig,
        script_pubkey: Script::new(script_pubkey),
        witness: Witness::EMPTY,
    }
}

fn p2sh(redeem: &[u8]) -> Spend {
    let script_pubkey = template::p2sh(&hash160(redeem));
    bare(
        pushes(&[&SIGNATURE, redeem]),
        script_pubkey.as_bytes().to_vec(),
    )
}

fn p2wsh(script: &[u8]) -> Spend {
    Spend {
        script_sig: Script::default(),
        script_pubkey: template::p2wsh(&sha256(script)),
        witness: Witness::from_items(&[&SIGNATURE[..], script]),
    }
}

#[test]
fn a_checksig_that_ends_the_last_script_is_judged_later() {
    let script = with_key(&[0xac]);
    bare(pushes(&[&SIGNATURE]), script.clone()).is_judged_later();
    p2sh(&script).is_judged_later();
    p2wsh(&script).is_judged_later();
    let p2pkh = template::p2pkh(&hash160(&key()));
    bare(pushes(&[&SIGNATURE, &key()]), p2pkh.as_bytes().to_vec()).is_judged_later();
}

#[test]
fn key_hash_and_key_path_are_judged_later() {
    let p2wpkh = Spend {
        script_sig: Script::default(),
        script_pubkey: template::p2wpkh(&hash160(&key())),
        witness: Witness::from_items(&[&SIGNATURE[..], &key()]),
    };
    p2wpkh.is_judged_later();
    let p2tr = Spend {
        script_sig: Script::default(),
        script_pubkey: template::p2tr(&GENERATOR),
        witness: Witness::from_items(&[[1; 64]]),
    };
    p2tr.is_judged_later();
}

#[test]
fn checksigverify_is_judged_later_wherever_it_stands() {
    let script = with_key(&[0xad, 0x51]);
    bare(pushes(&[&SIGNATURE]), script.clone()).is_judged_later();
    p2sh(&script).is_judged_later();
    p2wsh(&script).is_judged_later();
    // In the unlocking script as well.
    let unlocking = ScriptBuilder::new()
        .push(&SIGNATURE)
        .raw(&with_key(&[0xad]));
    bare(unlocking.into_script(), vec![0x51]).is_judged_later();
}

#[test]
fn a_checksig_that_something_follows_is_judged_at_once() {
    for after in [
        &[0xac, 0x61][..],
        &[0xac, 0x91],
        &[0xac, 0x63, 0x51, 0x68, 0x51],
    ] {
        let script = with_key(after);
        bare(pushes(&[&SIGNATURE]), script.clone()).is_judged_at_once();
        p2sh(&script).is_judged_at_once();
        p2wsh(&script).is_judged_at_once();
    }
    // It ends the unlocking script, but not the input.
    let unlocking = ScriptBuilder::new()
        .push(&SIGNATURE)
        .raw(&with_key(&[0xac]));
    let spend = bare(unlocking.into_script(), vec![0x91]);
    spend.is_judged_at_once();
    assert!(spend.judge(false).0, "the locking script wants it false");
    assert!(!spend.judge(true).0);
}

#[test]
fn trials_of_multisig_are_judged_at_once() {
    for opcodes in [&[0x51, 0xae][..], &[0x51, 0xaf, 0x51]] {
        let script = [&[0x51], &with_key(opcodes)[..]].concat();
        bare(pushes(&[&[], &SIGNATURE]), script).is_judged_at_once();
    }
}

#[test]
fn a_signature_that_cannot_be_read_is_false_at_once() {
    // Its key is none, so it is no check at all.
    let script = ScriptBuilder::new()
        .push(&[5; 33])
        .raw(&[0xac])
        .into_bytes();
    let spend = bare(pushes(&[&SIGNATURE]), script);
    assert_eq!(spend.judge(true), (false, 0, 0));
    assert_eq!(
        bare(pushes(&[&[]]), with_key(&[0xac])).judge(true),
        (false, 0, 0)
    );
}

/// Finds an output key that commits to a leaf: the internal key is the generator, so the output
/// key is a multiple of it, and a leaf's spend needs no signature of its own here.
fn tapscript(script: &[u8], arguments: &[&[u8]]) -> Option<Spend> {
    let leaf = tap_leaf_hash(0xc0, script);
    let tweak = synod_script::tap_tweak_hash(&GENERATOR, Some(&leaf));
    let (output_key, is_odd) = generator_plus(&tweak)?;
    let control = [&[0xc0 | u8::from(is_odd)], &GENERATOR[..]].concat();
    let witness: Vec<&[u8]> = arguments
        .iter()
        .copied()
        .chain([script, &control])
        .collect();
    Some(Spend {
        script_sig: Script::default(),
        script_pubkey: template::p2tr(&output_key),
        witness: Witness::from_items(&witness),
    })
}

fn generator_plus(tweak: &[u8; 32]) -> Option<([u8; 32], bool)> {
    use k256::elliptic_curve::PrimeField;
    use k256::elliptic_curve::point::AffineCoordinates;
    let tweak = k256::Scalar::from_repr((*tweak).into()).into_option()?;
    let point = k256::ProjectivePoint::GENERATOR * (k256::Scalar::ONE + tweak);
    let point = point.to_affine();
    Some((point.x().into(), bool::from(point.y_is_odd())))
}

#[test]
fn every_signature_of_a_tapscript_is_judged_later() {
    let signature = [1; 64];
    let key = ScriptBuilder::new().push(&GENERATOR).into_bytes();
    for script in [
        [&key[..], &[0xac]].concat(),
        [&key[..], &[0xac, 0x61]].concat(),
        [&key[..], &[0xad, 0x51]].concat(),
        [&[0x00], &key[..], &[0xba]].concat(),
        // Even where the script goes on with the verdict: a false one fails it (BIP342).
        [&key[..], &[0xac, 0x63, 0x51, 0x67, 0x51, 0x68]].concat(),
    ] {
        let spend = tapscript(&script, &[&signature]).expect("a key");
        spend.is_judged_later();
    }
    let script = [&key[..], &[0xac, 0x91]].concat();
    let spend = tapscript(&script, &[&[]]).expect("a key");
    assert_eq!(
        spend.judge(true),
        (true, 0, 0),
        "an empty one is false and no check"
    );
}
