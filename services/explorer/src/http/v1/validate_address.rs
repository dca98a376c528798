//! `GET /api/v1/validate-address/{address}`.

use axum::extract::{Path, State};
use serde::Serialize;
use synod_primitives::hex;
use synod_script::{Address, ScriptType, is_p2sh, witness_program};
use utoipa::ToSchema;

use crate::http::reply::{Answer, Keep, Reply};
use crate::http::state::{ADDRESSES, Explorer};

/// What an address is, as Core's `validateaddress` says it.
#[derive(Serialize, ToSchema)]
#[schema(as = AddressValidity)]
pub(crate) struct ValidityBody {
    /// True for an address of this network.
    isvalid: bool,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The script that pays to it.
    #[serde(rename = "scriptPubKey", skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    /// The kind of script.
    #[serde(skip_serializing_if = "Option::is_none")]
    script_type: Option<&'static str>,
    /// True for the hash of a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    isscript: Option<bool>,
    /// True for a witness program.
    #[serde(skip_serializing_if = "Option::is_none")]
    iswitness: Option<bool>,
    /// The witness version.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_version: Option<u8>,
    /// The witness program in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_program: Option<String>,
    /// Why it is no address of this network.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether a text is an address of this network
#[utoipa::path(
    get,
    path = "/validate-address/{address}",
    operation_id = "validateAddress",
    tag = "mempool-v1",
    params(("address" = String, Path, description = "The text.")),
    responses((status = 200, description = "What it is.", body = ValidityBody)),
)]
pub(crate) async fn validate_address(
    State(_): State<Explorer>,
    Path(address): Path<String>,
) -> Answer {
    Reply::json(&ValidityBody::of(&address), Keep::Moment)
}

impl ValidityBody {
    fn of(text: &str) -> Self {
        let address = match Address::parse(text, ADDRESSES) {
            Ok(address) => address,
            Err(error) => return Self::invalid(error.to_string()),
        };
        let script = address.script_pubkey();
        let program = witness_program(script.as_bytes());
        let kind = ScriptType::of(script.as_bytes());
        let is_script_hash = is_p2sh(script.as_bytes()) || kind == ScriptType::P2wsh;
        Self {
            isvalid: true,
            address: Some(address.format(ADDRESSES)),
            script: Some(hex::encode(script.as_bytes())),
            script_type: Some(kind.core_name()),
            isscript: Some(is_script_hash),
            iswitness: Some(program.is_some()),
            witness_version: program.map(|program| program.version),
            witness_program: program.map(|program| hex::encode(program.program)),
            error: None,
        }
    }

    fn invalid(error: String) -> Self {
        Self {
            isvalid: false,
            address: None,
            script: None,
            script_type: None,
            isscript: None,
            iswitness: None,
            witness_version: None,
            witness_program: None,
            error: Some(error),
        }
    }
}
