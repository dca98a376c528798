//! Why a script fails.

macro_rules! script_errors {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $text:literal;)*) => {
        /// Why a script fails; one variant for each of Core's error codes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
        pub enum ScriptError {
            $($(#[$doc])* #[error($text)] $variant,)*
        }

        impl ScriptError {
            /// Every error.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the name that Core's test vectors use.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

script_errors! {
    /// A number that is too long or not in its shortest form.
    UnknownError, "UNKNOWN_ERROR", "unknown error";
    /// Nothing, or false, is left on the stack.
    EvalFalse, "EVAL_FALSE", "Script evaluated without error but finished with a false/empty top stack element";
    /// RETURN was executed.
    OpReturn, "OP_RETURN", "OP_RETURN was encountered";
    /// The script is longer than 10,000 bytes.
    ScriptSize, "SCRIPT_SIZE", "Script is too big";
    /// An item is longer than 520 bytes.
    PushSize, "PUSH_SIZE", "Push value size limit exceeded";
    /// More than 201 opcodes that are no pushes.
    OpCount, "OP_COUNT", "Operation limit exceeded";
    /// More than 1,000 items.
    StackSize, "STACK_SIZE", "Stack size limit exceeded";
    /// The number of signatures is negative or greater than that of keys.
    SigCount, "SIG_COUNT", "Signature count negative or greater than pubkey count";
    /// The number of keys is negative or above 20.
    PubkeyCount, "PUBKEY_COUNT", "Pubkey count negative or limit exceeded";
    /// VERIFY met false.
    Verify, "VERIFY", "Script failed an OP_VERIFY operation";
    /// EQUALVERIFY met two different items.
    EqualVerify, "EQUALVERIFY", "Script failed an OP_EQUALVERIFY operation";
    /// CHECKMULTISIGVERIFY failed.
    CheckMultisigVerify, "CHECKMULTISIGVERIFY", "Script failed an OP_CHECKMULTISIGVERIFY operation";
    /// CHECKSIGVERIFY failed.
    CheckSigVerify, "CHECKSIGVERIFY", "Script failed an OP_CHECKSIGVERIFY operation";
    /// NUMEQUALVERIFY met two different numbers.
    NumEqualVerify, "NUMEQUALVERIFY", "Script failed an OP_NUMEQUALVERIFY operation";
    /// An opcode without meaning, or a push past the end.
    BadOpcode, "BAD_OPCODE", "Opcode missing or not understood";
    /// A disabled opcode is in the script.
    DisabledOpcode, "DISABLED_OPCODE", "Attempted to use a disabled opcode";
    /// Too few items.
    InvalidStackOperation, "INVALID_STACK_OPERATION", "Operation not valid with the current stack size";
    /// Too few items on the alternative stack.
    InvalidAltstackOperation, "INVALID_ALTSTACK_OPERATION", "Operation not valid with the current altstack size";
    /// IF, ELSE and ENDIF do not match.
    UnbalancedConditional, "UNBALANCED_CONDITIONAL", "Invalid OP_IF construction";
    /// A lock time below zero.
    NegativeLocktime, "NEGATIVE_LOCKTIME", "Negative locktime";
    /// The transaction's lock time or sequence is not as demanded.
    UnsatisfiedLocktime, "UNSATISFIED_LOCKTIME", "Locktime requirement not satisfied";
    /// The hash type is not defined (STRICTENC).
    SigHashtype, "SIG_HASHTYPE", "Signature hash type missing or not understood";
    /// The signature is not strict DER (BIP66).
    SigDer, "SIG_DER", "Non-canonical DER signature";
    /// A push or number is not in its shortest form (MINIMALDATA).
    MinimalData, "MINIMALDATA", "Data push larger than necessary";
    /// The unlocking script does more than push.
    SigPushOnly, "SIG_PUSHONLY", "Only push operators allowed in signatures";
    /// S lies in the upper half (LOW_S).
    SigHighS, "SIG_HIGH_S", "Non-canonical signature: S value is unnecessarily high";
    /// The extra argument of CHECKMULTISIG is not empty (BIP147).
    SigNullDummy, "SIG_NULLDUMMY", "Dummy CHECKMULTISIG argument must be zero";
    /// The key is of no known form.
    PubkeyType, "PUBKEYTYPE", "Public key is neither compressed or uncompressed";
    /// More than one item is left.
    CleanStack, "CLEANSTACK", "Stack size must be exactly one after execution";
    /// The argument of IF is neither empty nor 1 (MINIMALIF).
    MinimalIf, "MINIMALIF", "OP_IF/NOTIF argument must be minimal";
    /// A signature that failed is not empty (NULLFAIL).
    SigNullFail, "NULLFAIL", "Signature must be zero for failed CHECK(MULTI)SIG operation";
    /// A NOP that is kept for upgrades.
    DiscourageUpgradableNops, "DISCOURAGE_UPGRADABLE_NOPS", "NOPx reserved for soft-fork upgrades";
    /// A witness program of an unknown version.
    DiscourageUpgradableWitnessProgram, "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM", "Witness version reserved for soft-fork upgrades";
    /// A taproot leaf of an unknown version.
    DiscourageUpgradableTaprootVersion, "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION", "Taproot version reserved for soft-fork upgrades";
    /// An opcode that makes a tapscript succeed.
    DiscourageOpSuccess, "DISCOURAGE_OP_SUCCESS", "OP_SUCCESSx reserved for soft-fork upgrades";
    /// A key of an unknown type in tapscript.
    DiscourageUpgradablePubkeyType, "DISCOURAGE_UPGRADABLE_PUBKEYTYPE", "Public key version reserved for soft-fork upgrades";
    /// A version 0 program is neither 20 nor 32 bytes.
    WitnessProgramWrongLength, "WITNESS_PROGRAM_WRONG_LENGTH", "Witness program has incorrect length";
    /// The witness is empty.
    WitnessProgramWitnessEmpty, "WITNESS_PROGRAM_WITNESS_EMPTY", "Witness program was passed an empty witness";
    /// The witness does not belong to the program.
    WitnessProgramMismatch, "WITNESS_PROGRAM_MISMATCH", "Witness program hash mismatch";
    /// The unlocking script of a witness program is not empty.
    WitnessMalleated, "WITNESS_MALLEATED", "Witness requires empty scriptSig";
    /// The unlocking script is not exactly the push of the redeem script.
    WitnessMalleatedP2sh, "WITNESS_MALLEATED_P2SH", "Witness requires only-redeemscript scriptSig";
    /// A witness where none belongs.
    WitnessUnexpected, "WITNESS_UNEXPECTED", "Witness provided for non-witness script";
    /// A key that is not compressed in a version 0 witness script.
    WitnessPubkeyType, "WITNESS_PUBKEYTYPE", "Using non-compressed keys in segwit";
    /// A BIP340 signature of neither 64 nor 65 bytes.
    SchnorrSigSize, "SCHNORR_SIG_SIZE", "Invalid Schnorr signature size";
    /// The hash type of a BIP340 signature is not defined.
    SchnorrSigHashtype, "SCHNORR_SIG_HASHTYPE", "Invalid Schnorr signature hash type";
    /// A BIP340 signature that fails.
    SchnorrSig, "SCHNORR_SIG", "Invalid Schnorr signature";
    /// A control block that is too short, too long or of a broken length.
    TaprootWrongControlSize, "TAPROOT_WRONG_CONTROL_SIZE", "Invalid Taproot control block size";
    /// More signatures than the witness' size allows (BIP342).
    TapscriptValidationWeight, "TAPSCRIPT_VALIDATION_WEIGHT", "Too much signature validation relative to witness weight";
    /// CHECKMULTISIG in tapscript.
    TapscriptCheckMultisig, "TAPSCRIPT_CHECKMULTISIG", "OP_CHECKMULTISIG(VERIFY) is not available in tapscript";
    /// The argument of IF is neither empty nor 1 in tapscript.
    TapscriptMinimalIf, "TAPSCRIPT_MINIMALIF", "OP_IF/NOTIF argument must be minimal in tapscript";
    /// CODESEPARATOR in a script without witness (CONST_SCRIPTCODE).
    OpCodeSeparator, "OP_CODESEPARATOR", "Using OP_CODESEPARATOR in non-witness script";
    /// The signature occurs in the script that it signs (CONST_SCRIPTCODE).
    SigFindAndDelete, "SIG_FINDANDDELETE", "Signature is found in scriptCode";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_error_has_a_name_and_a_text_of_its_own() {
        let names: BTreeSet<_> = ScriptError::ALL.iter().map(ScriptError::name).collect();
        let texts: BTreeSet<_> = ScriptError::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), ScriptError::ALL.len());
        assert_eq!(texts.len(), ScriptError::ALL.len());
    }
}
