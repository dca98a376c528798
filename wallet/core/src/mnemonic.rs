//! Seed words (BIP39, English).

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

/// Why seed words could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Neither 12 nor 24 words.
    #[error("a seed has 12 or 24 words, this one has {0}")]
    WordCount(usize),
    /// A word is not in the English list; words are counted from 1.
    #[error("word {0} is not in the English list of BIP39")]
    UnknownWord(usize),
    /// The last word's check bits do not fit.
    #[error("the checksum of the seed words does not fit: a word is wrong or misplaced")]
    Checksum,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoEntropy,
    /// The operating system gave bytes that cannot be random.
    #[error("the operating system's random bytes are all alike")]
    BadEntropy,
}

impl MnemonicError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WordCount(_) => "seed-word-count",
            Self::UnknownWord(_) => "seed-unknown-word",
            Self::Checksum => "seed-checksum",
            Self::NoEntropy => "entropy-unavailable",
            Self::BadEntropy => "entropy-bad",
        }
    }
}

/// How many words a new seed has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordCount {
    /// 12 words, 128 bits.
    Twelve,
    /// 24 words, 256 bits.
    TwentyFour,
}

/// Seed words that were checked; their memory is erased when they are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SeedWords(Zeroizing<String>);

impl SeedWords {
    /// Makes new seed words from the operating system's randomness.
    ///
    /// # Errors
    /// When the system gives no randomness, or bytes that are all alike.
    pub fn generate(count: WordCount) -> Result<Self, MnemonicError> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut entropy[..]).map_err(|_| MnemonicError::NoEntropy)?;
        let length = match count {
            WordCount::Twelve => 16,
            WordCount::TwentyFour => 32,
        };
        Self::from_entropy(&entropy[..length])
    }

    /// Makes the seed words of 16 or 32 bytes of entropy.
    ///
    /// # Errors
    /// When all bytes are alike (a broken source) or the length is another.
    pub fn from_entropy(entropy: &[u8]) -> Result<Self, MnemonicError> {
        // Security: a source that fails silently tends to return one repeated byte.
        if entropy.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(MnemonicError::BadEntropy);
        }
        if entropy.len() != 16 && entropy.len() != 32 {
            return Err(MnemonicError::WordCount(entropy.len() * 3 / 4));
        }
        let mnemonic = Mnemonic::from_entropy(entropy).map_err(|_| MnemonicError::BadEntropy)?;
        Ok(Self(Zeroizing::new(mnemonic.to_string())))
    }

    /// Reads 12 or 24 words, separated by any white space, in any case.
    ///
    /// # Errors
    /// See [`MnemonicError`].
    pub fn parse(text: &str) -> Result<Self, MnemonicError> {
        let lower = Zeroizing::new(text.to_lowercase());
        let words: Vec<&str> = lower.split_whitespace().collect();
        if words.len() != 12 && words.len() != 24 {
            return Err(MnemonicError::WordCount(words.len()));
        }
        let joined = Zeroizing::new(words.join(" "));
        let parsed = Mnemonic::parse_in_normalized(Language::English, &joined);
        parsed.map_err(|e| match e {
            bip39::Error::UnknownWord(at) => MnemonicError::UnknownWord(at + 1),
            _ => MnemonicError::Checksum,
        })?;
        Ok(Self(joined))
    }

    /// Returns the words in one line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the 64-byte seed (BIP39, without passphrase).
    pub fn seed(&self) -> Zeroizing<[u8; 64]> {
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &self.0)
            .expect("the words were checked when this value was made");
        Zeroizing::new(mnemonic.to_seed_normalized(""))
    }
}

impl std::fmt::Debug for SeedWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeedWords(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    #[test]
    fn the_seed_of_known_words_is_the_published_one() {
        let words = SeedWords::parse(ABOUT).expect("valid words");
        assert!(words.seed()[..4] == [0x5e, 0xb0, 0x0b, 0xbd]);
    }

    #[test]
    fn words_are_read_in_any_case_and_spacing() {
        let shouted = ABOUT.to_uppercase().replace(' ', "\n\t ");
        assert_eq!(SeedWords::parse(&shouted), SeedWords::parse(ABOUT));
    }

    #[test]
    fn wrong_words_are_named() {
        let code = |text: &str| SeedWords::parse(text).map_err(|e| e.code());
        assert_eq!(code("abandon about"), Err("seed-word-count"));
        assert_eq!(
            code(&ABOUT.replace("about", "abandon")),
            Err("seed-checksum")
        );
        assert_eq!(
            SeedWords::parse(&ABOUT.replace("about", "abuot")),
            Err(MnemonicError::UnknownWord(12))
        );
    }

    #[test]
    fn entropy_of_one_repeated_byte_is_refused() {
        assert_eq!(
            SeedWords::from_entropy(&[0; 16]),
            Err(MnemonicError::BadEntropy)
        );
        assert_eq!(
            SeedWords::from_entropy(&[0xff; 32]),
            Err(MnemonicError::BadEntropy)
        );
        let mut nearly = [0u8; 16];
        nearly[15] = 1;
        assert!(SeedWords::from_entropy(&nearly).is_ok());
    }

    #[test]
    fn new_seeds_have_the_wanted_length_and_differ() {
        let a = SeedWords::generate(WordCount::Twelve).expect("entropy");
        let b = SeedWords::generate(WordCount::TwentyFour).expect("entropy");
        let c = SeedWords::generate(WordCount::TwentyFour).expect("entropy");
        assert_eq!(a.as_str().split(' ').count(), 12);
        assert_eq!(b.as_str().split(' ').count(), 24);
        assert_ne!(b, c);
    }

    #[test]
    fn debug_output_hides_the_words() {
        let words = SeedWords::parse(ABOUT).expect("valid words");
        assert!(!format!("{words:?}").contains("abandon"));
    }
}
