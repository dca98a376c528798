//! Keys, requests and directories of the tests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of this module"
)]

use std::path::Path;

use synod_seal::{Mode, SealKey};
use synod_validator::protection::{
    Protection, ProtectionError, ProtectionOptions, ProtectionPaths, SealRecord, VoteRecord,
};

pub const CHAIN: [u8; 32] = [0xc1; 32];

pub fn key(number: u8) -> SealKey {
    SealKey([number; 32])
}

pub fn seal(slot: u64, digest: u8) -> SealRecord {
    SealRecord {
        mode: Mode::Pos,
        slot,
        round: 0,
        height: u32::try_from(slot).expect("small"),
        previously_sealed: 0,
        prevoted: 0,
        digest: [digest; 32],
    }
}

pub fn vote(source: u64, target: u64, digest: u8) -> VoteRecord {
    VoteRecord {
        source,
        target,
        digest: [digest; 32],
    }
}

pub fn paths(folder: &Path) -> ProtectionPaths {
    ProtectionPaths::of_data(&folder.join("data"))
}

pub async fn open(folder: &Path) -> Result<Protection, ProtectionError> {
    std::fs::create_dir_all(folder.join("data")).expect("a folder");
    Protection::open(&paths(folder), CHAIN, ProtectionOptions::default()).await
}
