//! What the routes of validators answer, and refuse.

use synod_api::node::duty::MAX_DUTY_WAIT_MS;
use synod_api::node::{
    CheckpointBody, DutiesQuery, SignedVote, SubmitEvidence, ValidatorStanding, ValidatorsQuery,
};
use synod_api::{ClientError, HashHex, HexBytes};

use crate::kit::{
    BOND, DPOS, POS, TestNode, World, begin_slot, delegate, payout_address, sealing_key,
};

fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String) {
    match answer {
        Err(ClientError::Problem(problem)) => (problem.status, problem.code.clone()),
        other => panic!("not a problem: {other:?}"),
    }
}

fn key_text(number: u8) -> String {
    HashHex::from_bytes(sealing_key(number).public().0).to_string()
}

fn query(keys: String) -> DutiesQuery {
    DutiesQuery {
        keys,
        ..DutiesQuery::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duties_want_the_token_keys_that_are_keys_and_no_more_than_their_limits() {
    let world = World::new("pos", &[1], POS).await;
    let node = world.node("node").await;
    let open = node.open_client.duties(&query(key_text(1))).await;
    assert_eq!(code(open).0, 401);
    let ask = async |query: DutiesQuery| node.client.duties(&query).await;
    assert_eq!(code(ask(query("zz".to_owned())).await).0, 400);
    assert_eq!(code(ask(query(String::new())).await).0, 400);
    let many: Vec<String> = (1..=65).map(key_text).collect();
    assert_eq!(code(ask(query(many.join(","))).await).0, 400);
    let most = ask(query(many[..64].join(","))).await.expect("64 keys");
    assert_eq!((most.slot_ms, most.epoch_slots), (1000, 4));
    let wrong = DutiesQuery {
        payout: Some("nowhere".to_owned()),
        ..query(key_text(1))
    };
    assert_eq!(code(ask(wrong).await), (400, "bad-address".to_owned()));
    let long = DutiesQuery {
        after: Some(most.cursor),
        wait_ms: Some(MAX_DUTY_WAIT_MS + 1),
        ..query(key_text(1))
    };
    assert_eq!(code(ask(long).await).0, 400);
    let more: Vec<String> = (66..=130).map(key_text).collect();
    assert_eq!(code(ask(query(more.join(","))).await).0, 400, "65 again");
    ask(query(more[..64].join(","))).await.expect("128 in all");
    let past = ask(query(more[64].clone())).await;
    assert_eq!(code(past), (503, "too-many-keys".to_owned()));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_is_answered_by_the_next_duty() {
    let world = World::new("pos", &[1], POS).await;
    let node = world.node("node").await;
    let mut asked = query(key_text(1));
    asked.payout = Some(payout_address());
    let first = node.client.duties(&asked).await.expect("an answer");
    assert!(first.seals.is_empty() && first.votes.is_empty());
    let waiting = DutiesQuery {
        after: Some(first.cursor),
        wait_ms: Some(MAX_DUTY_WAIT_MS),
        ..asked.clone()
    };
    let client = node.client.clone();
    let waits = tokio::spawn(async move { client.duties(&waiting).await });
    begin_slot(1);
    let answer = waits.await.expect("no panic").expect("an answer");
    let seal = answer.seals.first().expect("a block to seal");
    assert_eq!((seal.slot, seal.height), (1, crate::kit::BOOTSTRAP + 1));
    assert!(answer.cursor > first.cursor);
    let votes_only = DutiesQuery {
        payout: None,
        ..asked.clone()
    };
    let answer = node.client.duties(&votes_only).await.expect("an answer");
    assert!(answer.seals.is_empty(), "nobody said where it should pay");
    // A cursor of another run of the node does not make it wait.
    let foreign = DutiesQuery {
        after: Some(u64::MAX),
        wait_ms: Some(MAX_DUTY_WAIT_MS),
        ..asked
    };
    let answer = node.client.duties(&foreign).await.expect("an answer");
    assert_eq!(answer.seals.len(), 1);
    node.stop().await;
}

async fn submit(node: &TestNode, number: u8, signature: Vec<u8>) -> Result<(), ClientError> {
    let point = |epoch| CheckpointBody {
        epoch,
        hash: HashHex::from_bytes([3; 32]),
    };
    let vote = SignedVote {
        key: HashHex::from_bytes(sealing_key(number).public().0),
        source: point(0),
        target: point(1),
        signature: HexBytes(signature),
    };
    node.client.submit_vote(&vote).await
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_and_evidence_that_prove_nothing_are_refused_by_their_rule() {
    let world = World::new("pos", &[1], POS).await;
    let node = world.node("node").await;
    assert_eq!(code(submit(&node, 1, vec![0; 63]).await).0, 400);
    let unsigned = submit(&node, 1, vec![0; 64]).await;
    assert_eq!(code(unsigned), (422, "bad-vote-signature".to_owned()));
    let empty = SubmitEvidence {
        first: HexBytes::default(),
        second: HexBytes::default(),
    };
    let refused = node.open_client.submit_evidence(&empty).await;
    assert_eq!(code(refused).0, 422);
    let known = node.open_client.evidence().await.expect("a page");
    assert!(known.evidence.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_are_listed_page_by_page_with_what_they_have_at_stake() {
    let world = World::new("pos", &[1, 2, 3], POS).await;
    let node = world.node("node").await;
    let page = node.validators().await;
    assert_eq!(page.engine, "pos");
    assert_eq!((page.slot, page.slot_s, page.epoch_slots), (0, 1, 4));
    assert_eq!(page.start_time, crate::kit::START);
    assert_eq!(page.totals.validators, 3);
    assert_eq!(page.totals.bonded_sat.to_sat(), 3 * BOND);
    assert_eq!(page.totals.active_sat.to_sat(), 3 * BOND);
    assert_eq!(page.totals.supply_sat.to_sat(), 8 * 5_000_000_000);
    assert_eq!(page.totals.turnout_ppm, 75_000);
    let turns: Vec<u64> = page.turns.iter().map(|it| it.slot).collect();
    assert_eq!(turns, (1..=8).collect::<Vec<u64>>(), "two epochs");
    for it in &page.validators {
        assert_eq!(it.status, ValidatorStanding::Active);
        assert_eq!(it.bond_sat.to_sat(), BOND);
        assert_eq!(it.delegated_sat.to_sat(), 0);
        assert!(it.bond.is_some() && it.owner.is_some() && it.seat.is_some());
        assert_eq!((it.key, it.sealed, it.missed), (None, 0, 0));
    }
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let query = ValidatorsQuery {
            cursor,
            limit: Some(2),
        };
        let page = node.client.validators(&query).await.expect("a page");
        assert!(page.validators.len() <= 2);
        listed.extend(page.validators.iter().map(|it| it.delegate));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut expected = [1, 2, 3].map(delegate);
    expected.sort_unstable();
    assert_eq!(listed, expected, "equal amounts, by their hashes");
    let gone = ValidatorsQuery {
        cursor: Some("00".repeat(20)),
        limit: None,
    };
    let gone = node.client.validators(&gone).await;
    assert_eq!(code(gone), (410, "cursor-gone".to_owned()));
    for limit in [0, 501] {
        let query = ValidatorsQuery {
            cursor: None,
            limit: Some(limit),
        };
        assert_eq!(code(node.client.validators(&query).await).0, 400);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_delegated_stake_there_is_nothing_to_vote_on() {
    let world = World::new("dpos", &[1, 2], DPOS).await;
    let node = world.node("node").await;
    let vote = submit(&node, 1, vec![0; 64]).await;
    assert_eq!(code(vote), (409, "engine-without-votes".to_owned()));
    let page = node.validators().await;
    assert_eq!((page.engine.as_str(), page.seats), ("dpos", 4));
    assert_eq!(page.validators.len(), 2);
    let finality = node.client.finality_status().await.expect("finality");
    assert_eq!(finality.prevoted_height, Some(crate::kit::BOOTSTRAP));
    node.stop().await;
}
