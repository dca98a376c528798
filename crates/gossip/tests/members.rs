//! What members of a permissioned network sign, and what they do not take.

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::MemberHello;
use synod_gossip::member::{AnswerError, Asked, Envelope, Link, MAX_PIECE, NoMember};
use synod_gossip::{MemberError, MemberId, MemberKey, Members};

fn key(number: u8) -> MemberKey {
    MemberKey::from_secret([number; 32]).expect("a secret")
}

fn run(number: u8) -> NodeIdHex {
    NodeIdHex::from_bytes([number; 16])
}

/// A member of the network of the members 1 to 3.
fn member(number: u8) -> Arc<Members> {
    on_chain(number, 7)
}

fn on_chain(number: u8, chain: u8) -> Arc<Members> {
    let known = (1..=3).map(|it| key(it).id()).collect();
    Arc::new(Members::new(key(number), [chain; 32], run(number), known).expect("a member"))
}

fn meet(one: &Members, two: &Members) -> Result<Link, MemberError> {
    let nonce = one.nonce();
    let hello = two.hello(HashHex::from_bytes(one.id().0), nonce)?;
    one.meet(&hello, nonce)
}

const ASKED: Asked<'static> = Asked {
    method: "POST",
    target: "/p2p/v1/announce",
    session: "ab",
    kind: "application/json",
    body: b"{}",
};

#[test]
fn what_a_member_signed_is_taken_once() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    for sequence in 1..=3 {
        let (header, digest) = one.sign(&link, &ASKED);
        let signed = two.check(Some(&header), &ASKED).expect("signed");
        assert_eq!((signed.from, signed.digest), (one.id(), digest));
        assert_eq!(signed.sequence, sequence);
        assert_eq!(two.check(Some(&header), &ASKED), Err(MemberError::Replayed));
    }
    let replayed = two.refusals().find(|it| it.0 == "member-replayed");
    assert_eq!(replayed, Some(("member-replayed", 3)));
}

#[test]
fn no_part_of_a_signed_request_can_be_exchanged() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    let (header, _) = one.sign(&link, &ASKED);
    let others = [
        Asked {
            method: "GET",
            ..ASKED
        },
        Asked {
            target: "/p2p/v1/addresses",
            ..ASKED
        },
        Asked {
            session: "ac",
            ..ASKED
        },
        Asked {
            kind: "application/octet-stream",
            ..ASKED
        },
        Asked {
            body: b"{ }",
            ..ASKED
        },
        // The same bytes, cut elsewhere.
        Asked {
            target: "/p2p/v1/announcea",
            session: "b",
            ..ASKED
        },
    ];
    for other in others {
        assert_eq!(
            two.check(Some(&header), &other),
            Err(MemberError::Forged),
            "{other:?}"
        );
    }
    let envelope = Envelope::parse(&header).expect("a header");
    let mut changed = vec![
        (
            Envelope {
                chain_id: [8; 32],
                ..envelope
            },
            MemberError::OtherChain,
        ),
        (
            Envelope {
                from: key(4).id(),
                ..envelope
            },
            MemberError::Unknown,
        ),
        (
            Envelope {
                from: key(3).id(),
                ..envelope
            },
            MemberError::Forged,
        ),
        (
            Envelope {
                to: key(3).id(),
                ..envelope
            },
            MemberError::OtherReceiver,
        ),
        (
            Envelope {
                run: [1; 16],
                ..envelope
            },
            MemberError::OtherRun,
        ),
        (
            Envelope {
                sequence: 2,
                ..envelope
            },
            MemberError::Forged,
        ),
        (
            Envelope {
                sequence: 0,
                ..envelope
            },
            MemberError::Forged,
        ),
    ];
    for at in [0, 31, 32, 63] {
        let mut signature = envelope.signature;
        signature[at] ^= 1;
        changed.push((
            Envelope {
                signature,
                ..envelope
            },
            MemberError::Forged,
        ));
    }
    for (changed, expected) in changed {
        let found = two.check(Some(&changed.to_string()), &ASKED);
        assert_eq!(found, Err(expected), "{changed}");
    }
    assert_eq!(two.check(None, &ASKED), Err(MemberError::Missing));
    // None of it kept the honest request out.
    assert!(two.check(Some(&header), &ASKED).is_ok());
}

#[test]
fn a_header_has_one_written_form() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    let (header, _) = one.sign(&link, &ASKED);
    let malformed = [
        String::new(),
        format!(" {header}"),
        format!("{header} "),
        header.replacen('1', "2", 1),
        header.replacen(" 1 ", " +1 ", 1),
        header.replacen(" 1 ", " 01 ", 1),
        header.replacen(" 1 ", " 18446744073709551616 ", 1),
        header.to_uppercase(),
        header.replace(' ', "  "),
    ];
    for text in malformed {
        assert_eq!(
            two.check(Some(&text), &ASKED),
            Err(MemberError::Malformed),
            "{text}"
        );
    }
    assert!(two.check(Some(&header), &ASKED).is_ok());
}

#[test]
fn what_was_said_before_a_restart_is_worthless_after_it() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    let (header, _) = one.sign(&link, &ASKED);
    let known = (1..=3).map(|it| key(it).id()).collect();
    let again = Members::new(key(2), [7; 32], run(9), known).expect("a member");
    assert_eq!(
        again.check(Some(&header), &ASKED),
        Err(MemberError::OtherRun)
    );
    // Who says hello again goes on.
    let link = meet(&one, &again).expect("members");
    let (header, _) = one.sign(&link, &ASKED);
    assert!(again.check(Some(&header), &ASKED).is_ok());
}

#[test]
fn a_sender_that_restarts_goes_on_above_its_numbers() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    for _ in 0..200 {
        let (header, _) = one.sign(&link, &ASKED);
        assert!(two.check(Some(&header), &ASKED).is_ok());
    }
    let reborn = member(1);
    let link = meet(&reborn, &two).expect("members");
    let (header, _) = reborn.sign(&link, &ASKED);
    let signed = two.check(Some(&header), &ASKED).expect("signed");
    assert_eq!(signed.sequence, 201);
}

#[test]
fn only_members_are_met_and_each_hello_answers_one_question() {
    let (one, two) = (member(1), member(2));
    let stranger = NodeIdHex::from_bytes([5; 16]);
    let unknown = two.hello(HashHex::from_bytes(key(4).id().0), stranger);
    assert_eq!(unknown, Err(MemberError::Unknown));
    let nonce = one.nonce();
    assert_ne!(nonce, one.nonce());
    let hello = two
        .hello(HashHex::from_bytes(one.id().0), nonce)
        .expect("a member");
    assert_eq!(one.meet(&hello, one.nonce()), Err(MemberError::Forged));
    let three = member(3);
    assert_eq!(three.meet(&hello, nonce), Err(MemberError::Forged));
    let lies = [
        (
            MemberHello {
                next: 9,
                ..hello.clone()
            },
            MemberError::Forged,
        ),
        (
            MemberHello {
                run: run(8),
                ..hello.clone()
            },
            MemberError::Forged,
        ),
        (
            MemberHello {
                key: HashHex::from_bytes(key(4).id().0),
                ..hello.clone()
            },
            MemberError::Unknown,
        ),
        (
            MemberHello {
                key: HashHex::from_bytes(key(3).id().0),
                ..hello.clone()
            },
            MemberError::Forged,
        ),
    ];
    for (lie, expected) in lies {
        assert_eq!(one.meet(&lie, nonce), Err(expected), "{lie:?}");
    }
    let other_chain = on_chain(2, 8);
    let foreign = other_chain.hello(HashHex::from_bytes(one.id().0), nonce);
    let foreign = foreign.expect("a member there too");
    assert_eq!(one.meet(&foreign, nonce), Err(MemberError::Forged));
    assert!(one.meet(&hello, nonce).is_ok());
}

#[test]
fn a_node_that_is_not_listed_does_not_start() {
    let known: BTreeSet<MemberId> = [key(1).id(), key(2).id()].into();
    let start = |number: u8, known: &BTreeSet<MemberId>| {
        Members::new(key(number), [7; 32], run(1), known.clone()).map(|it| it.id())
    };
    assert_eq!(start(1, &known), Ok(key(1).id()));
    assert_eq!(start(3, &known), Err(NoMember::NotListed(key(3).id())));
    let mut bad = known.clone();
    bad.insert(MemberId([0xff; 32]));
    assert_eq!(start(1, &bad), Err(NoMember::NoKey(MemberId([0xff; 32]))));
}

#[test]
fn answers_come_out_whole_and_signed_however_their_bytes_arrive() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    let (header, digest) = one.sign(&link, &ASKED);
    let signed = two.check(Some(&header), &ASKED).expect("signed");
    let mut sealer = two.seal_answer(&signed);
    let long = vec![9; MAX_PIECE + 1];
    let mut wire = sealer.seal(b"first").to_vec();
    wire.extend(sealer.seal(b""));
    wire.extend(sealer.seal(&long));
    wire.extend(sealer.end());
    let expected = [b"first".as_slice(), &long].concat();

    let read = |wire: &[u8], step: usize| {
        let mut reader = one.read_answer(&link, digest);
        let mut out = Vec::new();
        for part in wire.chunks(step) {
            out.extend(reader.push(part)?);
        }
        reader.finish().map(|()| out)
    };
    for step in [1, 7, 100_000] {
        assert_eq!(read(&wire, step), Ok(expected.clone()));
    }
    for cut in [0, 3, 72, 73, wire.len() - 68, wire.len() - 1] {
        assert_eq!(read(&wire[..cut], 4096), Err(AnswerError::CutOff), "{cut}");
    }
    for at in [4, 8, 9, 72, 80, wire.len() - 1] {
        let mut changed = wire.clone();
        changed[at] ^= 1;
        assert_eq!(read(&changed, 4096), Err(AnswerError::Forged), "{at}");
    }
    let more = [&wire[..], &[0; 68]].concat();
    assert_eq!(read(&more, 4096), Err(AnswerError::Malformed));
    let too_long = u32::try_from(MAX_PIECE + 1).expect("small").to_le_bytes();
    assert_eq!(read(&too_long, 4), Err(AnswerError::Malformed));
    // The answer to another question, and from another member.
    let mut reader = one.read_answer(&link, [1; 32]);
    assert_eq!(reader.push(&wire), Err(AnswerError::Forged));
    let three = member(3);
    let other = meet(&one, &three).expect("members");
    let mut reader = one.read_answer(&other, digest);
    assert_eq!(reader.push(&wire), Err(AnswerError::Forged));
}

#[test]
fn the_format_is_frozen() {
    let (one, two) = (member(1), member(2));
    let link = meet(&one, &two).expect("members");
    let (header, digest) = one.sign(&link, &ASKED);
    let text = synod_primitives::hex::encode(digest);
    assert_eq!(
        text,
        "7c48ca15dbf5eff0eacb721597fc0830936aa457bb1b7630934a21259262cda7"
    );
    assert_eq!(header.split(' ').count(), 7);
}
