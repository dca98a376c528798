//! `POST /v1/sign/seal`.

use axum::extract::State as Extract;
use bytes::Bytes;
use synod_api::validator::{SignSeal, SignatureBody};
use synod_api::{HashHex, HexBytes, Problem};
use synod_primitives::{Header, Transaction};
use synod_seal::{MAX_MERKLE_BRANCH, Seal};
use synod_service::{ApiError, Json};

use crate::signer::{LocalSigner, SealRequest, bad_part};

/// Sign a seal
///
/// Takes the parts of a template, computes what is to be signed, and answers when that and the
/// signature are in the protection database. A repeat has the same answer.
#[utoipa::path(
    post,
    path = "/v1/sign/seal",
    operation_id = "signSeal",
    tag = "signer",
    security(("bearer" = [])),
    request_body = SignSeal,
    responses(
        (status = 200, description = "The signature and the reveal.", body = SignatureBody),
        (status = 401, description = "The token is missing or wrong.", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "The template is of another chain.", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "The key is not here.", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Signing it could be slashed; `code` says why.",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "That is no template.", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn sign_seal(
    Extract(signer): Extract<LocalSigner>,
    Json(asked): Json<SignSeal>,
) -> Result<Json<SignatureBody>, ApiError> {
    let request = parse(&asked)?;
    let answer = signer.seal(&asked.chain_id.to_bytes(), request).await?;
    Ok(Json(SignatureBody {
        signature: HexBytes(answer.signature.to_vec()),
        reveal: Some(HashHex::from_bytes(answer.reveal)),
    }))
}

fn parse(asked: &SignSeal) -> Result<SealRequest, ApiError> {
    let header = asked.header.as_bytes().try_into();
    let header: &[u8; Header::SIZE] = header.map_err(|_| bad_part("header"))?;
    let coinbase = Bytes::copy_from_slice(asked.coinbase.as_bytes());
    let coinbase = Transaction::decode(&coinbase).map_err(|_| bad_part("coinbase"))?;
    if asked.branch.len() > MAX_MERKLE_BRANCH {
        return Err(bad_part("branch"));
    }
    let hashes = asked.branch.iter().map(|it| it.as_bytes().try_into());
    let branch = hashes.collect::<Result<_, _>>();
    Ok(SealRequest {
        header: Header::decode(header),
        coinbase,
        branch: branch.map_err(|_| bad_part("branch"))?,
        seal: Seal::decode(asked.seal.as_bytes()).map_err(|_| bad_part("seal"))?,
    })
}
