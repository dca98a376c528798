use synod_api::node::CheckpointBody;
use synod_api::{HashHex, HexBytes};

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn key(number: u8) -> SealKey {
    SealKey([number; 32])
}

fn seal(number: u8, slot: u64, height: u32) -> SealDuty {
    SealDuty {
        key: HashHex::from_bytes([number; 32]),
        height,
        slot,
        expires_ms: NOW + 1000,
        seal: HexBytes::default(),
        block: HexBytes::default(),
    }
}

fn vote(number: u8, epoch: u64) -> VoteDuty {
    let point = |epoch| CheckpointBody {
        epoch,
        hash: HashHex::from_bytes([1; 32]),
    };
    VoteDuty {
        key: HashHex::from_bytes([number; 32]),
        source: point(0),
        target: point(epoch),
        expires_ms: NOW + 1000,
    }
}

#[test]
fn one_key_past_the_limit_is_refused_and_those_that_ask_no_more_make_room() {
    let board = Board::new(NOW);
    let keys: Vec<_> = (0..128).map(key).collect();
    assert_eq!(board.ask(&keys, None, NOW), Ok(true));
    assert_eq!(board.ask(&keys, None, NOW), Ok(false), "nothing new");
    assert_eq!(board.ask(&[key(200)], None, NOW), Err(TooManyKeys));
    assert_eq!(board.keys().len(), MAX_ASKERS);
    let last = NOW + ASKER_MS;
    assert_eq!(board.ask(&[key(200)], None, last), Err(TooManyKeys));
    assert_eq!(board.ask(&[key(200)], None, last + 1), Ok(true));
    assert_eq!(board.keys(), [key(200)]);
}

#[test]
fn a_duty_is_told_to_its_key_until_it_is_over_and_a_repeat_is_nothing_new() {
    let board = Board::new(NOW);
    board.want_seal(key(1), seal(1, 7, 9));
    board.want_vote(key(1), vote(1, 3));
    let open = board.open(&[key(1), key(2)], true, NOW);
    assert_eq!((open.seals.len(), open.votes.len()), (1, 1));
    assert_eq!(open.newest, NOW + 2);
    board.want_vote(key(1), vote(1, 3));
    assert_eq!(*board.changes().borrow(), NOW + 2, "a repeat wakes nobody");
    assert_eq!(board.open(&[key(2)], true, NOW), Open::default());
    let votes_only = board.open(&[key(1)], false, NOW);
    assert_eq!((votes_only.seals.len(), votes_only.votes.len()), (0, 1));
    let late = board.open(&[key(1)], true, NOW + 1000);
    assert_eq!(late, Open::default());
    board.voted(&key(1), 2);
    assert_eq!(board.open(&[key(1)], true, NOW).votes.len(), 1);
    board.voted(&key(1), 3);
    assert_eq!(board.open(&[key(1)], true, NOW).votes.len(), 0);
    board.clear(NOW, 8);
    assert_eq!(board.open(&[key(1)], true, NOW).seals.len(), 1);
    board.clear(NOW, 9);
    assert_eq!(board.open(&[key(1)], true, NOW).seals.len(), 0);
}

#[test]
fn the_last_payout_that_was_named_stays() {
    let board = Board::new(NOW);
    let script = Script::new(vec![0x51]);
    board.ask(&[key(1)], Some(&script), NOW).expect("room");
    board.ask(&[key(1)], None, NOW).expect("room");
    assert_eq!(board.payout(&key(1)), Some(script));
    assert_eq!(board.payout(&key(2)), None);
}
