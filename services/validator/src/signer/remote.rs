//! A signer over REST: `synod-validator signer` on another machine.

use std::time::Duration;

use synod_api::client::ClientOptions;
use synod_api::node::CheckpointBody;
use synod_api::validator::{SignSeal, SignVote, SignatureBody, ValidatorKey};
use synod_api::{ClientError, HashHex, HexBytes, ValidatorClient};
use synod_seal::{Checkpoint, SealKey, Signature, VoteLink};

use super::{SealAnswer, SealRequest, SignError};

/// The longest time that a remote signature may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A remote signer.
#[derive(Clone, Debug)]
pub struct RemoteSigner {
    client: ValidatorClient,
}

impl RemoteSigner {
    /// Names a signer by its root and token.
    ///
    /// # Errors
    /// The URL or the token cannot be used.
    pub fn new(root: &str, token: &str) -> Result<Self, ClientError> {
        let options = ClientOptions {
            timeout: TIMEOUT,
            ..ClientOptions::default()
        };
        let client = ValidatorClient::with_options(root, options)?.with_token(token)?;
        Ok(Self { client })
    }

    pub(super) fn root(&self) -> &str {
        self.client.root()
    }

    pub(super) async fn keys(&self) -> Result<Vec<ValidatorKey>, SignError> {
        Ok(self.client.keys().await?.keys)
    }

    pub(super) async fn chain_id(&self) -> Result<[u8; 32], SignError> {
        Ok(self.client.keys().await?.chain_id.to_bytes())
    }

    pub(super) async fn seal(
        &self,
        chain_id: &[u8; 32],
        request: &SealRequest,
    ) -> Result<SealAnswer, SignError> {
        let request = SignSeal {
            chain_id: HashHex::from_bytes(*chain_id),
            header: HexBytes(request.header.encode().to_vec()),
            coinbase: HexBytes(request.coinbase.encode_stripped()),
            branch: request.branch.iter().map(|it| it[..].into()).collect(),
            seal: HexBytes(request.seal.encode()),
        };
        let answer = self.client.sign_seal(&request).await?;
        Ok(SealAnswer {
            reveal: answer.reveal.map_or([0; 32], HashHex::to_bytes),
            signature: signature(&answer)?,
        })
    }

    pub(super) async fn vote(
        &self,
        chain_id: &[u8; 32],
        key: SealKey,
        link: VoteLink,
    ) -> Result<Signature, SignError> {
        let request = SignVote {
            chain_id: HashHex::from_bytes(*chain_id),
            key: HashHex::from_bytes(key.0),
            source: checkpoint(&link.source),
            target: checkpoint(&link.target),
        };
        signature(&self.client.sign_vote(&request).await?)
    }
}

fn signature(answer: &SignatureBody) -> Result<Signature, SignError> {
    let bytes = answer.signature.as_bytes().try_into();
    bytes.map_err(|_| SignError::Signature)
}

/// Writes a checkpoint as it travels.
pub(crate) fn checkpoint(checkpoint: &Checkpoint) -> CheckpointBody {
    CheckpointBody {
        epoch: checkpoint.epoch.0,
        hash: HashHex::from_internal(*checkpoint.hash.as_bytes()),
    }
}
