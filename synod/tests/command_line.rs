//! `synod` as a process: what goes wrong is one sentence and a failure.

use std::process::{Command, Output};

fn synod(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synod"))
        .args(arguments)
        .env_remove("SYNOD_LOG")
        .output()
        .expect("synod starts")
}

/// The only line on standard error of a command that failed and printed nothing else.
fn sentence(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    text
}

#[test]
fn the_faucet_says_how_to_start_a_network_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("none");
    let data = data.to_str().expect("text");
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let output = synod(&["faucet", address, "0.5", "--data", data]);
    assert!(sentence(&output).contains("start one with `synod up`"));
}

#[test]
fn a_service_that_does_not_answer_is_not_ready() {
    // Bound and dropped: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let text = sentence(&synod(&["health", &url]));
    assert!(text.contains(&url) && text.contains("not ready"), "{text}");
}

#[test]
fn a_network_has_between_1_and_32_nodes() {
    for nodes in ["0", "33", "65537", "-1", "two"] {
        let option = format!("--nodes={nodes}");
        let output = synod(&["up", "--ci", &option]);
        assert_eq!(output.status.code(), Some(2), "{nodes}: {output:?}");
        assert!(output.stdout.is_empty(), "{nodes}");
    }
}
