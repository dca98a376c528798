//! The wallet service over HTTP, in process, against a double of an explorer.

mod double;

use std::{sync::Arc, time::Duration};

use double::Double;
use synod_api::{
    AmountSat, ClientError, WalletClient,
    wallet::{CreatePayment, CreatePsbt, CreateWallet, Recipient},
};
use synod_service::{Shutdown, bind};
use synod_wallet::service::{Config, TOKEN_FILE, Wallets, open_wallets, run};
use synod_wallet_core::{
    bitcoin::{Address, address::NetworkUnchecked},
    keys::{AccountKeys, ScriptKind},
    psbt,
};

const ELSEWHERE: &str = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";

/// A running service with its explorer.
struct Running {
    directory: tempfile::TempDir,
    double: Double,
    wallets: Arc<Wallets>,
    url: String,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let double = Double::start();
        let mut config = Config::new(
            directory.path().join("wallets"),
            directory.path().join("data"),
        );
        config.explorer = double.url().to_owned();
        config.explorer_timeout = Duration::from_secs(5);
        let wallets = open_wallets(&config).await.expect("opened");
        let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let shutdown = Shutdown::new();
        let (served, stop) = (Arc::clone(&wallets), shutdown.clone());
        let task =
            tokio::spawn(async move { run(&config, served, listener, stop).await.expect("ran") });
        let running = Self {
            directory,
            double,
            wallets,
            url,
            shutdown,
            task,
        };
        while running.token().is_empty() || running.client().ready().await.is_err() {
            tokio::task::yield_now().await;
        }
        running
    }

    fn token(&self) -> String {
        let file = self.directory.path().join("data").join(TOKEN_FILE);
        std::fs::read_to_string(file)
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    fn client(&self) -> WalletClient {
        WalletClient::new(&self.url)
            .expect("an address")
            .with_token(&self.token())
            .expect("a token")
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.task.await.expect("no panic");
    }

    /// The faucet's way: a wallet of a seed, without a password, with coins.
    async fn faucet(&self, amounts: &[u64]) {
        self.wallets
            .open_from_seed("faucet", &[5; 32], ScriptKind::Wpkh)
            .await
            .expect("opened");
        let address = self
            .client()
            .new_address("faucet", None)
            .await
            .expect("address")
            .address;
        self.double.fund(
            &address
                .parse::<Address<NetworkUnchecked>>()
                .expect("address")
                .assume_checked(),
            amounts,
        );
        let faucet = self.wallets.find("faucet").await.expect("open");
        faucet
            .hot()
            .refresh(self.wallets.explorer())
            .await
            .expect("synced");
    }
}

fn payment(sat: u64) -> CreatePayment {
    let amount_sat = AmountSat::new(sat).expect("amount");
    let recipients = vec![Recipient {
        address: ELSEWHERE.to_owned(),
        amount_sat,
    }];
    CreatePayment {
        recipients,
        fee_rate_sat_vb: Some(2.0),
        label: Some("rent".to_owned()),
    }
}

fn code<T>(outcome: Result<T, ClientError>) -> (u16, String) {
    match outcome {
        Err(ClientError::Problem(problem)) => (problem.status, problem.code),
        Err(other) => panic!("no problem document: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_of_a_seed_pays_once_per_key() {
    let running = Running::start().await;
    running.faucet(&[1_000_000, 1_000_000]).await;
    let client = running.client();
    assert_eq!(
        client
            .balance("faucet")
            .await
            .expect("balance")
            .confirmed_sat
            .to_sat(),
        2_000_000
    );
    let first = client
        .pay("faucet", &payment(300_000), Some("k-1"))
        .await
        .expect("paid");
    let again = client
        .pay("faucet", &payment(300_000), Some("k-1"))
        .await
        .expect("repeated");
    assert_eq!(first, again);
    assert_eq!(running.double.chain().posted.len(), 1);
    let other = client.pay("faucet", &payment(300_001), Some("k-1")).await;
    assert_eq!(code(other), (409, "request-id-taken".to_owned()));
    let history = client.history("faucet", None).await.expect("history").items;
    let entry = history
        .iter()
        .find(|entry| entry.txid == first.txid)
        .expect("listed");
    assert_eq!(
        (entry.label.as_deref(), entry.fee_sat),
        (Some("rent"), Some(first.fee_sat))
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_wallets_are_made_with_a_passphrase_and_stay_sealed() {
    let running = Running::start().await;
    let client = running.client();
    let wanted = CreateWallet {
        name: "shop".to_owned(),
        passphrase: Some("correct horse".to_owned()),
        external_descriptor: None,
        internal_descriptor: None,
        birthday: None,
    };
    let made = client.create(&wanted).await.expect("made");
    assert!(!made.watch_only && made.external_descriptor.starts_with("wpkh("));
    assert_eq!(
        code(client.create(&wanted).await),
        (409, "wallet-exists".to_owned())
    );
    let address = client
        .new_address("shop", Some("till"))
        .await
        .expect("address");
    assert_eq!(
        client.addresses("shop", None).await.expect("list").items,
        std::slice::from_ref(&address)
    );
    assert_eq!(address.label.as_deref(), Some("till"));
    assert_eq!(client.wallets().await.expect("list").wallets.len(), 1);
    let file = std::fs::read(running.directory.path().join("wallets").join("shop.wallet"))
        .expect("keystore");
    assert!(file.starts_with(b"SYNDWLT"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_only_wallet_makes_psbts_and_does_not_pay() {
    let running = Running::start().await;
    let (client, keys) = (
        running.client(),
        AccountKeys::from_seed(&[8; 32], ScriptKind::Tr, 0).expect("keys"),
    );
    let mut wanted = CreateWallet {
        name: "watch".to_owned(),
        passphrase: None,
        external_descriptor: Some(keys.descriptors().external()),
        internal_descriptor: Some(keys.descriptors().internal()),
        birthday: Some(0),
    };
    assert!(client.create(&wanted).await.expect("made").watch_only);
    let address = client
        .new_address("watch", None)
        .await
        .expect("address")
        .address;
    let address = address
        .parse::<Address<NetworkUnchecked>>()
        .expect("address")
        .assume_checked();
    running.double.fund(&address, &[500_000]);
    let watch = running.wallets.find("watch").await.expect("open");
    watch
        .hot()
        .refresh(running.wallets.explorer())
        .await
        .expect("synced");
    let CreatePayment {
        recipients,
        fee_rate_sat_vb,
        ..
    } = payment(100_000);
    let made = client
        .create_psbt(
            "watch",
            &CreatePsbt {
                recipients,
                fee_rate_sat_vb,
            },
        )
        .await
        .expect("made");
    assert!(psbt::decode(made.psbt.as_bytes()).is_ok());
    let refused = client.pay("watch", &payment(1000), None).await;
    assert!(matches!(code(refused).0, 409 | 422));
    wanted.name = "both".to_owned();
    wanted.passphrase = Some("x".to_owned());
    assert_eq!(
        code(client.create(&wanted).await),
        (422, "wallet-kind".to_owned())
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_problem_documents() {
    let running = Running::start().await;
    running.faucet(&[100_000]).await;
    let client = running.client();
    assert_eq!(
        code(client.balance("none").await),
        (404, "wallet-not-found".to_owned())
    );
    assert_eq!(
        code(client.pay("faucet", &payment(200_000), None).await),
        (422, "insufficient-funds".to_owned())
    );
    assert_eq!(
        code(client.pay("faucet", &payment(100), None).await),
        (422, "dust".to_owned())
    );
    let mut foreign = payment(5000);
    foreign.recipients[0].address = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq".to_owned();
    assert_eq!(
        code(client.pay("faucet", &foreign, None).await),
        (422, "wrong-network".to_owned())
    );
    foreign.recipients.clear();
    assert_eq!(
        code(client.pay("faucet", &foreign, None).await),
        (422, "recipients".to_owned())
    );
    assert_eq!(
        code(client.addresses("faucet", Some("x")).await),
        (400, "bad-request".to_owned())
    );
    let stranger = WalletClient::new(&running.url).expect("an address");
    assert_eq!(
        code(stranger.wallets().await),
        (401, "unauthorized".to_owned())
    );
    running.stop().await;
}

/// The committed document is the one that the routes make; `SYNOD_UPDATE_OPENAPI=1` writes it.
#[test]
fn the_committed_openapi_document_is_current() {
    let made = synod_service::docs::to_json(&synod_wallet::service::openapi()).expect("JSON");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/wallet.json");
    if std::env::var_os("SYNOD_UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "openapi/wallet.json is old: run this test with SYNOD_UPDATE_OPENAPI=1"
    );
}
