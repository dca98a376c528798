//! From a passphrase to a key: Argon2id (RFC 9106), with the wallet's limits.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed::KeyFileError;

/// Least memory, in KiB (64 MiB).
const MIN_MEMORY_KIB: u32 = 64 * 1024;
/// Least passes over the memory.
const MIN_PASSES: u32 = 3;
/// Most memory that a file may ask for, in KiB (1 GiB).
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// Most passes that a file may ask for.
const MAX_PASSES: u32 = 32;
/// Most lanes that a file may ask for.
const MAX_LANES: u32 = 8;

/// The cost of turning a passphrase into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfParams {
    algorithm: Argon2idName,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The only algorithm there is, so that the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Argon2idName {
    #[serde(rename = "argon2id")]
    Argon2id,
}

impl Default for KdfParams {
    fn default() -> Self {
        Self {
            algorithm: Argon2idName::Argon2id,
            memory_kib: MIN_MEMORY_KIB,
            passes: MIN_PASSES,
            lanes: 1,
        }
    }
}

impl KdfParams {
    /// Security: a hostile file must not make this program allocate without bound, nor make it
    /// accept a key that is cheap to guess.
    pub(super) fn check(self) -> Result<(), KeyFileError> {
        let is_enough =
            self.memory_kib >= MIN_MEMORY_KIB && self.passes >= MIN_PASSES && self.lanes > 0;
        let is_bounded = self.memory_kib <= MAX_MEMORY_KIB
            && self.passes <= MAX_PASSES
            && self.lanes <= MAX_LANES;
        if is_enough && is_bounded {
            return Ok(());
        }
        Err(KeyFileError::Kdf)
    }

    pub(super) fn derive(
        self,
        passphrase: &str,
        salt: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
        self.check()?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| KeyFileError::Kdf)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, &mut key[..])
            .map_err(|_| KeyFileError::Kdf)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_at_their_limits_and_refused_one_past_them() {
        let ok = |memory_kib, passes, lanes| {
            let params = KdfParams {
                memory_kib,
                passes,
                lanes,
                ..KdfParams::default()
            };
            params.check().is_ok()
        };
        assert!(ok(MIN_MEMORY_KIB, MIN_PASSES, 1));
        assert!(!ok(MIN_MEMORY_KIB - 1, MIN_PASSES, 1));
        assert!(!ok(MIN_MEMORY_KIB, MIN_PASSES - 1, 1));
        assert!(!ok(MIN_MEMORY_KIB, MIN_PASSES, 0));
        assert!(ok(MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES));
        assert!(!ok(MAX_MEMORY_KIB + 1, MAX_PASSES, MAX_LANES));
        assert!(!ok(MAX_MEMORY_KIB, MAX_PASSES + 1, MAX_LANES));
        assert!(!ok(MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES + 1));
    }
}
