//! One precedence of settings: file, environment, flags.

use crate::harness::{Data, program, said};

#[test]
fn flags_go_before_the_environment_before_the_file_and_config_prints_the_result() {
    let data = Data::new();
    std::fs::create_dir_all(data.path()).expect("a directory");
    let file = data.path().join("node.toml");
    let text = "data = \"from-file\"\nnetwork = \"regtest\"\nprune = 5\nthreads = 1\n";
    std::fs::write(&file, text).expect("written");
    let mut command = program(&["config", "--threads", "3", "--config"]);
    command
        .arg(&file)
        .env("SYNOD_NODE_PRUNE", "7")
        .env("SYNOD_NODE_THREADS", "2")
        .env("SYNOD_NODE_STOP_AT_HEIGHT", "9");
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", said(&output));
    let printed: toml::Table = String::from_utf8_lossy(&output.stdout)
        .parse()
        .expect("TOML");
    let number = |name: &str| printed[name].as_integer();
    assert_eq!(printed["data"].as_str(), Some("from-file"));
    assert_eq!(number("prune"), Some(7), "the environment before the file");
    assert_eq!(number("threads"), Some(3), "flags before the environment");
    assert_eq!(number("stop_at_height"), Some(9));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let origin = |name: &str| {
        let line = text
            .lines()
            .find(|it| it.starts_with(&format!("{name} = ")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
        line.split_once(" # ").expect("an origin").1.to_owned()
    };
    assert_eq!(origin("data"), format!("file {}", file.display()));
    assert_eq!(origin("prune"), "environment SYNOD_NODE_PRUNE");
    assert_eq!(origin("threads"), "command line");
    assert_eq!(origin("listen"), "default");

    let mut command = program(&["config", "--config"]);
    command.arg(&file).env("SYNOD_NODE_PRUNNE", "7");
    let refused = command.output().expect("the program runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("prunne"), "{}", said(&refused));
}

#[test]
fn limits_of_the_routes_follow_the_same_precedence() {
    let data = Data::new();
    std::fs::create_dir_all(data.path()).expect("a directory");
    let file = data.path().join("node.toml");
    let text = "data = \"x\"\n[limits]\nsubmits = 5\nstreams = 6\nrequests_per_s = 7\n";
    std::fs::write(&file, text).expect("written");
    let mut command = program(&["config", "--limit", "requests_per_s=9", "--config"]);
    command.arg(&file).env("SYNOD_NODE_LIMITS__STREAMS", "8");
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", said(&output));
    let printed: toml::Table = String::from_utf8_lossy(&output.stdout)
        .parse()
        .expect("TOML");
    let number = |name: &str| printed["limits"][name].as_integer();
    assert_eq!(number("submits"), Some(5));
    assert_eq!(number("streams"), Some(8));
    assert_eq!(number("requests_per_s"), Some(9));
    assert_eq!(number("heavy_reads"), Some(64), "the default");

    for wrong in ["submit=5", "submits", "submits=-1"] {
        let refused = program(&["config", "--data", "x", "--limit", wrong]).output();
        let refused = refused.expect("the program runs");
        assert!(!refused.status.success(), "{wrong}: {}", said(&refused));
    }
}
