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
        Self::start_at(program, data, address, more)
    }

    /// Starts a node at an address, with more arguments.
    pub(crate) fn start_at(
        program: &Path,
        data: &Path,
        address: SocketAddr,
        more: &[&str],
    ) -> Result<Self> {
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
        self.memory("VmRSS:")
    }

    /// The most memory that the process ever occupied, in MB.
    pub(crate) fn peak_memory_mb(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &'static str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|it| it.starts_with(name));
        let kb = line.and_then(|it| it.split_whitespace().nth(1));
        Ok(kb.context(name)?.parse::<f64>()? * 1024.0 / 1e6)
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

/// What an import says that it took, until all blocks were on the disk.
pub(crate) struct Imported {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

/// Lets a node take in a file of blocks.
pub(crate) fn import(program: &Path, data: &Path, file: &Path) -> Result<Imported> {
    let output = Command::new(program)
        .args(["--log", "info", "--log-format", "json"])
        .args(["import", "--network", "regtest", "--json"])
        .arg("--data")
        .arg(data)
        .arg(file)
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the import ended with {}: {log}",
        output.status
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let records = log.lines().map(serde_json::from_str::<serde_json::Value>);
    let cpu_seconds = records
        .flatten()
        .find_map(|record| record["cpu_seconds"].as_f64());
    Ok(Imported {
        seconds: report["seconds"].as_f64().context("its seconds")?,
        cpu_seconds: cpu_seconds.context("its CPU time")?,
    })
}
