//! Random checks, valid and altered, against k256's own verifier.

mod sample;

use sample::{Bytes, EcdsaSample, SchnorrSample};
use synod_sigcheck::{Check, verify, verify_batch};

/// Rounds of each test; with `SYNOD_ROUNDS` a longer run is possible.
fn rounds() -> usize {
    std::env::var("SYNOD_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200)
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn random_ecdsa_signatures_are_valid_and_altered_ones_are_judged_as_by_the_reference() {
    let mut bytes = Bytes::new(1);
    for round in 0..rounds() {
        let valid = EcdsaSample::random(&mut bytes);
        assert!(valid.reference());
        assert!(verify(&valid.check().expect("parses")), "round {round}");
        for part in 0..4 {
            let mut altered = valid.clone();
            let bit = bytes.below(256);
            match part {
                0 => flip(&mut altered.r, bit),
                1 => flip(&mut altered.s, bit),
                2 => flip(&mut altered.digest, bit),
                _ => {
                    let bit = bytes.below(altered.key.len() * 8);
                    flip(&mut altered.key, bit);
                    // The reference knows no hybrid keys; they have tests of their own.
                    if matches!(altered.key[0], 6 | 7) {
                        continue;
                    }
                }
            }
            let verdict = altered.check().is_some_and(|check| verify(&check));
            assert!(!verdict, "round {round} part {part}");
            assert_eq!(verdict, altered.reference(), "round {round} part {part}");
        }
    }
}

#[test]
fn random_schnorr_signatures_are_valid_and_altered_ones_are_judged_as_by_the_reference() {
    let mut bytes = Bytes::new(2);
    for round in 0..rounds() {
        let valid = SchnorrSample::random(&mut bytes);
        assert!(valid.reference() && verify(&valid.check()), "round {round}");
        for part in 0..3 {
            let mut altered = valid.clone();
            match part {
                0 => flip(&mut altered.key, bytes.below(256)),
                1 => flip(&mut altered.signature, bytes.below(512)),
                _ => flip(&mut altered.message, bytes.below(256)),
            }
            assert!(!verify(&altered.check()), "round {round} part {part}");
            assert!(!altered.reference(), "round {round} part {part}");
        }
    }
}

fn mixed(count: usize, bytes: &mut Bytes) -> Vec<Check> {
    let mut check = |index: usize| match index % 3 {
        0 => SchnorrSample::random(bytes).check(),
        _ => EcdsaSample::random(bytes).check().expect("parses"),
    };
    (0..count).map(&mut check).collect()
}

fn altered(bytes: &mut Bytes) -> Check {
    match bytes.below(6) {
        0 => Check::schnorr(&bytes.next32(), &[1; 64], [2; 32]).expect("lengths"),
        1 => {
            let mut sample = SchnorrSample::random(bytes);
            flip(&mut sample.message, 17);
            sample.check()
        }
        2 => {
            let mut sample = EcdsaSample::random(bytes);
            sample.s = [0; 32];
            sample.check().expect("parses")
        }
        3 => {
            let mut sample = EcdsaSample::random(bytes);
            sample.r = [0; 32];
            sample.check().expect("parses")
        }
        4 => {
            let mut sample = EcdsaSample::random(bytes);
            flip(&mut sample.digest, 3);
            sample.check().expect("parses")
        }
        _ => {
            let mut sample = EcdsaSample::random(bytes);
            let last = sample.key.len() - 1;
            // A changed Y is off the curve, a changed X belongs to another key or to none.
            sample.key[last] ^= 2;
            sample.check().expect("parses")
        }
    }
}

#[test]
fn batches_of_every_small_length_accept() {
    let mut bytes = Bytes::new(3);
    let checks = mixed(70, &mut bytes);
    for length in 0..checks.len() {
        assert_eq!(verify_batch(&checks[..length]), Ok(()), "length {length}");
    }
}

#[test]
fn batches_name_the_first_of_several_failures_at_every_position() {
    let mut bytes = Bytes::new(4);
    let checks = mixed(40, &mut bytes);
    for position in 0..checks.len() {
        let mut batch = checks.clone();
        batch[position] = altered(&mut bytes);
        let later = position + bytes.below(checks.len() - position);
        if later > position {
            batch[later] = altered(&mut bytes);
        }
        assert_eq!(
            verify_batch(&batch),
            Err(position),
            "later failure at {later}"
        );
    }
}

#[test]
fn arbitrary_bytes_never_panic() {
    let mut bytes = Bytes::new(5);
    for round in 0..rounds() * 20 {
        let valid: Vec<u8> = (0..4).flat_map(|_| bytes.next32()).collect();
        let key = &valid[..bytes.below(72)];
        let mut signature = valid[bytes.below(40)..bytes.below(60) + 40].to_vec();
        for (byte, tag) in signature.iter_mut().zip([0x30, 6, 2, (round % 40) as u8]) {
            *byte = tag;
        }
        let _ = Check::ecdsa(key, &signature, bytes.next32()).map(|check| verify(&check));
        let _ = Check::schnorr(key, &signature, bytes.next32()).map(|check| verify(&check));
    }
}
