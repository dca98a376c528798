//! The measured node as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::Connection;

/// What Linux counts CPU time in.
const TICKS_PER_SECOND: f64 = 100.0;
/// Where the measured node listens.
pub(crate) const PORT: u16 = 19_330;

/// A running node; it ends with this value.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first 200 of `/health/ready`.
    pub(crate) ready: Duration,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors say that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    pub(crate) fn start(program: &Path, data: &Path) -> Result<Self> {
        Self::start_with(program, data, PORT, &[])
    }

    /// Starts a node on a port of loopback, with more arguments.
    pub(crate) fn start_with(
        program: &Path,
        data: &Path,
        port: u16,
        more: &[&str],
    ) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let start = Instant::now();
        let child = Command::new(program)
            .args(["--log", "warn", "run", "--network", "regtest", "--dev"])
            .args(["--listen", &address.to_string()])
            .arg("--data")
            .arg(data)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let mut node = Self {
            child,
            address,
            ready: Duration::ZERO,
        };
        let is_ready = || {
            let answer = Connection::open(address).and_then(|mut it| it.get("/health/ready"));
            answer.is_ok_and(|(status, _)| status == 200)
        };
        while !is_ready() {
            ensure!(start.elapsed() < Duration::from_secs(60), "never ready");
            ensure!(node.child.try_wait()?.is_none(), "the node ended");
            std::thread::sleep(Duration::from_millis(2));
        }
        node.ready = start.elapsed();
        Ok(node)
    }

    /// Memory that the process occupies, in MB.
    pub(crate) fn memory_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|it| it.starts_with("VmRSS:"));
        let kb = line.and_then(|it| it.split_whitespace().nth(1));
        Ok(kb.context("VmRSS")?.parse::<f64>()? * 1024.0 / 1e6)
    }

    /// CPU time that the process has used, in seconds: what it takes whatever else runs on the
    /// machine.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("a name in brackets")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
        let (user, system) = (ticks(11).context("utime")?, ticks(12).context("stime")?);
        Ok((user + system) / TICKS_PER_SECOND)
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let ended = self.child.wait()?;
        ensure!(ended.success(), "the node ended with {ended}");
        Ok(())
    }
}

/// Lets a node take in a file of blocks; returns the seconds that it says it took.
pub(crate) fn import(program: &Path, data: &Path, file: &Path) -> Result<f64> {
    let output = Command::new(program)
        .args(["--log", "warn", "import", "--network", "regtest", "--json"])
        .arg("--data")
        .arg(data)
        .arg(file)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the import ended with {}",
        output.status
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    report["seconds"].as_f64().context("its seconds")
}
