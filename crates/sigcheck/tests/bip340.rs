//! BIP340's official vectors, one at a time and as batches.

mod sample;

use sample::unhex;
use std::path::PathBuf;
use synod_sigcheck::{Check, is_valid_x_only, verify, verify_batch};

struct Row {
    name: String,
    check: Check,
    key: [u8; 32],
    is_valid: bool,
    comment: String,
}

fn vector_text() -> Option<String> {
    let directory = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let path = directory.join("bip340_test_vectors.csv");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

/// Rows 15 to 18 sign messages of 0, 1, 17 and 100 bytes, which transactions never have.
fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let message = unhex(fields[4]);
        let Ok(message) = <[u8; 32]>::try_from(message) else {
            assert!(
                ["15", "16", "17", "18"].contains(&fields[0]),
                "row {}",
                fields[0]
            );
            continue;
        };
        let key = unhex(fields[2]);
        rows.push(Row {
            name: fields[0].to_owned(),
            check: Check::schnorr(&key, &unhex(fields[5]), message).expect("lengths are right"),
            key: key.try_into().expect("32 bytes"),
            is_valid: fields[6] == "TRUE",
            comment: fields[7..].join(","),
        });
    }
    rows
}

#[test]
fn every_official_row_with_a_32_byte_message_has_its_verdict() {
    let Some(text) = vector_text() else { return };
    let rows = rows(&text);
    assert_eq!(rows.len(), 15);
    for row in &rows {
        assert_eq!(
            verify(&row.check),
            row.is_valid,
            "row {}: {}",
            row.name,
            row.comment
        );
        let is_bad_key = row.comment.starts_with("public key");
        assert_eq!(is_valid_x_only(&row.key), !is_bad_key, "row {}", row.name);
    }
}

#[test]
fn batches_of_official_rows_name_the_first_failure() {
    let Some(text) = vector_text() else { return };
    let (valid, invalid): (Vec<Row>, Vec<Row>) =
        rows(&text).into_iter().partition(|row| row.is_valid);
    let valid: Vec<Check> = valid.into_iter().map(|row| row.check).collect();
    assert_eq!(verify_batch(&valid), Ok(()));
    for row in invalid {
        for position in 0..=valid.len() {
            let mut batch = valid.clone();
            batch.insert(position, row.check.clone());
            assert_eq!(verify_batch(&batch), Err(position), "row {}", row.name);
        }
    }
}
