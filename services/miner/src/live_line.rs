//! One line in the terminal that shows what the miner does.

use std::io::Write;
use std::time::Duration;

use synod_api::miner::MinerStatus;
use synod_service::Shutdown;

use crate::state::State;

/// How often the line is written anew.
const INTERVAL: Duration = Duration::from_millis(500);
/// Returns to the first column and clears the line.
const CLEAR: &str = "\r\x1b[2K";

/// Shows the line until a stop is asked for.
pub(crate) async fn show(state: State, shutdown: Shutdown) {
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.stopping() => break,
            _ = tick.tick() => write(&format!("{CLEAR}{}", line(&state.status()))),
        }
    }
    write(&format!("{CLEAR}{}\n", line(&state.status())));
}

fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    // A terminal that is gone is no reason to stop mining.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn line(status: &MinerStatus) -> String {
    let doing = match (status.running, status.node_reachable, status.searching) {
        (false, ..) => "stopped".to_owned(),
        (_, false, _) => "waiting for the node".to_owned(),
        (_, _, false) => "waiting".to_owned(),
        _ => "searching".to_owned(),
    };
    let height = status
        .height
        .map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!(
        "{doing} · height {height} · {} · {} threads · found {} · stale {}",
        rate(status.hash_rate),
        status.threads,
        status.blocks_found,
        status.blocks_stale,
    )
}

/// Writes hashes a second with a unit.
fn rate(rate: f64) -> String {
    let units = ["H/s", "kH/s", "MH/s", "GH/s"];
    let mut value = rate;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.2} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shown_with_their_unit() {
        assert_eq!(rate(0.0), "0.00 H/s");
        assert_eq!(rate(999.0), "999.00 H/s");
        assert_eq!(rate(1000.0), "1.00 kH/s");
        assert_eq!(rate(12_345_678.0), "12.35 MH/s");
        assert_eq!(rate(5e12), "5000.00 GH/s");
    }
}
