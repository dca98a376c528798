//! What `POST /v1/blocks` answers, first and again.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use synod_primitives::{Block, Transaction, Witness};

use crate::blocks::{chain, extend, next, spend};
use crate::process::NodeProcess;

#[tokio::test]
async fn blocks_that_are_taken_get_200_and_where_they_stand() {
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let main = chain(3, 1);
    let side = chain(4, 2);
    node.post_all(&main[1..]).await;
    assert_eq!(node.post(&main[2]).await, Ok("duplicate"));
    assert_eq!(node.post(&side[3]).await, Ok("orphan"));
    assert_eq!(node.post(&side[1]).await, Ok("side"));
    // The orphan waits for its parent, and joins with it: equal work, so the first seen stays.
    assert_eq!(node.post(&side[2]).await, Ok("side"));
    assert_eq!(node.post(&side[3]).await, Ok("duplicate"));
    assert_eq!(node.post(&side[4]).await, Ok("active"));
    let status = node.client.chain().await.expect("an answer");
    assert_eq!(status.height, 4);
    assert_eq!(
        status.best_block_hash.to_internal(),
        side[4].hash().to_bytes()
    );
    let hex: String = main[1]
        .raw()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/blocks", node.url))
        .body(hex)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(
        (&body["status"], &body["height"]),
        (&"duplicate".into(), &1.into())
    );
}

#[tokio::test]
async fn a_broken_rule_is_422_with_cores_code_and_is_known_the_second_time() {
    let data = tempfile::tempdir().expect("a directory");
    let mut node = NodeProcess::start(data.path(), &[]);
    let main = chain(2, 1);
    node.post_all(&main[1..]).await;
    let honest = next(&main, 1);
    let mut greedy = honest.clone();
    greedy.reward_sat += 1;
    let greedy = greedy.build();
    let code = || "bad-cb-amount".to_owned();
    assert_eq!(node.refused(&greedy).await, (422, code(), false));
    assert_eq!(node.refused(&greedy).await, (422, code(), true));
    let mut branch = main.clone();
    branch.push(greedy.clone());
    let child = next(&branch, 1).build();
    let problem = node.post(&child).await.expect_err("its parent is invalid");
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (422, "bad-prevblk")
    );
    let at = problem.at.expect("the block that breaks the rule");
    assert_eq!(at.to_internal(), greedy.hash().to_bytes());
    // What is stored of a block that was connected in vain outlives the process.
    node.kill();
    let node = NodeProcess::start(data.path(), &[]);
    assert_eq!(node.refused(&greedy).await, (422, code(), true));
    let (status, code, _) = node.refused(&child).await;
    assert_eq!((status, code.as_str()), (422, "bad-prevblk"));
    assert_eq!(node.post(&honest.build()).await, Ok("active"));
}

#[tokio::test]
async fn an_ancestor_that_fails_when_the_branch_is_tried_is_named_by_at() {
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let main = chain(2, 1);
    node.post_all(&main[1..]).await;
    let mut branch = chain(1, 2);
    assert_eq!(node.post(&branch[1]).await, Ok("side"));
    // An output that its transaction has not; found when the block is connected.
    let honest = spend(&branch[1].transactions()[0], 0, &[]);
    let mut input = honest.inputs()[0].clone();
    input.prevout.vout = 7;
    let thief = Transaction::new(1, vec![input], honest.outputs().to_vec(), 0);
    branch.push(next(&branch, 2).with(thief).build());
    assert_eq!(node.post(&branch[2]).await, Ok("side"));
    let top = extend(branch.clone(), 1, 2);
    let problem = node.post(&top[3]).await.expect_err("the branch is invalid");
    assert_eq!(problem.code, "bad-txns-inputs-missingorspent");
    let at = problem.at.expect("the block that breaks the rule");
    assert_eq!(at.to_internal(), branch[2].hash().to_bytes());
    let status = node.client.chain().await.expect("an answer");
    assert_eq!(
        status.best_block_hash.to_internal(),
        main[2].hash().to_bytes()
    );
}

#[tokio::test]
async fn c04_cve_2012_2459_a_thousand_doubled_blocks_from_ten_peers_do_not_keep_the_honest_one_out()
{
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let main = chain(101, 1);
    node.post_all(&main[1..]).await;
    let first = spend(&main[1].transactions()[0], 0, &[]);
    let second = spend(&first, 0, &[]);
    let honest = next(&main, 1).with(first).with(second.clone()).build();
    let mut transactions = honest.transactions().to_vec();
    transactions.push(second);
    let doubled = Block::new(*honest.header(), transactions);
    assert_eq!(doubled.hash(), honest.hash());
    let peer = async || {
        for _ in 0..100 {
            let verdict = node.refused(&doubled).await;
            assert_eq!(verdict, (422, "bad-txns-duplicate".to_owned(), false));
        }
    };
    join_all((0..10).map(|_| peer())).await;
    assert_eq!(node.post(&honest).await, Ok("active"));
    assert_eq!(node.post(&doubled).await, Ok("duplicate"));
}

#[tokio::test]
async fn c05_a_block_with_other_witnesses_does_not_keep_the_honest_one_out() {
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let main = chain(1, 1);
    node.post_all(&main[1..]).await;
    let mut draft = next(&main, 1);
    draft.is_committed = true;
    let honest = draft.build();
    let stripped = {
        let coinbase = &honest.transactions()[0];
        let mut input = coinbase.inputs()[0].clone();
        input.witness = Witness::EMPTY;
        let outputs = coinbase.outputs().to_vec();
        let coinbase = Transaction::new(2, vec![input], outputs, 0);
        Block::new(*honest.header(), vec![coinbase])
    };
    assert_eq!(stripped.hash(), honest.hash());
    for _ in 0..2 {
        let verdict = node.refused(&stripped).await;
        assert_eq!(verdict, (422, "bad-witness-nonce-size".to_owned(), false));
    }
    assert_eq!(node.post(&honest).await, Ok("active"));
}

#[tokio::test]
async fn c12_a_block_from_the_future_is_never_remembered() {
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let now = 1_800_000_000;
    node.client.dev_time(Some(now)).await.expect("a clock");
    let main = chain(1, 1);
    node.post_all(&main[1..]).await;
    let mut draft = next(&main, 1);
    draft.header.time = now + 7_201;
    let early = draft.build();
    for _ in 0..2 {
        let verdict = node.refused(&early).await;
        assert_eq!(verdict, (422, "time-too-new".to_owned(), false));
    }
    node.client.dev_time(Some(now + 1)).await.expect("a clock");
    assert_eq!(node.post(&early).await, Ok("active"));
}

#[tokio::test]
async fn c24_bytes_that_are_no_block_are_400_and_too_many_413() {
    let data = tempfile::tempdir().expect("a directory");
    let node = NodeProcess::start(data.path(), &[]);
    let main = chain(1, 1);
    let honest = main[1].raw();
    let http = reqwest::Client::new();
    let post = async |body: Vec<u8>| {
        let answer = http
            .post(format!("{}/v1/blocks", node.url))
            .header("content-type", "application/octet-stream")
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("a problem document");
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let header = &honest[..80];
    let malformed: [Vec<u8>; 5] = [
        honest[..honest.len() - 1].to_vec(),
        [honest, &[0][..]].concat(),
        [header, &[0xff; 9]].concat(),
        [header, &[0xfd, 1, 0]].concat(),
        header[..79].to_vec(),
    ];
    for body in malformed {
        assert_eq!(post(body).await, (400, "block-malformed".to_owned()));
    }
    let (status, _) = post(vec![0; 4_000_001]).await;
    assert_eq!(status, 413);
    // A block without transactions is one, and breaks a rule.
    let empty = [header, &[0]].concat();
    assert_eq!(post(empty).await.0, 422);
    assert_eq!(node.post(&main[1]).await, Ok("active"));
}
