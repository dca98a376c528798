//! A node in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;
use synod_api::{HashHex, NodeClient};
use tempfile::TempDir;

/// An address that anybody can pay to: P2WSH of `OP_1`-like scripts needs no key here.
pub(crate) const PAYOUT: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
/// Where a second node's blocks pay to: on the same parent in the same second, blocks that pay
/// the same are the same block.
pub(crate) const OTHER_PAYOUT: &str =
    "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";

/// Starts `synod-node` with arguments.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod-node"));
    command.args(["--log", "info", "--log-format", "json"]);
    command.args(arguments);
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// Returns what a process said on standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A data directory, with what `run` needs for it.
pub(crate) struct Data(TempDir);

impl Data {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The arguments of a command on a data directory.
pub(crate) fn on(data: &Path, command: &[&str]) -> Vec<String> {
    let data = data.to_str().expect("UTF-8");
    let mut arguments: Vec<String> = command.iter().map(|it| (*it).to_owned()).collect();
    for argument in ["--data", data, "--network", "regtest", "--threads", "1"] {
        arguments.push(argument.to_owned());
    }
    arguments
}

/// Runs a command on a data directory to its end.
pub(crate) fn tool(data: &Path, command: &[&str]) -> Output {
    let arguments = on(data, command);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A running node.
pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) url: String,
    pub(crate) client: NodeClient,
    pub(crate) http: reqwest::Client,
}

impl Drop for Process {
    /// A test that fails leaves no node behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a node with `--dev` on a port of its own.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[], |_| ())
    }

    /// Starts a node with more arguments, and lets the caller change the command.
    pub(crate) fn start_with(
        data: &Path,
        more: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = vec!["run", "--listen", "127.0.0.1:0", "--dev"];
        command.extend(more);
        let arguments = on(data, &command);
        let mut command = program(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        change(&mut command);
        Self::spawn(command).unwrap_or_else(|log| panic!("the node does not serve: {log:#?}"))
    }

    /// Waits until the node serves; returns its log when it ends instead.
    pub(crate) fn spawn(mut command: Command) -> Result<Self, Vec<String>> {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                let _ = child.wait();
                return Err(log.lock().expect("no panic").clone());
            };
            log.lock().expect("no panic").push(line.clone());
            let body: Value = serde_json::from_str(&line).unwrap_or_default();
            if body["message"] == "the node serves" {
                break body["listen"].as_str().expect("an address").to_owned();
            }
        };
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written.lock().expect("no panic").push(line);
            }
        });
        let url = format!("http://{address}");
        Ok(Self {
            child,
            log,
            client: NodeClient::new(&url).expect("a client"),
            http: reqwest::Client::new(),
            url,
        })
    }

    /// Returns what the node said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").join("\n")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says whether the process has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("it ended");
    }

    /// Stops the node as an operator does.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("a signal").success());
        let status = self.child.wait().expect("it ended");
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Waits for the node to end by itself; returns how, and all that it said.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ended");
        // The log's thread ends with the pipe.
        for _ in 0..200 {
            if Arc::strong_count(&self.log) == 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        (status, self.log())
    }

    pub(crate) async fn mine(&self, blocks: u32) -> Vec<HashHex> {
        let mined = self.client.dev_mine(blocks, PAYOUT).await;
        mined.expect("mined").blocks
    }

    pub(crate) async fn height(&self) -> u32 {
        self.client.chain().await.expect("the chain").height
    }

    pub(crate) async fn raw(&self, hash: HashHex) -> Bytes {
        self.client.block_raw(hash).await.expect("the block")
    }

    pub(crate) async fn post(&self, path: &str, raw: Bytes) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.header(CONTENT_TYPE, "application/octet-stream");
        Answer::of(request.body(raw).send().await.expect("an answer")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url));
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Waits until the node is ready, or is not.
    pub(crate) async fn until_ready(&self, is_ready: bool) -> Answer {
        loop {
            let answer = self.get("/health/ready").await;
            if (answer.status == StatusCode::OK) == is_ready {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the chain has a height.
    pub(crate) async fn until_height(&self, height: u32) {
        while self.height().await < height {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An answer of the node.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let retry_after = response.headers().get(RETRY_AFTER);
        Self {
            status: response.status(),
            retry_after: retry_after.map(|it| it.to_str().expect("a number").to_owned()),
            body: response
                .bytes()
                .await
                .map(|it| serde_json::from_slice(&it).unwrap_or_default())
                .expect("a body"),
        }
    }
}

/// A block on top of a node's chain, made by another node.
pub(crate) async fn block_on_top_of(node: &Process) -> (HashHex, Bytes) {
    let data = Data::new();
    let other = Process::start(&data.path());
    let height = node.height().await;
    for height in 1..=height {
        let hash = node
            .client
            .block_at(height)
            .await
            .expect("a block")
            .header
            .hash;
        let answer = other.post("/v1/blocks", node.raw(hash).await).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let hash = other.mine(1).await[0];
    let raw = other.raw(hash).await;
    other.stop();
    (hash, raw)
}
