//! A running `synod-node`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use synod_api::{NodeClient, Problem};
use synod_primitives::Block;

/// Where a block stands, or why it was refused.
pub(crate) type Verdict = Result<&'static str, Box<Problem>>;

/// A process that is killed when it goes out of scope.
pub(crate) struct NodeProcess {
    child: Child,
    /// What it logs from the moment it serves.
    log: Option<JoinHandle<String>>,
    pub(crate) client: NodeClient,
    pub(crate) url: String,
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl NodeProcess {
    /// Starts a node on regtest and waits until it serves.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Self {
        let started = Self::try_start(command(data, arguments));
        started.unwrap_or_else(|seen| panic!("the node ended before it served: {seen}"))
    }

    /// Starts a node and waits until it serves; gives its log when it ends before.
    pub(crate) fn try_start(mut command: Command) -> Result<Self, String> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let address = match address_in(&mut log) {
            Ok(address) => address,
            Err(seen) => {
                let _ = child.wait();
                return Err(seen);
            }
        };
        // What else it logs is read at once, so that it never waits for a reader.
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("the log is text");
            text
        });
        let url = format!("http://{address}");
        let client = NodeClient::new(&url).expect("a client");
        Ok(Self {
            child,
            log: Some(log),
            client,
            url,
        })
    }

    /// Ends the process at once, as a loss of power would.
    pub(crate) fn kill(&mut self) {
        // Both fail only when the process has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the process and gives what it had logged.
    pub(crate) fn end_and_read_log(&mut self) -> String {
        self.kill();
        let log = self.log.take().expect("the log is read once");
        log.join().expect("no panic")
    }

    /// Posts a block.
    pub(crate) async fn post(&self, block: &Block) -> Verdict {
        use synod_api::ClientError;
        use synod_api::node::SubmitStatus;
        match self.client.submit_block(block.raw().clone()).await {
            Ok(answer) => {
                assert_eq!(answer.hash.to_internal(), block.hash().to_bytes());
                Ok(match answer.status {
                    SubmitStatus::Active => "active",
                    SubmitStatus::Side => "side",
                    SubmitStatus::Duplicate => "duplicate",
                    SubmitStatus::Orphan => "orphan",
                })
            }
            Err(ClientError::Problem(problem)) => Err(problem),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Posts a block that breaks a rule; gives the status, the code and whether it was known.
    pub(crate) async fn refused(&self, block: &Block) -> (u16, String, bool) {
        let problem = self.post(block).await.expect_err("the block is refused");
        (problem.status, problem.code, problem.known == Some(true))
    }

    /// Posts blocks that join the chain.
    pub(crate) async fn post_all(&self, blocks: &[Block]) {
        for block in blocks {
            assert_eq!(self.post(block).await, Ok("active"));
        }
    }
}

/// The program with what every test wants; its output is piped nowhere yet.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod-node"));
    command
        .args(["--log-format", "json", "run", "--network", "regtest"])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--dev",
            "--threads",
            "2",
            "--data",
        ])
        .arg(data)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Reads the log until the node says where it listens; gives the log when it ends before.
fn address_in(log: &mut impl BufRead) -> Result<String, String> {
    let mut seen = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        let length = log.read_line(&mut line).expect("the log is text");
        if length == 0 {
            return Err(seen);
        }
        seen.push_str(&line);
        let record: Value = serde_json::from_str(&line).unwrap_or_default();
        if record["message"] == "the node serves" {
            return Ok(record["listen"].as_str().expect("an address").to_owned());
        }
    }
}
