//! An explorer in front of a node that is a double: a real regtest chain behind the node's REST.
#![allow(dead_code, unused_imports, reason = "each test file uses another part")]

mod chain;
mod fake_node;

pub(crate) use chain::{Chain, p2wpkh, pay};
pub(crate) use fake_node::{FakeNode, FakeStake};

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use synod_explorer::{ExplorerConfig, ExplorerError, Listeners, run};
use synod_service::Shutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long anything in these tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running explorer.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) root_url: String,
    pub(crate) client: Client,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ExplorerError>>,
}

/// Runs an explorer in a directory, and waits until its index is at the node's tip.
pub(crate) async fn start(node: &FakeNode, data: &Path) -> Running {
    let running = start_with(ExplorerConfig::new(node.url(), data)).await;
    running.wait_ready().await;
    running
}

/// Runs an explorer without waiting.
pub(crate) async fn start_with(config: ExplorerConfig) -> Running {
    let bind = || async { TcpListener::bind("127.0.0.1:0").await.expect("a port") };
    let (main, root) = (bind().await, bind().await);
    let url = format!("http://{}", main.local_addr().expect("an address"));
    let root_url = format!("http://{}", root.local_addr().expect("an address"));
    let shutdown = Shutdown::new();
    let listeners = Listeners {
        main,
        esplora_root: Some(root),
    };
    let task = tokio::spawn(run(config, listeners, shutdown.clone()));
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    Running {
        url,
        root_url,
        client,
        shutdown,
        task,
    }
}

impl Running {
    pub(crate) async fn wait_ready(&self) {
        self.wait_until("the explorer is ready", |running| async move {
            let sent = running
                .client
                .get(format!("{}/health/ready", running.url))
                .send()
                .await;
            sent.is_ok_and(|response| response.status() == 200)
        })
        .await;
    }

    /// Asks again and again until a fact holds.
    pub(crate) async fn wait_until<'r, F, T>(&'r self, what: &str, fact: F)
    where
        F: Fn(&'r Self) -> T,
        T: Future<Output = bool>,
    {
        let wait = async {
            while !fact(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("waiting: {what}"));
    }

    /// Waits until the last block is `hash`.
    pub(crate) async fn wait_tip(&self, hash: &str) {
        self.wait_until("the tip", |running| async move {
            running.text("/api/blocks/tip/hash").await == hash
        })
        .await;
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.expect("text")
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{path}"
        );
        response.json().await.expect("json")
    }

    /// Status and text.
    pub(crate) async fn refusal(&self, path: &str) -> (u16, String) {
        let response = self.get(path).await;
        (
            response.status().as_u16(),
            response.text().await.expect("text"),
        )
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let sent = self
            .client
            .post(format!("{}{path}", self.url))
            .body(body)
            .send()
            .await;
        let response = sent.expect("an answer");
        (
            response.status().as_u16(),
            response.text().await.expect("text"),
        )
    }

    pub(crate) async fn stop(self) -> Result<(), ExplorerError> {
        self.shutdown.begin();
        self.ended().await
    }

    /// Waits for the service to end by itself.
    pub(crate) async fn ended(self) -> Result<(), ExplorerError> {
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("in time")
            .expect("no panic")
    }
}
