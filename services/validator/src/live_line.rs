//! One line in the terminal that shows what the validator does.

use synod_api::validator::{ValidatorPhase, ValidatorStatus};
use synod_service::{Shutdown, show_live_line};

use crate::state::State;

/// Shows the line until a stop is asked for.
pub(crate) async fn show(state: State, shutdown: Shutdown) {
    show_live_line(|| line(&state.status()), shutdown).await;
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
