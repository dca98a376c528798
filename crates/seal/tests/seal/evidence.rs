//! What evidence proves, and what it must not.

use synod_primitives::{Header, Height};
use synod_seal::{
    Evidence, EvidenceError, MAX_STATEMENT_SIZE, Mode, Seal, SealError, SealedHeader, Statement,
    UnsealedHeader, Vote,
};

use crate::kit::{CHAIN, Key, template};

fn blocks(a: SealedHeader, b: SealedHeader) -> Evidence {
    Evidence {
        first: Statement::Block(Box::new(a)),
        second: Statement::Block(Box::new(b)),
    }
}

fn votes(a: Vote, b: Vote) -> Evidence {
    Evidence {
        first: Statement::Vote(Box::new(a)),
        second: Statement::Vote(Box::new(b)),
    }
}

#[test]
fn two_blocks_for_one_slot_prove_their_key_guilty_in_either_order() {
    let key = Key::new(1);
    let a = key.sealed(200, &key.seal(9), 0);
    let b = key.sealed(201, &key.seal(9), 1);
    for evidence in [blocks(a.clone(), b.clone()), blocks(b, a)] {
        assert_eq!(evidence.check(&CHAIN), Ok(key.public()));
        let read = Evidence::decode(&evidence.first.encode(), &evidence.second.encode());
        assert_eq!(read.and_then(|it| it.check(&CHAIN)), Ok(key.public()));
    }
}

#[test]
fn a_second_signature_over_one_digest_is_guilt_too() {
    let key = Key::new(1);
    let template = template(200, 0);
    let seal_with = |auxiliary| {
        let unsealed = UnsealedHeader::of_block(&template, &key.seal(9)).expect("a template");
        let signature = key.sign_with(unsealed.digest(&CHAIN), auxiliary);
        let block = unsealed.seal_block(&template, signature).expect("a nonce");
        SealedHeader::of_block(&block).expect("a block")
    };
    let evidence = blocks(seal_with(0), seal_with(1));
    assert_eq!(evidence.check(&CHAIN), Ok(key.public()));
}

#[test]
fn a_re_ground_nonce_proves_nothing_against_the_honest_maker() {
    let key = Key::new(1);
    let honest = key.sealed(200, &key.seal(9), 0);
    for nonce in 0..64 {
        let forged = SealedHeader {
            header: Header {
                nonce,
                ..honest.header
            },
            ..honest.clone()
        };
        let expected = if forged.header == honest.header {
            EvidenceError::NoContradiction
        } else {
            EvidenceError::Statement(SealError::Nonce)
        };
        assert_eq!(blocks(honest.clone(), forged).check(&CHAIN), Err(expected));
    }
}

#[test]
fn honest_blocks_of_two_slots_two_keys_or_the_bootstrap_prove_nothing() {
    let (key, other) = (Key::new(1), Key::new(2));
    let a = key.sealed(200, &key.seal(9), 0);
    let next = key.sealed(201, &key.seal(10), 0);
    assert_eq!(
        blocks(a.clone(), next).check(&CHAIN),
        Err(EvidenceError::NoContradiction)
    );
    assert_eq!(
        blocks(a.clone(), a.clone()).check(&CHAIN),
        Err(EvidenceError::NoContradiction)
    );
    let theirs = other.sealed(200, &other.seal(9), 0);
    assert_eq!(
        blocks(a.clone(), theirs).check(&CHAIN),
        Err(EvidenceError::Keys)
    );
    let bootstrap = |salt| {
        let seal = Seal {
            mode: Mode::Bootstrap,
            ..key.seal(9)
        };
        key.sealed(9, &seal, salt)
    };
    let both = blocks(bootstrap(0), bootstrap(1));
    assert_eq!(both.check(&CHAIN), Err(EvidenceError::NoContradiction));
    let mixed = Evidence {
        first: Statement::Block(Box::new(a)),
        second: Statement::Vote(Box::new(key.vote(1, 2, 0))),
    };
    assert_eq!(mixed.check(&CHAIN), Err(EvidenceError::NoContradiction));
}

#[test]
fn evidence_of_another_chain_or_with_a_forged_part_proves_nothing() {
    let key = Key::new(1);
    let evidence = blocks(
        key.sealed(200, &key.seal(9), 0),
        key.sealed(201, &key.seal(9), 1),
    );
    let unsigned = EvidenceError::Statement(SealError::Signature);
    assert_eq!(evidence.check(&[0; 32]), Err(unsigned));
    let pair = votes(key.vote(1, 2, 0), key.vote(1, 2, 1));
    assert_eq!(pair.check(&CHAIN), Ok(key.public()));
    assert_eq!(pair.check(&[0; 32]), Err(unsigned));
    let mut forged = key.vote(1, 2, 1);
    forged.signature[63] ^= 1;
    assert_eq!(
        votes(key.vote(1, 2, 0), forged).check(&CHAIN),
        Err(unsigned)
    );
    let theirs = votes(key.vote(1, 2, 0), Key::new(2).vote(1, 2, 1));
    assert_eq!(theirs.check(&CHAIN), Err(EvidenceError::Keys));
}

#[test]
fn a_contradiction_of_heights_is_one_under_delegates_only() {
    let key = Key::new(1);
    let seal = |mode, slot| Seal {
        mode,
        previously_sealed: Height(100),
        ..key.seal(slot)
    };
    let pair = |mode| {
        blocks(
            key.sealed(200, &seal(mode, 9), 0),
            key.sealed(201, &seal(mode, 10), 0),
        )
    };
    assert_eq!(pair(Mode::Dpos).check(&CHAIN), Ok(key.public()));
    assert_eq!(
        pair(Mode::Pos).check(&CHAIN),
        Err(EvidenceError::NoContradiction)
    );
}

#[test]
fn statements_have_a_limit_and_no_other_forms() {
    let key = Key::new(1);
    let statement = Statement::Block(Box::new(key.sealed(200, &key.seal(9), 0)));
    let bytes = statement.encode();
    assert!(Statement::decode(&bytes).is_ok());
    for cut in 0..bytes.len() {
        assert_eq!(
            Statement::decode(&bytes[..cut]).err(),
            Some(EvidenceError::Format)
        );
    }
    assert_eq!(
        Statement::decode(&[3; 300]).err(),
        Some(EvidenceError::Format)
    );
    let mut longest = vec![1; MAX_STATEMENT_SIZE + 1];
    assert_eq!(
        Statement::decode(&longest).err(),
        Some(EvidenceError::Format)
    );
    longest.pop();
    assert_eq!(
        Statement::decode(&longest).err(),
        Some(EvidenceError::Format)
    );
    const {
        assert!(
            MAX_STATEMENT_SIZE <= 20_000,
            "a statement fits a witness item"
        );
    };
}
