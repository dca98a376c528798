//! The dashboard shows what the node really exports.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Data, Process};

/// Words of the query language, and labels.
const NOT_METRICS: &[&str] = &[
    "by",
    "rate",
    "increase",
    "sum",
    "time",
    "histogram_quantile",
    "label_values",
    "job",
    "status",
    "route",
    "le",
];

/// Finds the names in a query: what stands outside of quotes, brackets and braces.
fn names(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut depth, mut word) = (0u32, String::new());
    for symbol in query.chars().chain([' ']) {
        match symbol {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 && (symbol.is_ascii_alphanumeric() || symbol == '_') => {
                word.push(symbol);
                continue;
            }
            _ => {}
        }
        let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic());
        if is_name && !NOT_METRICS.contains(&word.as_str()) {
            found.insert(std::mem::take(&mut word));
        }
        word.clear();
    }
    found
}

fn queries(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("expr" | "query", Value::String(text)) if text != "prometheus" => {
                        into.push(text.clone());
                    }
                    _ => queries(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn every_metric_of_the_dashboard_is_exported_by_the_node() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana/synod-node.json");
    let text = std::fs::read_to_string(path).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    assert!(found.len() > 8, "{found:?}");
    let wanted: BTreeSet<String> = found.iter().flat_map(|query| names(query)).collect();

    let data = Data::new();
    let node = Process::start(&data.path());
    node.mine(1).await;
    let exported = node.http.get(format!("{}/metrics", node.url)).send().await;
    let exported = exported.expect("an answer").text().await.expect("text");
    node.stop();
    let known: BTreeSet<&str> = exported
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for name in &wanted {
        assert!(
            known.contains(name.as_str()),
            "{name} is not among {known:?}"
        );
    }
    // What is watched most is there, so the comparison cannot be empty.
    assert!(wanted.contains("synod_block_height") && wanted.contains("http_requests_total"));
}

#[test]
fn names_are_read_out_of_queries() {
    let query = "sum by (status) (rate(http_requests_total{job=~\"$job\"}[5m])) / synod_x";
    let expected = ["http_requests_total", "synod_x"].map(str::to_owned);
    assert_eq!(names(query), BTreeSet::from(expected));
}
