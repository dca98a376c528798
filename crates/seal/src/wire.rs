//! Reading the little-endian encodings of this crate.

use bytes::Bytes;
use synod_primitives::Reader;

use crate::error::SealError;

/// Reads from bytes; whatever ends too early or goes on too long has the given error.
pub(crate) fn decode_with<T>(
    bytes: &[u8],
    error: SealError,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, SealError>,
) -> Result<T, SealError> {
    let shared = Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&shared);
    let value = read(&mut reader)?;
    reader.finish().map_err(|_| error)?;
    Ok(value)
}
