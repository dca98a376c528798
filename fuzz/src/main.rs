//! One program for all targets: `FUZZ_TARGET` names the one that libFuzzer drives. `run.sh`
//! builds it with coverage and starts it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use synod_fuzz_targets::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn target() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    #[cfg(feature = "referees")]
    if name == "core_interpreter" {
        return core_interpreter;
    }
    let Some(target) = synod_fuzz_targets::find(&name) else {
        let names: Vec<&str> = synod_fuzz_targets::TARGETS.iter().map(|it| it.0).collect();
        eprintln!("FUZZ_TARGET is one of: {}", names.join(" "));
        std::process::exit(2);
    };
    target
}

/// Bitcoin Core's own code has the same verdict on any spend.
#[cfg(feature = "referees")]
fn core_interpreter(bytes: &[u8]) {
    use synod_referees::judge::{Case, Tally};
    use synod_script::template::ANCHOR_PROGRAM;
    let (tx, spent, flags) = synod_fuzz_targets::spend(bytes);
    // The one rule that changed between the code of the referee and version 28.
    if spent.script_pubkey.as_bytes().ends_with(&ANCHOR_PROGRAM) {
        return;
    }
    let case = Case {
        tx,
        spent: vec![spent],
    };
    Tally::default().judge(&case, &[flags]);
}

fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(target)(bytes));
