//! The committed OpenAPI document is the one that the routes make.

use std::path::Path;

use synod_service::docs;

#[test]
fn openapi_document_is_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/node.json");
    let made = docs::to_json(&synod_node::http::openapi()).expect("json");
    if std::env::var_os("SYNOD_UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("the document is committed");
    assert!(
        made == committed,
        "run with SYNOD_UPDATE_OPENAPI=1 and commit openapi/node.json"
    );
}

#[test]
fn every_operation_is_described_and_the_operators_want_the_token() {
    let document = serde_json::to_value(synod_node::http::openapi()).expect("json");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            assert!(!text("operationId").is_empty(), "{method} {path}");
            assert!(!text("description").is_empty(), "{method} {path}");
            assert!((1..=60).contains(&text("summary").len()), "{method} {path}");
            let of_operators = ["/v1/peers", "/v1/duties", "/v1/votes"];
            let is_operators =
                path.ends_with("/priority") || of_operators.iter().any(|it| path.starts_with(it));
            assert_eq!(
                operation["security"].is_array(),
                is_operators,
                "{method} {path}"
            );
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(
                    response["description"].is_string(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}
