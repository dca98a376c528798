//! The pages from outside.

mod support;

use std::pin::Pin;
use std::sync::Arc;

use reqwest::header;
use support::{Chain, FakeNode, Running, p2wpkh, pay, start, start_with};
use synod_api::{AmountSat, ClientError, HashHex, Problem};
use synod_explorer::{ExplorerConfig, Faucet};
use synod_primitives::Script;

const EVIL: &[u8] = b"<script>alert(1)</script>'\"&";

async fn page(explorer: &Running, path: &str) -> (u16, String) {
    let request = explorer.client.get(format!("{}{path}", explorer.url));
    let response = request
        .header("accept", "text/html")
        .send()
        .await
        .expect("an answer");
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(
        policy.starts_with("default-src 'self'") && !policy.contains("unsafe"),
        "{path}"
    );
    (
        response.status().as_u16(),
        response.text().await.expect("html"),
    )
}

#[tokio::test]
async fn every_page_is_whole_on_a_chain_of_block_0_alone() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let genesis = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
    let coinbase = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
    for path in [
        "/",
        "/blocks",
        "/block/0",
        &format!("/block/{genesis}"),
        &format!("/tx/{coinbase}"),
        "/mempool",
        "/reorgs",
        "/address/bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    ] {
        let (status, html) = page(&explorer, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(html.ends_with("</html>") && !html.contains("NaN"), "{path}");
        assert_eq!(html.matches("<h1").count(), 1, "{path}");
        assert!(
            !html.contains(" style="),
            "the policy forbids inline styles: {path}"
        );
    }
    let (_, home) = page(&explorer, "/").await;
    assert!(home.contains("This chain has block 0 alone"));
    let (_, tx) = page(&explorer, &format!("/tx/{coinbase}")).await;
    assert!(tx.contains("Chancellor on brink of second bailout"));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn text_of_strangers_is_never_markup() {
    let mut chain = Chain::genesis();
    chain.mine_many(2, &p2wpkh(1));
    let mut script = vec![0x6a, u8::try_from(EVIL.len()).expect("short")];
    script.extend_from_slice(EVIL);
    let payment = pay(
        &[chain.coin(1)],
        &[(Script::new(script), 0), (p2wpkh(2), 1)],
    );
    chain.mine_with(p2wpkh(1), vec![payment.clone()], EVIL);
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let coinbase = chain.coinbase(3).txid();
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    let numeric = "&#60;script&#62;alert(1)&#60;/script&#62;";
    for path in [
        format!("/tx/{}", payment.txid()),
        "/block/3".to_owned(),
        format!("/tx/{coinbase}"),
    ] {
        let (status, html) = page(&explorer, &path).await;
        assert_eq!(status, 200);
        assert!(!html.contains("<script>alert"), "{path}");
        assert!(html.contains(escaped) || html.contains(numeric), "{path}");
    }
    for path in [
        "/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/tx/%3Cscript%3Ealert(1)",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/address/%3Cscript%3Ealert(1)",
    ] {
        let (status, html) = page(&explorer, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(!html.contains("<script>alert"), "{path}");
    }
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_search_with_one_answer_leads_there() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let node = FakeNode::serve(chain.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let (hash, txid) = (
        chain.hash(2).to_string(),
        chain.coinbase(2).txid().to_string(),
    );
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    for (question, place) in [
        ("2".to_owned(), "/block/2".to_owned()),
        (hash.clone(), format!("/block/{hash}")),
        (txid.clone(), format!("/tx/{txid}")),
        (format!("{txid}:0"), format!("/tx/{txid}#output-0")),
        (address.to_owned(), format!("/address/{address}")),
        (address.to_uppercase(), format!("/address/{address}")),
        (
            format!("bitcoin:{address}?amount=1"),
            format!("/address/{address}"),
        ),
    ] {
        let response = explorer
            .client
            .get(format!(
                "{}/search?q={}",
                explorer.url,
                question.replace('?', "%3F")
            ))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 303, "{question}");
        assert_eq!(response.headers()["location"], place.as_str());
    }
    let (status, html) = page(
        &explorer,
        "/search?q=bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    )
    .await;
    assert!(status == 404 && html.contains("another network"));
    let (status, html) = page(&explorer, "/search?q=99").await;
    assert!(status == 404 && html.contains("above the last block"));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn pages_speak_the_readers_language_and_remember_a_choice() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let request = explorer
        .client
        .get(&explorer.url)
        .header("accept-language", "zh-CN,zh;q=0.9");
    let html = request
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("html");
    assert!(html.contains("lang=\"zh-Hans\"") && html.contains("内存池"));
    let (_, html) = page(&explorer, "/?lang=zh").await;
    assert!(html.contains("区块"));
    let chosen = explorer.get("/preferences?theme=dark&back=/mempool").await;
    assert_eq!(chosen.status(), 303);
    assert_eq!(chosen.headers()["location"], "/mempool");
    assert!(
        chosen.headers()["set-cookie"]
            .to_str()
            .expect("text")
            .starts_with("theme=dark;")
    );
    let outside = explorer
        .get("/preferences?lang=zh&back=//evil.example")
        .await;
    assert_eq!(outside.headers()["location"], "/");
    let request = explorer
        .client
        .get(&explorer.url)
        .header("cookie", "theme=dark");
    let html = request
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("html");
    assert!(html.contains("data-theme=\"dark\""));
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_stale_block_says_what_replaced_it_and_a_lost_payment_what_spent_its_coins() {
    let mut base = Chain::genesis();
    base.mine_many(4, &p2wpkh(1));
    let mut old = base.clone();
    let lost = pay(&[base.coin(1)], &[(p2wpkh(2), 7)]);
    old.mine(p2wpkh(3), vec![lost.clone()]);
    let node = FakeNode::serve(old.clone()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let mut new = base.clone();
    let double = pay(&[base.coin(1)], &[(p2wpkh(4), 7)]);
    new.mine(p2wpkh(5), vec![double.clone()]);
    new.mine(p2wpkh(5), vec![]);
    node.set_chain(new.clone());
    explorer.wait_tip(&new.tip().hash().to_string()).await;
    let (status, html) = page(&explorer, &format!("/block/{}", old.hash(5))).await;
    assert_eq!(status, 200);
    assert!(html.contains("Stale") && html.contains(&new.hash(5).to_string()));
    let (_, html) = page(&explorer, "/block/5").await;
    assert!(
        html.contains(&old.hash(5).to_string()),
        "the height's page lists the stale block"
    );
    let (status, html) = page(&explorer, &format!("/tx/{}", lost.txid())).await;
    assert_eq!(status, 404);
    assert!(html.contains(&old.hash(5).to_string()) && html.contains(&double.txid().to_string()));
    let (_, html) = page(&explorer, "/reorgs").await;
    assert!(html.contains(&double.txid().to_string()) && html.contains("spends its inputs"));
    explorer.stop().await.expect("a clean stop");
}

/// The address that the last block pays.
async fn chain_address(explorer: &Running) -> String {
    let tip = explorer.text("/api/blocks/tip/hash").await;
    let txs = explorer.json(&format!("/api/block/{tip}/txs")).await;
    txs[0]["vout"][0]["scriptpubkey_address"]
        .as_str()
        .expect("an address")
        .to_owned()
}

#[tokio::test]
async fn an_address_with_much_history_is_paged_by_cursor() {
    let mut chain = Chain::genesis();
    chain.mine_many(60, &p2wpkh(9));
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let address = chain_address(&explorer).await;
    let (_, first) = page(&explorer, &format!("/address/{address}")).await;
    let place = first
        .split("?before=")
        .nth(1)
        .and_then(|it| it.split('"').next());
    assert_eq!(place, Some("36.0"), "after blocks 60 to 36");
    let (_, second) = page(&explorer, &format!("/address/{address}?before=36.0")).await;
    let second = second.split("id=\"unspent\"").next().expect("the history");
    assert!(second.contains("href=\"/block/35\"") && !second.contains("href=\"/block/36\""));
    let (_, third) = page(&explorer, &format!("/address/{address}?before=11.0")).await;
    assert!(third.contains("href=\"/block/1\"") && !third.contains("?before="));
    explorer.stop().await.expect("a clean stop");
}

/// A faucet that pays by putting a transaction into the node's mempool.
#[derive(Debug)]
struct TestFaucet(
    std::sync::Mutex<Option<synod_primitives::Transaction>>,
    FakeNodeDebug,
);

struct FakeNodeDebug(FakeNode);

impl std::fmt::Debug for FakeNodeDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeNode")
    }
}

impl Faucet for TestFaucet {
    fn pay<'f>(
        &'f self,
        _: &'f str,
        _: AmountSat,
    ) -> Pin<Box<dyn Future<Output = Result<HashHex, ClientError>> + Send + 'f>> {
        Box::pin(async move {
            let payment = self.0.lock().expect("no panic before").take();
            let Some(payment) = payment else {
                let problem = Problem::new(422, "t", "insufficient-funds", "The faucet is empty.");
                return Err(ClientError::Problem(Box::new(problem)));
            };
            self.1.0.insert(&payment);
            Ok(HashHex::from_internal(payment.txid().to_bytes()))
        })
    }

    fn max_amount(&self) -> AmountSat {
        AmountSat::new(1_000_000).expect("small")
    }
}

#[tokio::test]
async fn the_faucet_pays_and_the_payment_is_shown_at_once() {
    let mut chain = Chain::genesis();
    chain.mine_many(3, &p2wpkh(1));
    let payment = pay(&[chain.coin(1)], &[(p2wpkh(2), 500)]);
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    let mut config = ExplorerConfig::new(node.url(), data.path());
    let faucet = TestFaucet(
        std::sync::Mutex::new(Some(payment.clone())),
        FakeNodeDebug(node.clone()),
    );
    config.faucet = Some(Arc::new(faucet));
    let explorer = start_with(config).await;
    explorer.wait_ready().await;
    let ask = |body: &'static str| {
        explorer
            .client
            .post(format!("{}/faucet", explorer.url))
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let good = r#"{"address":"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080","amount":1000000}"#;
    for (body, status, code) in [
        (
            r#"{"address":"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080","amount":1000001}"#,
            422,
            "bad-amount",
        ),
        (
            r#"{"address":"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080","amount":0}"#,
            422,
            "bad-amount",
        ),
        (
            r#"{"address":"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4","amount":5}"#,
            422,
            "address-other-network",
        ),
        (r#"{"address":"x","amount":5}"#, 422, "bad-address"),
        (r#"{"address":"x"}"#, 422, "bad-body"),
    ] {
        let response = ask(body).await.expect("an answer");
        let found = response.status().as_u16();
        let problem: serde_json::Value = response.json().await.expect("a problem");
        assert!(
            found == status || code == "bad-body" && found == 400,
            "{body}: {found}"
        );
        assert_eq!(problem["code"], code, "{body}");
    }
    let response = ask(good).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let paid: serde_json::Value = response.json().await.expect("json");
    assert_eq!(paid["txid"], payment.txid().to_string());
    assert_eq!(explorer.json("/api/mempool").await["count"], 1);
    let (status, html) = page(&explorer, "/faucet").await;
    assert!(status == 200 && html.contains("action=\"/faucet/send\""));
    let (status, text) = explorer
        .post(
            "/faucet/send",
            "address=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080&amount=0.001",
        )
        .await;
    assert!(
        status == 422 && text.contains("The faucet is empty."),
        "{status}"
    );
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn without_a_faucet_there_is_a_404_problem() {
    let node = FakeNode::serve(Chain::genesis()).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let sent = explorer
        .client
        .post(format!("{}/faucet", explorer.url))
        .header("content-type", "application/json")
        .body(r#"{"address":"x","amount":5}"#)
        .send();
    let response = sent.await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(page(&explorer, "/faucet").await.0, 404);
    explorer.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn pages_hear_of_a_new_block_by_events() {
    let mut chain = Chain::genesis();
    chain.mine_many(2, &p2wpkh(1));
    let node = FakeNode::serve(chain).await;
    let data = tempfile::tempdir().expect("a folder");
    let explorer = start(&node, data.path()).await;
    let mut stream = explorer.get("/v1/events").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    node.extend(|chain| {
        chain.mine(p2wpkh(1), vec![]);
    });
    let mut heard = String::new();
    while !heard.contains("\"height\":3") {
        let chunk = stream.chunk().await.expect("a chunk").expect("more");
        heard.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(heard.contains("event: tip"), "{heard}");
    explorer.stop().await.expect("a clean stop");
}
