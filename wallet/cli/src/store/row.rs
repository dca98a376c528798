//! Values of rows, checked: a bad one is an error that names its place, never a default.

use synod_wallet_core::bitcoin::hashes::Hash;

use super::StoreError;

pub(super) fn hash<H: Hash<Bytes = [u8; 32]>>(
    table: &'static str,
    what: &'static str,
    bytes: &[u8],
) -> Result<H, StoreError> {
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| StoreError::Broken { table, what })?;
    Ok(H::from_byte_array(bytes))
}

pub(super) fn unsigned<T: TryFrom<i64>>(
    table: &'static str,
    what: &'static str,
    value: i64,
) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::Broken { table, what })
}

pub(super) fn signed(
    table: &'static str,
    what: &'static str,
    value: u64,
) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Broken { table, what })
}
