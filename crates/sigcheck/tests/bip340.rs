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

/// BIP340's rows from 15 on, which Core's copy of the vectors leaves out: messages of 0, 1, 17
/// and 100 bytes, which transactions never have. Message and signature; the key is one.
const OTHER_LENGTHS: [(&str, &str); 4] = [
    (
        "",
        "71535DB165ECD9FBBC046E5FFAEA61186BB6AD436732FCCC25291A55895464CF\
         6069CE26BF03466228F19A3A62DB8A649F2D560FAC652827D1AF0574E427AB63",
    ),
    (
        "11",
        "08A20A0AFEF64124649232E0693C583AB1B9934AE63B4C3511F3AE1134C6A303\
         EA3173BFEA6683BD101FA5AA5DBC1996FE7CACFC5A577D33EC14564CEC2BACBF",
    ),
    (
        "0102030405060708090A0B0C0D0E0F1011",
        "5130F39A4059B43BC7CAC09A19ECE52B5D8699D1A71E3C52DA9AFDB6B50AC370\
         C4A482B77BF960F8681540E25B6771ECE1E5A37FD80E5A51897C5566A97EA5A5",
    ),
    (
        "99",
        "403B12B0D8555A344175EA7EC746566303321E5DBFA8BE6F091635163ECA79A8\
         585ED3E3170807E7C03B720FC54C7B23897FCBA0E9D0B4A06894CFD249F22367",
    ),
];

/// All rows of the file.
fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let (key, message, signature) = (unhex(fields[2]), unhex(fields[4]), unhex(fields[5]));
        Row {
            name: fields[0].to_owned(),
            check: Check::schnorr_bytes(&key, &signature, &message).expect("lengths are right"),
            key: key.try_into().expect("32 bytes"),
            is_valid: fields[6] == "TRUE",
            comment: fields[7..].join(","),
        }
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn every_official_row_has_its_verdict() {
    let Some(text) = vector_text() else { return };
    let rows = rows(&text);
    assert!(
        [15, 19].contains(&rows.len()),
        "Core's copy or BIP340's own"
    );
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
    println!("BIP340: {} rows, 0 skipped", rows.len());
}

#[test]
fn messages_of_any_length_are_verified() {
    let key = unhex("778CAA53B4393AC467774D09497A87224BF9FAB6F6E68B23086497324D6FD117");
    let mut checks = Vec::new();
    for (message, signature) in OTHER_LENGTHS {
        let repeats = if message == "99" { 100 } else { 1 };
        let message = unhex(message).repeat(repeats);
        let check = Check::schnorr_bytes(&key, &unhex(signature), &message).expect("lengths");
        assert!(verify(&check), "{} bytes", message.len());
        let longer = [&message[..], &[0]].concat();
        let other = Check::schnorr_bytes(&key, &unhex(signature), &longer).expect("lengths");
        assert!(!verify(&other), "{} bytes", longer.len());
        checks.push(check);
    }
    assert_eq!(verify_batch(&checks), Ok(()));
}

#[test]
fn a_message_of_32_bytes_is_the_same_check_either_way() {
    let (key, signature, message) = ([2; 32], [3; 64], [4; 32]);
    let fixed = Check::schnorr(&key, &signature, message);
    assert!(fixed.is_some());
    assert_eq!(Check::schnorr_bytes(&key, &signature, &message), fixed);
    assert_ne!(Check::schnorr_bytes(&key, &signature, &message[1..]), fixed);
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
