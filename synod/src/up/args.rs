//! Arguments of `synod up`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Where a network's files lie unless something else is said.
pub const DEFAULT_DATA: &str = ".synod";
/// The most nodes in one process.
const MAX_NODES: i64 = 32;

/// The most validators in one process.
const MAX_VALIDATORS: i64 = 32;
/// The most slots of an epoch, as chain specs have it.
const MAX_EPOCH_SLOTS: i64 = 65_536;

/// Which rules the network has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Preset {
    /// Real proof of work, a block every five seconds.
    Devnet,
    /// Exactly Bitcoin Core's regtest.
    Regtest,
    /// Regtest's rules under another engine, whose blocks validators seal.
    Sealed,
}

impl Preset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Devnet => "devnet",
            Self::Regtest => "regtest",
            Self::Sealed => "sealed",
        }
    }
}

/// Who adds the next block, and when it is final.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Engine {
    /// Proof of work: miners; confirmations.
    Pow,
    /// Proof of stake: one bonded validator a slot; final by votes on checkpoints.
    Pos,
    /// Delegated proof of stake: elected delegates in turn; final once two thirds built on it.
    Dpos,
}

impl Engine {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pow => "pow",
            Self::Pos => "pos",
            Self::Dpos => "dpos",
        }
    }
}

/// How ports are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Ports {
    /// The ports of the documentation, from 9330 on.
    Default,
    /// Free ones, as the system gives them.
    Auto,
}

/// Arguments of `synod up`.
#[derive(Args, Debug)]
pub struct UpArgs {
    /// The data directory; made when it is missing, gone on from when it is not.
    #[arg(long, default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// How many nodes [default: 3, or as many as there were].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MAX_NODES))]
    pub nodes: Option<u16>,
    /// The network's rules [default: devnet, with pos and dpos sealed, or what they were].
    #[arg(long)]
    pub preset: Option<Preset>,
    /// Who adds blocks [default: pow, or what it was].
    #[arg(long)]
    pub engine: Option<Engine>,
    /// How many validators seal blocks, each with a bond from the start [default: 4].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=MAX_VALIDATORS))]
    pub validators: Option<u16>,
    /// The time of a slot under pos and dpos, in whole seconds such as 1s [default: 2s].
    #[arg(long, value_parser = parse_duration)]
    pub slot_time: Option<Duration>,
    /// The slots of an epoch under pos; a block is final after two epochs at best [default: 8].
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=MAX_EPOCH_SLOTS))]
    pub epoch_slots: Option<u32>,
    /// The time between two blocks where the miner waits, such as 5s or 500ms.
    #[arg(long, value_parser = parse_duration)]
    pub block_time: Option<Duration>,
    /// Fixes the keys of a new network, and under pow its first blocks.
    #[arg(long)]
    pub seed: Option<String>,
    /// How ports are chosen.
    #[arg(long, default_value = "default")]
    pub ports: Ports,
    /// Threads that mine.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// No decoration; the ready line is endpoints.json on one line of standard output.
    #[arg(long)]
    pub ci: bool,
    /// Write endpoints.json here as well.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// How much to log: error, warn, info, debug, trace, or a filter by module.
    #[arg(long, env = "SYNOD_LOG", default_value = "error")]
    pub log: String,
}

/// The longest block time.
const MAX_BLOCK_TIME: Duration = Duration::from_secs(24 * 3600);

/// Reads a number of seconds or milliseconds with its unit.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || "a time is written 5s or 500ms, at most a day".to_owned();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or(text), 1000),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    let time = Duration::from_millis(number.checked_mul(unit).ok_or_else(bad)?);
    if time.is_zero() || time > MAX_BLOCK_TIME {
        Err(bad())
    } else {
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_limits() {
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("86400s"), Ok(MAX_BLOCK_TIME));
        for bad in ["", "0", "86401s", "5m", "-1s", "18446744073709551615s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
