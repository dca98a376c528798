//! `seed`: shows the seed words again, for a backup.

use serde_json::json;

use super::Session;
use crate::{answer::Answer, exit::Failure};

/// Runs `seed`.
///
/// # Errors
/// When the password is missing or wrong, or the wallet is watch-only.
pub fn run(session: &Session) -> Result<Answer, Failure> {
    let keystore = session.keystore()?;
    let words = keystore.payload().words();
    let answer = Answer::new(json!({"seed_words": words}), words);
    Ok(answer.warn("whoever has these words has the money"))
}
