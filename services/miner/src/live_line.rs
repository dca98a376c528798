//! One line in the terminal that shows what the miner does.

use synod_api::miner::MinerStatus;
use synod_service::{Shutdown, show_live_line};

use crate::state::State;

/// Shows the line until a stop is asked for.
pub(crate) async fn show(state: State, shutdown: Shutdown) {
    show_live_line(|| line(&state.status()), shutdown).await;
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
