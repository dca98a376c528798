//! The bare verifier: what a signature costs when nothing else is done.

use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::{ecdsa, schnorr};
use synod_primitives::sha256;
use synod_sigcheck::{Check, verify, verify_batch};

use super::rounds::Rounds;

/// Distinct signatures, all of which are judged in each round.
const SIGNATURES: usize = 4_096;

/// A signature as it stands in a transaction, with what it signs.
struct Signed {
    key: Vec<u8>,
    signature: Vec<u8>,
    digest: [u8; 32],
}

impl Signed {
    fn ecdsa(index: usize) -> Result<Self> {
        let (secret, digest) = numbers(index);
        let secret = ecdsa::SigningKey::from_slice(&secret)?;
        let signature: ecdsa::Signature = secret.sign_prehash(&digest)?;
        let key = secret.verifying_key().to_sec1_point(true);
        Ok(Self {
            key: key.as_bytes().to_vec(),
            signature: signature.normalize_s().to_der().as_bytes().to_vec(),
            digest,
        })
    }

    fn schnorr(index: usize) -> Result<Self> {
        let (secret, digest) = numbers(index);
        let secret = schnorr::SigningKey::from_slice(&secret)?;
        let signature = secret.sign_raw(&digest, &[0; 32])?;
        Ok(Self {
            key: secret.verifying_key().to_bytes().to_vec(),
            signature: signature.to_bytes().to_vec(),
            digest,
        })
    }

    fn ecdsa_check(&self) -> Option<Check> {
        Check::ecdsa(&self.key, &self.signature, self.digest)
    }

    fn schnorr_check(&self) -> Option<Check> {
        Check::schnorr(&self.key, &self.signature, self.digest)
    }

    fn is_valid_for_k256_ecdsa(&self) -> bool {
        let key = ecdsa::VerifyingKey::from_sec1_bytes(&self.key);
        let signature = ecdsa::Signature::from_der(&self.signature);
        let (Ok(key), Ok(signature)) = (key, signature) else {
            return false;
        };
        key.verify_prehash(&self.digest, &signature).is_ok()
    }

    fn is_valid_for_k256_schnorr(&self) -> bool {
        let key = schnorr::VerifyingKey::from_slice(&self.key);
        let signature = schnorr::Signature::try_from(&self.signature[..]);
        let (Ok(key), Ok(signature)) = (key, signature) else {
            return false;
        };
        key.verify_raw(&self.digest, &signature).is_ok()
    }
}

fn numbers(index: usize) -> ([u8; 32], [u8; 32]) {
    let secret = sha256(&(index as u64).to_le_bytes());
    (secret, sha256(&secret))
}

/// One way to judge a set of signatures.
struct Contender {
    name: &'static str,
    is_valid: fn(&[Signed]) -> bool,
    of_schnorr: bool,
}

const CONTENDERS: [Contender; 6] = [
    Contender {
        name: "ecdsa, one by one",
        is_valid: |all| {
            all.iter()
                .all(|it| it.ecdsa_check().is_some_and(|it| verify(&it)))
        },
        of_schnorr: false,
    },
    Contender {
        name: "ecdsa, batch",
        is_valid: |all| is_batch_valid(all, Signed::ecdsa_check),
        of_schnorr: false,
    },
    Contender {
        name: "ecdsa, k256's own",
        is_valid: |all| all.iter().all(Signed::is_valid_for_k256_ecdsa),
        of_schnorr: false,
    },
    Contender {
        name: "schnorr, one by one",
        is_valid: |all| {
            all.iter()
                .all(|it| it.schnorr_check().is_some_and(|it| verify(&it)))
        },
        of_schnorr: true,
    },
    Contender {
        name: "schnorr, batch",
        is_valid: |all| is_batch_valid(all, Signed::schnorr_check),
        of_schnorr: true,
    },
    Contender {
        name: "schnorr, k256's own",
        is_valid: |all| all.iter().all(Signed::is_valid_for_k256_schnorr),
        of_schnorr: true,
    },
];

fn is_batch_valid(all: &[Signed], parse: fn(&Signed) -> Option<Check>) -> bool {
    let checks: Option<Vec<Check>> = all.iter().map(parse).collect();
    checks.is_some_and(|checks| verify_batch(&checks).is_ok())
}

/// Measures all contenders, round by round one after the other, on `threads` threads at once.
pub(crate) fn verifier(threads: usize, rounds: usize) -> Result<()> {
    let ecdsa: Vec<Signed> = (0..SIGNATURES).map(Signed::ecdsa).collect::<Result<_>>()?;
    let schnorr: Vec<Signed> = (0..SIGNATURES)
        .map(Signed::schnorr)
        .collect::<Result<_>>()?;
    let run = || {
        let mut times: Vec<Rounds> = CONTENDERS.iter().map(|_| Rounds::new()).collect();
        let mut all_valid = true;
        for _ in 0..rounds {
            for (contender, times) in CONTENDERS.iter().zip(&mut times) {
                let set = if contender.of_schnorr {
                    &schnorr
                } else {
                    &ecdsa
                };
                times.time(|| all_valid &= black_box((contender.is_valid)(black_box(set))));
            }
        }
        (times, all_valid)
    };
    let results = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(run)).collect();
        let joined = handles.into_iter().map(|handle| handle.join().ok());
        joined.collect::<Option<Vec<_>>>()
    });
    let results = results.context("a thread panicked")?;
    ensure!(
        results.iter().all(|(_, all_valid)| *all_valid),
        "a valid signature was refused"
    );
    println!("{SIGNATURES} signatures a round, {rounds} rounds on each of {threads} threads");
    let sums = results.into_iter().map(|(times, _)| times);
    let sums = sums.reduce(|sum, times| {
        let pairs = sum.into_iter().zip(&times);
        pairs.map(|(sum, times)| sum.merge(times)).collect()
    });
    for (contender, times) in CONTENDERS.iter().zip(sums.unwrap_or_default()) {
        times.tell(contender.name, SIGNATURES);
    }
    Ok(())
}
