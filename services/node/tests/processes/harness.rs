//! Starts and ends `synod-node`, and makes transactions that need no keys.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use synod_api::{HashHex, NodeClient};
use synod_primitives::{
    Amount, Block, OutPoint, Script, Transaction, TxIn, TxOut, Witness, sha256,
};
use synod_script::{Address, Network, template};

/// How long a process may take for something on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The subsidy of the first blocks in satoshis.
pub(crate) const SUBSIDY: u64 = 5_000_000_000;

/// A running node.
pub(crate) struct Process {
    child: Running,
    pub(crate) url: String,
    pub(crate) client: NodeClient,
    pub(crate) http: reqwest::Client,
}

/// A process that does not outlive its test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a node on a data directory and waits until it listens.
    pub(crate) fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_synod-node"))
            .args(["--log-format", "json", "run", "--dev"])
            .args(["--network", "regtest", "--listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(data)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, addresses) = std::sync::mpsc::channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for output in outputs {
            let sender = sender.clone();
            // Read to the end, so that the process never waits for its log to be read.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let line: Value = serde_json::from_str(&line).unwrap_or_default();
                    if let Some(listen) = line["listen"].as_str() {
                        // A test that has ended reads no more.
                        let _ = sender.send(listen.to_owned());
                    }
                }
            });
        }
        let listen = addresses
            .recv_timeout(PATIENCE)
            .expect("the node says where it listens");
        let url = format!("http://{listen}");
        Self {
            child: Running(child),
            client: NodeClient::new(&url).expect("a client"),
            http: reqwest::Client::new(),
            url,
        }
    }

    /// Ends it as a service manager does, and waits for its end.
    pub(crate) fn stop(mut self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.0.id().to_string()])
            .status();
        assert!(status.expect("kill runs").success());
        let ended = self.child.0.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().expect("it runs");
        self.child.0.wait().expect("it ends");
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        answer
            .expect("an answer")
            .json()
            .await
            .expect("an answer in JSON")
    }

    /// Posts a transaction; gives the status and the body.
    pub(crate) async fn post(&self, path: &str, transaction: &Transaction) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/octet-stream")
            .body(transaction.raw().clone());
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("an answer in JSON"))
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn wait_for(&self, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get(path).await;
            if is_there(&answer) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "{path} stays {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn mine(&self, blocks: u32) -> Vec<HashHex> {
        let address = Address::from_script(payout().as_bytes()).expect("it has an address");
        let address = address.format(Network::Regtest);
        let mined = self.client.dev_mine(blocks, &address).await;
        mined.expect("mined").blocks
    }

    /// The outputs of the coinbases of the first `count` blocks, which can be spent.
    pub(crate) async fn mature_coins(&self, count: usize) -> Vec<OutPoint> {
        let mined = self.mine(100 + u32::try_from(count).expect("few")).await;
        let mut coins = Vec::new();
        for hash in &mined[..count] {
            let raw = self.client.block_raw(*hash).await.expect("the block");
            let block = Block::decode(&raw).expect("a block");
            coins.push(block.transactions()[0].outpoint(0));
        }
        coins
    }
}

/// Asks the file system until it is as wanted.
pub(crate) async fn wait_until(what: &str, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ANYONE: &[u8] = &[0x51];

/// Pays to a script that anyone satisfies.
pub(crate) fn payout() -> Script {
    template::p2wsh(&sha256(ANYONE))
}

/// Spends outputs that pay to anyone, to outputs of the same kind.
pub(crate) fn spend(outpoints: &[OutPoint], values: &[u64]) -> Transaction {
    let input = |outpoint: &OutPoint| TxIn {
        prevout: *outpoint,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[ANYONE]),
    };
    let output = |sat: &u64| TxOut {
        value: Amount::from_sat(i64::try_from(*sat).expect("an amount")),
        script_pubkey: payout(),
    };
    let (inputs, outputs) = (outpoints.iter().map(input), values.iter().map(output));
    Transaction::new(2, inputs.collect(), outputs.collect(), 0)
}

pub(crate) fn shown(transaction: &Transaction) -> String {
    HashHex::from_internal(transaction.txid().to_bytes()).to_string()
}
