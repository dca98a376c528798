//! Pages and routes about those who seal, from outside.

mod support;

use serde_json::{Value, json};
use support::{Chain, FakeNode, FakeStake, Running, p2wpkh, start};
use synod_primitives::Height;
use synod_seal::{Mode, Seal, SealKey, Sections, Slot};

const KEY: [u8; 32] = [0x79; 32];
const PAGES: [&str; 3] = ["/validators", "/finality", "/evidence"];

fn delegate() -> String {
    SealKey(KEY).delegate_hash().to_string()
}

fn validator(delegate: &str, name: Option<&str>, status: &str) -> Value {
    json!({
        "delegate": delegate, "key": "79".repeat(32), "name": name, "status": status, "rank": 1,
        "seat": 0, "owner": "11".repeat(20),
        "bond": { "txid": "22".repeat(32), "vout": 1 }, "bond_sat": 5_000_000_000_u64,
        "delegated_sat": 1_000_000_000, "active_sat": 6_000_000_000_u64, "since_height": 1,
        "benched_until": null, "sealed": 40, "missed": 2, "last_slot": 41, "last_vote_epoch": 3,
        "next_slot": 43,
    })
}

fn stake(engine: &'static str, validators: &[Value], final_height: u32) -> FakeStake {
    let tip = json!({ "height": 3, "hash": "33".repeat(32) });
    let checkpoint = json!({ "epoch": 2, "hash": "44".repeat(32), "height": 2 });
    let next = json!({ "epoch": 3, "hash": "55".repeat(32), "height": null });
    FakeStake {
        engine,
        final_height,
        validators: json!({
            "engine": engine, "tip": tip, "slot": 42, "epoch": 3, "start_time": 1_800_000_000,
            "slot_s": 2, "epoch_slots": 8, "seats": 128, "counted_slots": 42,
            "totals": { "validators": validators.len(), "bonded_sat": 6_000_000_000_u64,
                "active_sat": 6_000_000_000_u64, "supply_sat": 60_000_000_000_u64,
                "turnout_ppm": 100_000 },
            "turns": [{ "slot": 43, "time": 1_800_000_086, "delegate": delegate() }],
            "validators": validators, "next_cursor": null,
        }),
        finality: json!({
            "engine": engine, "tip": tip,
            "finalized": { "height": final_height, "hash": "66".repeat(32) },
            "finalized_epoch": 1, "justified": checkpoint, "prevoted_height": null,
            "lag_blocks": 1, "published_lag": { "blocks": 17, "seconds": 34 },
            "epochs": [{ "source": checkpoint, "target": next, "votes": 3,
                "weight_sat": 4_500_000_000_u64, "validators": 4,
                "total_sat": 6_000_000_000_u64, "is_justified": true }],
        }),
        evidence: json!({ "evidence": [{
            "key": "79".repeat(32), "delegate": delegate(), "contradiction": "seals",
            "first_at": 17, "second_at": 17, "first": "00", "second": "01",
            "status": "included", "included_height": 3, "included_txid": "77".repeat(32),
        }] }),
    }
}

async fn page(explorer: &Running, path: &str) -> String {
    let response = explorer.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    let html = response.text().await.expect("html");
    assert_eq!(html.matches("<h1").count(), 1, "{path}");
    assert!(
        html.ends_with("</html>") && !html.contains(" style="),
        "{path}"
    );
    html
}

async fn refused(explorer: &Running, path: &str) -> u16 {
    explorer.get(path).await.status().as_u16()
}

#[tokio::test]
async fn a_network_of_proof_of_work_says_that_it_has_no_validators() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    for (path, english, chinese) in [
        (
            "/validators",
            "This network has no validators",
            "本网络没有验证者",
        ),
        ("/finality", "never final", "没有最终性"),
        (
            "/evidence",
            "This network has no validators",
            "本网络没有验证者",
        ),
    ] {
        assert!(page(&explorer, path).await.contains(english), "{path}");
        let other = page(&explorer, &format!("{path}?lang=zh")).await;
        assert!(other.contains(chinese), "{path}");
    }
    assert!(!page(&explorer, "/").await.contains("href=\"/validators\""));
    let block = page(&explorer, "/block/0").await;
    assert!(block.contains("Confirmations: 1") && !block.contains("id=\"seal\""));
    assert_eq!(
        refused(&explorer, &format!("/validator/{}", delegate())).await,
        404
    );
    for path in ["/v1/validators", "/v1/finality", "/v1/evidence"] {
        assert_eq!(refused(&explorer, path).await, 404, "{path}");
    }
    let terms = explorer.json("/api/stake").await;
    assert_eq!(
        terms,
        json!({ "engine": "pow", "final_height": null, "terms": null })
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn validators_votes_and_evidence_are_shown_in_both_languages() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let node = FakeNode::serve(chain).await;
    let other = "ab".repeat(20);
    let validators = [
        validator(&delegate(), Some("alice"), "active"),
        validator(&other, None, "slashed"),
    ];
    node.set_stake(stake("pos", &validators, 2));
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let list = page(&explorer, "/validators").await;
    for part in [
        "alice",
        "Active",
        "Slashed",
        "10.0 %",
        "Epoch 3",
        "Next slots",
        "100.0 %",
    ] {
        assert!(list.contains(part), "{part}");
    }
    assert!(list.contains(&format!("href=\"/validator/{other}\"")));
    let one = page(&explorer, &format!("/validator/{}", delegate())).await;
    for part in [
        "alice",
        "Sealed",
        "Missed",
        "Last vote for epoch",
        &"22".repeat(32),
    ] {
        assert!(one.contains(part), "{part}");
    }
    let finality = page(&explorer, "/finality").await;
    for part in [
        "75.0 %",
        "3 / 4",
        "Justified",
        "17 blocks · 34 s",
        "not here",
    ] {
        assert!(finality.contains(part), "{part}");
    }
    let evidence = page(&explorer, "/evidence").await;
    assert!(evidence.contains("Two blocks for slot 17") && evidence.contains(&"77".repeat(32)));
    for path in PAGES {
        let chinese = page(&explorer, &format!("{path}?lang=zh")).await;
        assert!(chinese.contains("验证者"), "{path}");
    }
    assert_eq!(
        refused(&explorer, &format!("/validator/{}", "cd".repeat(20))).await,
        404
    );
    assert_eq!(refused(&explorer, "/validator/nobody").await, 404);
    let body = explorer.json("/v1/validators?limit=5").await;
    assert_eq!(body["validators"][0]["name"], "alice");
    assert_eq!(explorer.json("/v1/finality").await["lag_blocks"], 1);
    assert_eq!(
        explorer.json("/v1/evidence").await["evidence"][0]["first_at"],
        17
    );
    let terms = explorer.json("/api/stake").await;
    assert_eq!(terms["final_height"], 2);
    assert_eq!(terms["terms"]["unbonding_blocks"], 256);
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn blocks_and_payments_are_final_up_to_the_final_block_and_no_further() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let node = FakeNode::serve(chain.clone()).await;
    node.set_stake(stake("dpos", &[], 2));
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    for (height, is_final) in [(1, true), (2, true), (3, false)] {
        let coinbase = chain.coinbase(height).txid();
        for path in [format!("/block/{height}"), format!("/tx/{coinbase}")] {
            let html = page(&explorer, &path).await;
            assert_eq!(html.contains("✓ Final"), is_final, "{path}");
            assert_eq!(html.contains("Not final yet · 1"), !is_final, "{path}");
        }
    }
    assert!(page(&explorer, "/").await.contains("final up to 2"));
    let empty = page(&explorer, "/validators").await;
    assert!(empty.contains("Nobody is registered yet."));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_sealed_block_shows_its_seal() {
    let seal = |mode, slot| Seal {
        mode,
        slot: Slot(slot),
        round: 0,
        previously_sealed: Height(0),
        prevoted: Height(1),
        reveal: [0; 32],
        key: SealKey(KEY),
        signature: [0; 64],
        sections: Sections::default(),
    };
    let mut chain = Chain::genesis();
    chain.mine_sealed(&seal(Mode::Bootstrap, 1));
    chain.mine_sealed(&seal(Mode::Dpos, 1234));
    let node = FakeNode::serve(chain).await;
    node.set_stake(stake("dpos", &[], 1));
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let first = page(&explorer, "/block/1").await;
    assert!(first.contains("bootstrap key"));
    let second = page(&explorer, "/block/2").await;
    assert!(second.contains(&format!("href=\"/validator/{}\"", delegate())));
    assert!(second.contains("1\u{202f}234") && second.contains("Prevoted up to"));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn names_from_strangers_are_never_markup() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let evil = "<script>alert(1)</script>";
    node.set_stake(stake(
        "dpos",
        &[validator(&delegate(), Some(evil), "active")],
        0,
    ));
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    for path in [
        "/validators".to_owned(),
        format!("/validator/{}", delegate()),
    ] {
        assert!(
            !page(&explorer, &path).await.contains("<script>alert"),
            "{path}"
        );
    }
    explorer.stop().await.expect("a clean stop");
}
