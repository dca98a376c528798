//! One line in the terminal that shows what the validator does.

use std::io::Write as _;
use std::time::Duration;

use synod_api::validator::{ValidatorPhase, ValidatorStatus};
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
    // A terminal that is gone is no reason to stop sealing.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn line(status: &ValidatorStatus) -> String {
    let doing = match status.phase {
        ValidatorPhase::WaitingForNode => "waiting for a node".to_owned(),
        ValidatorPhase::Watching => {
            format!(
                "watching for doppelgangers, {} slots",
                status.watch_slots_left
            )
        }
        ValidatorPhase::Active => "signing".to_owned(),
        ValidatorPhase::Paused => "paused".to_owned(),
        ValidatorPhase::ClockRefused => "refusing: the clock is off".to_owned(),
    };
    let healthy = status.nodes.iter().filter(|it| it.healthy).count();
    let last = status
        .last_seal
        .map_or_else(|| "-".to_owned(), |it| it.height.to_string());
    format!(
        "{doing} · {} keys · nodes {healthy}/{} · sealed {} · voted {} · refused {} · missed {} · last block {last}",
        status.keys.len(),
        status.nodes.len(),
        status.sealed,
        status.voted,
        status.refused,
        status.missed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_the_validator_does() {
        let state = State::new([1; 32], "local".to_owned(), Vec::new());
        assert!(line(&state.status()).starts_with("waiting for a node · 0 keys · nodes 0/0"));
        state.progress().phase = ValidatorPhase::Watching;
        state.progress().watch_slots_left = 7;
        assert!(line(&state.status()).starts_with("watching for doppelgangers, 7 slots"));
        state.is_running.send_replace(false);
        assert!(line(&state.status()).starts_with("paused"));
    }
}
