//! From a template to a sealed block and back, and everything that a seal must not survive.

use synod_primitives::{Header, Height};
use synod_seal::{
    MAX_COINBASE_SIZE, MAX_MERKLE_BRANCH, SealError, SealedHeader, Signature, UnsealedHeader,
    canonical_nonce, find_seal,
};

use crate::kit::{CHAIN, Key, coinbase, commitment, push_height, template};

#[test]
fn a_sealed_block_shows_its_seal_its_height_and_its_hash() {
    for height in [
        1,
        16,
        17,
        127,
        128,
        255,
        256,
        32_767,
        32_768,
        0x7f_ffff,
        0x80_0000,
        u32::MAX,
    ] {
        let key = Key::new(1);
        let block = key.block(height, &key.seal(9), 0);
        assert_eq!(
            block.merkle_root().hash,
            *block.header().merkle_root.as_bytes()
        );
        let sealed = SealedHeader::of_block(&block).expect("a block");
        let checked = sealed.check(&CHAIN).expect("a valid seal");
        assert_eq!(checked.hash(), block.hash());
        assert_eq!(checked.height(), Height(height));
        assert_eq!(checked.seal().key, key.public());
        assert_eq!(
            Ok(checked.seal()),
            find_seal(&block.transactions()[0]).as_ref()
        );
    }
}

#[test]
fn the_proof_beside_a_header_reads_back() {
    let key = Key::new(1);
    let sealed = key.sealed(200, &key.seal(9), 0);
    let proof = sealed.encode_proof();
    let back = SealedHeader::decode_proof(sealed.header, &proof).expect("a proof");
    assert_eq!(back.encode_proof(), proof);
    assert_eq!(back.check(&CHAIN), sealed.check(&CHAIN));
    for cut in 0..proof.len() {
        assert!(SealedHeader::decode_proof(sealed.header, &proof[..cut]).is_err());
    }
    let longer = [&proof[..], &[0]].concat();
    assert!(SealedHeader::decode_proof(sealed.header, &longer).is_err());
}

#[test]
fn a_re_ground_nonce_is_refused() {
    let key = Key::new(1);
    let sealed = key.sealed(200, &key.seal(9), 0);
    let meets = |header: &Header| header.block_hash().as_bytes()[31] < 0x80;
    let others = (0..64).map(|nonce| Header {
        nonce,
        ..sealed.header
    });
    let mut met = 0;
    for header in others.filter(|it| *it != sealed.header) {
        met += u32::from(meets(&header));
        let moved = SealedHeader {
            header,
            ..sealed.clone()
        };
        assert_eq!(moved.check(&CHAIN), Err(SealError::Nonce));
    }
    assert!(met > 0, "another nonce meets the bits too");
}

#[test]
fn every_other_change_of_the_header_breaks_the_signature() {
    let key = Key::new(1);
    let sealed = key.sealed(200, &key.seal(9), 0);
    let header = sealed.header;
    let changed = [
        Header {
            version: 1,
            ..header
        },
        Header {
            time: header.time + 1,
            ..header
        },
        Header {
            previous_block_hash: header.block_hash(),
            ..header
        },
    ];
    for mut header in changed {
        header.nonce = canonical_nonce(&header).expect("a nonce");
        let moved = SealedHeader {
            header,
            ..sealed.clone()
        };
        assert_eq!(moved.check(&CHAIN), Err(SealError::Signature));
    }
    assert_eq!(
        sealed.check(&[0; 32]),
        Err(SealError::Signature),
        "another chain"
    );
    let mut harder = sealed.clone();
    harder.header.bits.0 = 0x207f_fffe;
    harder.header.nonce = canonical_nonce(&harder.header).expect("a nonce");
    assert_eq!(harder.check(&CHAIN), Err(SealError::Bits));
    let mut rootless = sealed.clone();
    rootless.branch[0][0] ^= 1;
    assert!(
        rootless.check_form().is_ok(),
        "the form says nothing of the root"
    );
    assert_eq!(rootless.check(&CHAIN), Err(SealError::Branch));
}

#[test]
fn a_signature_by_another_key_or_over_another_height_is_refused() {
    let (key, other) = (Key::new(1), Key::new(2));
    let seal_with = |height, sign: &dyn Fn([u8; 32]) -> Signature| {
        let block = template(height, 0);
        let unsealed = UnsealedHeader::of_block(&block, &key.seal(9)).expect("a template");
        let signature = sign(unsealed.digest(&CHAIN));
        let block = unsealed.seal_block(&block, signature).expect("a nonce");
        SealedHeader::of_block(&block)
            .expect("a block")
            .check(&CHAIN)
    };
    assert!(seal_with(5, &|digest| key.sign(digest)).is_ok());
    assert_eq!(
        seal_with(5, &|digest| other.sign(digest)),
        Err(SealError::Signature)
    );
    assert_eq!(seal_with(5, &|_| [0; 64]), Err(SealError::Signature));
}

#[test]
fn templates_without_exactly_one_empty_place_are_refused() {
    let key = Key::new(1);
    let block = template(5, 0);
    let new = |coinbase, branch| {
        UnsealedHeader::new(*block.header(), &coinbase, branch, &key.seal(9)).map(|_| ())
    };
    let height = push_height(5);
    let good = || coinbase([&push_height(5)[..], &[0]].concat(), vec![commitment(&[])]);
    assert_eq!(new(good(), Vec::new()), Ok(()));
    let none = coinbase([&height[..], &[0]].concat(), Vec::new());
    assert_eq!(new(none, Vec::new()), Err(SealError::Commitment));
    let two = coinbase(
        [&height[..], &[0]].concat(),
        vec![commitment(&[]), commitment(&[])],
    );
    assert_eq!(new(two, Vec::new()), Err(SealError::Commitment));
    let taken = coinbase([&height[..], &[0]].concat(), vec![commitment(&[0x51])]);
    assert_eq!(new(taken, Vec::new()), Err(SealError::Commitment));
    let no_height = coinbase(vec![0x00, 0x00], vec![commitment(&[])]);
    assert_eq!(new(no_height, Vec::new()), Err(SealError::Coinbase));
    let branch = |length| vec![[1; 32]; length];
    assert_eq!(new(good(), branch(MAX_MERKLE_BRANCH)), Ok(()));
    assert_eq!(
        new(good(), branch(MAX_MERKLE_BRANCH + 1)),
        Err(SealError::Size)
    );
}

#[test]
fn a_coinbase_is_sealed_up_to_its_limit() {
    let key = Key::new(1);
    let block = template(5, 0);
    let with_padding = |padding: usize| {
        let mut output = commitment(&[]);
        output.script_pubkey = synod_primitives::Script::new(vec![0x51; padding]);
        let coinbase = coinbase(vec![0x55, 0], vec![output, commitment(&[])]);
        UnsealedHeader::new(*block.header(), &coinbase, Vec::new(), &key.seal(9))
    };
    let unsealed = with_padding(1000).expect("small");
    let (_, sealed) = unsealed.seal([0; 64]).expect("a nonce");
    let room = MAX_COINBASE_SIZE - sealed.stripped_size();
    assert!(with_padding(1000 + room).is_ok());
    assert_eq!(with_padding(1001 + room).map(|_| ()), Err(SealError::Size));
}

#[test]
fn heights_that_are_not_in_their_shortest_form_are_refused() {
    let key = Key::new(1);
    let block = template(5, 0);
    let new = |script_sig: &[u8]| {
        let coinbase = coinbase(script_sig.to_vec(), vec![commitment(&[])]);
        UnsealedHeader::new(*block.header(), &coinbase, Vec::new(), &key.seal(9))
            .map(|it| it.height())
    };
    assert_eq!(new(&[0x60, 0]), Ok(Height(16)));
    assert_eq!(new(&[1, 17]), Ok(Height(17)));
    for bad in [
        &[1, 16][..],
        &[2, 17, 0],
        &[1, 0x80],
        &[2, 1],
        &[6, 1, 1, 1, 1, 1, 1],
        &[5, 0, 0, 0, 0, 1],
    ] {
        assert_eq!(new(bad), Err(SealError::Coinbase), "{bad:?}");
    }
}
