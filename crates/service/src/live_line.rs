//! One line in the terminal that shows what a service does.

use std::io::Write;
use std::time::Duration;

use crate::Shutdown;

/// How often the line is written anew.
const INTERVAL: Duration = Duration::from_millis(500);
/// Returns to the first column and clears the line.
const CLEAR: &str = "\r\x1b[2K";

/// Shows the line until a stop is asked for, and once more with its end.
pub async fn show_live_line(line: impl Fn() -> String, shutdown: Shutdown) {
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.stopping() => break,
            _ = tick.tick() => write(&format!("{CLEAR}{}", line())),
        }
    }
    write(&format!("{CLEAR}{}\n", line()));
}

fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    // A terminal that is gone is no reason to stop working.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
