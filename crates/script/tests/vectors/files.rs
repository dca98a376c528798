//! Finding and reading the vectors.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use synod_primitives::{Transaction, hex};

/// Reads a file of vectors; `None`, with a notice, when it is absent.
pub(crate) fn read(name: &str) -> Option<Value> {
    let folder = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    );
    let path = folder.join(name);
    let Ok(text) = std::fs::read(&path) else {
        println!("{name}: skipped, {} is absent", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).expect("vectors are JSON"))
}

/// Reads the rows of a file that is a list of lists.
pub(crate) fn rows(name: &str) -> Option<Vec<Vec<Value>>> {
    let Value::Array(rows) = read(name)? else {
        panic!("{name} is a list");
    };
    let row = |row| match row {
        Value::Array(row) => row,
        other => panic!("{name} holds {other}"),
    };
    Some(rows.into_iter().map(row).collect())
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).expect("hex")
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("the length")
}

pub(crate) fn transaction(value: &Value) -> Transaction {
    Transaction::decode(&Bytes::from(bytes(value))).expect("a transaction")
}

/// A source of numbers that are the same in every run.
pub(crate) struct Sequence(pub(crate) u64);

impl Sequence {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}
