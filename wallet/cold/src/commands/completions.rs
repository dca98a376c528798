//! `completions SHELL`.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::answer::Answer;

/// Options of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Answers with the completion script of a command tree.
pub fn answer(args: &CompletionsArgs, mut command: clap::Command) -> Answer {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Answer::new(
        json!({"shell": args.shell.to_string(), "script": script}),
        script,
    )
}
