//! The operator's token.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use synod_api::problem::code;
use utoipa_axum::router::OpenApiRouter;

use crate::ApiError;
use crate::secret_file::{SecretFileError, create_secret, read_secret};

/// The random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// The fewest characters of a token that an operator wrote himself.
const MIN_LENGTH: usize = 32;
/// The most characters of a token.
const MAX_LENGTH: usize = 256;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Others than the owner may read the file.
    #[error("the token file {0} is readable by others; run chmod 600 on it")]
    Exposed(PathBuf),
    /// The file does not hold a token.
    #[error("the token file {0} must hold one line of 32 to 256 letters and digits")]
    Malformed(PathBuf),
    /// The file cannot be read or made.
    #[error("the token file {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The operating system has no randomness.
    #[error("no randomness for a token: {0}")]
    Random(String),
}

/// The secret that operator routes ask for as `Authorization: Bearer`.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl fmt::Debug for Token {
    /// Security: the secret never reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Makes a token of 32 random bytes, in hex.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
        Ok(Self(const_hex::encode(bytes).into()))
    }

    /// Takes a token that the operator chose; none when it is shorter than 32 characters or has
    /// others than printable ASCII ones.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let is_good = (MIN_LENGTH..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|it| it.is_ascii_graphic());
        is_good.then(|| Self(text.into()))
    }

    /// Reads the token from a file; makes the file, for its owner alone, when it is missing.
    ///
    /// # Errors
    /// The file is readable by others, holds no token, or cannot be read or made.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenError> {
        if let Some(token) = Self::load(path)? {
            return Ok(token);
        }
        let token = Self::generate()?;
        if create_secret(path, token.reveal()).map_err(TokenError::from)? {
            return Ok(token);
        }
        // Another process was faster; its token is the one.
        let malformed = || TokenError::Malformed(path.to_owned());
        Self::load(path)?.ok_or_else(malformed)
    }

    fn load(path: &Path) -> Result<Option<Self>, TokenError> {
        let malformed = || TokenError::Malformed(path.to_owned());
        let text = match read_secret(path, MAX_LENGTH) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(SecretFileError::Io { error, .. })
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge
                ) =>
            {
                return Err(malformed());
            }
            Err(error) => return Err(error.into()),
        };
        Self::from_text(&text).map(Some).ok_or_else(malformed)
    }

    /// Returns the secret itself, for `endpoints.json` and clients.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Checks a request's `Authorization` header.
    ///
    /// Security: the comparison takes the same time wherever the first difference is. The token
    /// has 256 random bits, so wrong ones need no delay.
    ///
    /// # Errors
    /// 401 without the token.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let sent = match (values.next(), values.next()) {
            (Some(value), None) => value.as_bytes(),
            _ => b"",
        };
        let secret = match sent.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest,
            _ => b"",
        };
        if bool::from(secret.ct_eq(self.0.as_bytes())) {
            return Ok(());
        }
        let detail = "This route wants the operator's token as a bearer token.";
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            code::UNAUTHORIZED,
            detail,
        ))
    }

    /// Lets only requests with the token through to routes.
    #[must_use]
    pub fn protect<S: Clone + Send + Sync + 'static>(
        &self,
        routes: OpenApiRouter<S>,
    ) -> OpenApiRouter<S> {
        routes.route_layer(middleware::from_fn_with_state(self.clone(), guard))
    }
}

async fn guard(State(token): State<Token>, request: Request, next: Next) -> Response {
    match token.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

impl From<SecretFileError> for TokenError {
    fn from(error: SecretFileError) -> Self {
        match error {
            SecretFileError::Exposed(path) => Self::Exposed(path),
            SecretFileError::Io { path, error } => Self::Io { path, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sent(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn only_the_whole_token_as_bearer_passes() {
        let token = Token::generate().expect("randomness");
        let secret = token.reveal();
        let good = format!("Bearer {secret}");
        assert!(token.check(&sent(&[&good])).is_ok());
        assert!(
            token
                .check(&sent(&[&good.replace("Bearer", "bearer")]))
                .is_ok()
        );
        let shorter = &good[..good.len() - 1];
        let longer = format!("{good}0");
        let basic = format!("Basic {secret}");
        for bad in [
            &[][..],
            &["Bearer "],
            &["Bearer"],
            &[shorter],
            &[&longer],
            &[&basic],
            &[secret],
        ] {
            assert!(token.check(&sent(bad)).is_err(), "{bad:?}");
        }
        assert!(token.check(&sent(&[&good, &good])).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_token_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let made = Token::load_or_create(&path).expect("made");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            Token::load_or_create(&path).expect("read").reveal(),
            made.reveal()
        );
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        for exposed in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).expect("set");
            assert!(matches!(
                Token::load_or_create(&path),
                Err(TokenError::Exposed(_))
            ));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_a_token_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let write = |text: &[u8]| {
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
            Token::load_or_create(&path)
        };
        let longest = "a".repeat(MAX_LENGTH);
        assert!(write(format!("{longest}\n").as_bytes()).is_ok());
        assert!(write(&[b'a'; MIN_LENGTH]).is_ok());
        for bad in [
            &b""[..],
            &[b'a'; MIN_LENGTH - 1],
            &[b'a'; MAX_LENGTH + 1],
            &[0xff; 64],
        ] {
            assert!(matches!(write(bad), Err(TokenError::Malformed(_))));
        }
    }
}
