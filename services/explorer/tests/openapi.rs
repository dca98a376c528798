//! The committed OpenAPI document is the one that the routes give.

use std::path::Path;

#[test]
fn the_openapi_document_is_committed_as_the_routes_give_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/explorer.json");
    let document = synod_explorer::openapi();
    let text = synod_service::docs::to_json(&document).expect("json");
    if std::env::var_os("SYNOD_UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "openapi/explorer.json is out of date; run the tests with SYNOD_UPDATE_OPENAPI=1"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_text() {
    let document = serde_json::to_value(synod_explorer::openapi()).expect("json");
    let mut names = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(!name.is_empty(), "{method} {path}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|it| it.len() <= 60),
                "{path}"
            );
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(response["description"].is_string(), "{path} {status}");
            }
            names.push(name.to_owned());
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "operation ids are unique");
    assert!(count > 50);
}
