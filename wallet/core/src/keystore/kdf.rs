//! From a password to a key: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeystoreError;

/// Least memory for a new keystore, in KiB (64 MiB).
const MIN_MEMORY_KIB: u32 = 64 * 1024;
/// Least passes over the memory.
const MIN_PASSES: u32 = 3;
/// Most memory that a file may ask for, in KiB (1 GiB).
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// Most passes that a file may ask for.
const MAX_PASSES: u32 = 32;
/// Most lanes that a file may ask for.
const MAX_LANES: u32 = 8;

/// The cost of turning a password into a key.
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
    /// Makes parameters: memory in KiB, passes, lanes.
    ///
    /// # Errors
    /// When they are below the floor (64 MiB, 3 passes) or above the cap (1 GiB, 32 passes, 8 lanes).
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, KeystoreError> {
        let params = Self {
            algorithm: Argon2idName::Argon2id,
            memory_kib,
            passes,
            lanes,
        };
        params.check_for_creation()?;
        Ok(params)
    }

    #[cfg(test)]
    pub(super) fn weak_for_tests() -> Self {
        Self {
            algorithm: Argon2idName::Argon2id,
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        }
    }

    pub(super) fn check_for_creation(self) -> Result<(), KeystoreError> {
        self.check_caps()?;
        // Only this crate's own unit tests can hold weaker parameters.
        if cfg!(test) && self.memory_kib == 8 {
            return Ok(());
        }
        if self.memory_kib < MIN_MEMORY_KIB || self.passes < MIN_PASSES || self.lanes == 0 {
            return Err(KeystoreError::KdfOutOfRange(
                "less than 64 MiB of memory or 3 passes",
            ));
        }
        Ok(())
    }

    /// Security: a hostile file must not make this program allocate without bound, nor make it
    /// accept a key that is cheap to guess.
    pub(super) fn check_for_reading(self) -> Result<(), KeystoreError> {
        self.check_for_creation()
    }

    fn check_caps(self) -> Result<(), KeystoreError> {
        if self.memory_kib > MAX_MEMORY_KIB || self.passes > MAX_PASSES || self.lanes > MAX_LANES {
            return Err(KeystoreError::KdfOutOfRange(
                "more than 1 GiB of memory, 32 passes or 8 lanes",
            ));
        }
        Ok(())
    }

    pub(super) fn derive(
        self,
        password: &str,
        salt: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| KeystoreError::KdfOutOfRange("not parameters of Argon2id"))?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, &mut key[..])
            .map_err(|_| KeystoreError::Kdf)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_accepted_at_their_limits_and_refused_one_past_them() {
        let code = |m, t, p| KdfParams::new(m, t, p).map(|_| ()).map_err(|e| e.code());
        let refused = Err("keystore-kdf-out-of-range");
        assert_eq!(code(MIN_MEMORY_KIB, MIN_PASSES, 1), Ok(()));
        assert_eq!(code(MIN_MEMORY_KIB - 1, MIN_PASSES, 1), refused);
        assert_eq!(code(MIN_MEMORY_KIB, MIN_PASSES - 1, 1), refused);
        assert_eq!(code(MIN_MEMORY_KIB, MIN_PASSES, 0), refused);
        assert_eq!(code(MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES), Ok(()));
        assert_eq!(code(MAX_MEMORY_KIB + 1, MIN_PASSES, 1), refused);
        assert_eq!(code(MIN_MEMORY_KIB, MAX_PASSES + 1, 1), refused);
        assert_eq!(code(MIN_MEMORY_KIB, MIN_PASSES, MAX_LANES + 1), refused);
    }

    #[test]
    fn every_input_changes_the_key() {
        let weak = KdfParams::weak_for_tests();
        let key = |password, salt: &[u8]| *weak.derive(password, salt).expect("key");
        assert_eq!(key("a", &[1; 16]), key("a", &[1; 16]));
        assert_ne!(key("a", &[1; 16]), key("b", &[1; 16]));
        assert_ne!(key("a", &[1; 16]), key("a", &[2; 16]));
    }
}
