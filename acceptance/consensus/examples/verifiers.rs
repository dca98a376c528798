//! Times signature checks with all parsing: ours one by one and in batches, k256's and
//! libsecp256k1's, round by round one after the other on the same core, which the thread is bound to.
//!
//! `cargo run --release --example verifiers`; CPU time of the thread, best and median of the rounds,
//! and the median of the ratios to libsecp256k1 in the same round.

use std::hint::black_box;
use std::time::Duration;

use bitcoin::secp256k1::{
    Keypair, Message, PublicKey, Secp256k1, SecretKey, VerifyOnly, XOnlyPublicKey, ecdsa, schnorr,
};
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use synod_primitives::sha256;
use synod_sigcheck::{Check, verify, verify_batch};

/// Distinct signatures, all of which are judged in each round.
const SIGNATURES: usize = 4_096;
/// Rounds.
const ROUNDS: usize = 31;

/// A signature as it stands in a transaction, with what it signs.
struct Signed {
    key: Vec<u8>,
    signature: Vec<u8>,
    digest: [u8; 32],
}

/// One way to judge a set of signatures.
struct Contender {
    name: &'static str,
    of_schnorr: bool,
    is_valid: fn(&Secp256k1<VerifyOnly>, &[Signed]) -> bool,
}

/// Those of a kind follow one another, libsecp256k1 first.
const CONTENDERS: [Contender; 8] = [
    Contender {
        name: "ecdsa, libsecp256k1",
        of_schnorr: false,
        is_valid: |secp, all| all.iter().all(|it| it.is_ecdsa_for_libsecp(secp)),
    },
    Contender {
        name: "ecdsa, ours one by one",
        of_schnorr: false,
        is_valid: |_, all| all.iter().all(|it| verify(&it.ecdsa_check())),
    },
    Contender {
        name: "ecdsa, ours in a batch",
        of_schnorr: false,
        is_valid: |_, all| is_batch_valid(all, Signed::ecdsa_check),
    },
    Contender {
        name: "ecdsa, k256",
        of_schnorr: false,
        is_valid: |_, all| all.iter().all(Signed::is_ecdsa_for_k256),
    },
    Contender {
        name: "schnorr, libsecp256k1",
        of_schnorr: true,
        is_valid: |secp, all| all.iter().all(|it| it.is_schnorr_for_libsecp(secp)),
    },
    Contender {
        name: "schnorr, ours one by one",
        of_schnorr: true,
        is_valid: |_, all| all.iter().all(|it| verify(&it.schnorr_check())),
    },
    Contender {
        name: "schnorr, ours in a batch",
        of_schnorr: true,
        is_valid: |_, all| is_batch_valid(all, Signed::schnorr_check),
    },
    Contender {
        name: "schnorr, k256",
        of_schnorr: true,
        is_valid: |_, all| all.iter().all(Signed::is_schnorr_for_k256),
    },
];

fn is_batch_valid(all: &[Signed], parse: fn(&Signed) -> Check) -> bool {
    let checks: Vec<Check> = all.iter().map(parse).collect();
    verify_batch(&checks).is_ok()
}

impl Signed {
    fn new(index: usize, of_schnorr: bool) -> Self {
        let secp = Secp256k1::new();
        let secret = sha256(&(index as u64).to_le_bytes());
        let digest = sha256(&secret);
        let message = Message::from_digest(digest);
        let secret = SecretKey::from_slice(&secret).expect("in range");
        if of_schnorr {
            let pair = Keypair::from_secret_key(&secp, &secret);
            let signature = secp.sign_schnorr_no_aux_rand(&message, &pair);
            return Self {
                key: pair.x_only_public_key().0.serialize().to_vec(),
                signature: signature.serialize().to_vec(),
                digest,
            };
        }
        Self {
            key: secret.public_key(&secp).serialize().to_vec(),
            signature: secp.sign_ecdsa(&message, &secret).serialize_der().to_vec(),
            digest,
        }
    }

    fn ecdsa_check(&self) -> Check {
        Check::ecdsa(&self.key, &self.signature, self.digest).expect("parses")
    }

    fn schnorr_check(&self) -> Check {
        Check::schnorr(&self.key, &self.signature, self.digest).expect("parses")
    }

    /// As a node does: lax DER, low S.
    fn is_ecdsa_for_libsecp(&self, secp: &Secp256k1<VerifyOnly>) -> bool {
        let key = PublicKey::from_slice(&self.key).expect("parses");
        let mut signature = ecdsa::Signature::from_der_lax(&self.signature).expect("parses");
        signature.normalize_s();
        let message = Message::from_digest(self.digest);
        secp.verify_ecdsa(&message, &signature, &key).is_ok()
    }

    fn is_schnorr_for_libsecp(&self, secp: &Secp256k1<VerifyOnly>) -> bool {
        let key = XOnlyPublicKey::from_slice(&self.key).expect("parses");
        let signature = schnorr::Signature::from_slice(&self.signature).expect("parses");
        let message = Message::from_digest(self.digest);
        secp.verify_schnorr(&signature, &message, &key).is_ok()
    }
}

impl Signed {
    fn is_ecdsa_for_k256(&self) -> bool {
        let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&self.key).expect("parses");
        let signature = k256::ecdsa::Signature::from_der(&self.signature).expect("parses");
        let signature = signature.normalize_s();
        key.verify_prehash(&self.digest, &signature).is_ok()
    }

    fn is_schnorr_for_k256(&self) -> bool {
        let key = k256::schnorr::VerifyingKey::from_slice(&self.key).expect("parses");
        let signature = k256::schnorr::Signature::try_from(&self.signature[..]).expect("parses");
        key.verify_raw(&self.digest, &signature).is_ok()
    }
}

/// Binds this thread to the last of the cores that it may run on; the first has most interrupts.
fn stay_on_one_core() -> Option<usize> {
    let allowed = sched_getaffinity(None).ok()?;
    let core = (0..CpuSet::MAX_CPU).rev().find(|it| allowed.is_set(*it))?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).ok()?;
    Some(core)
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn main() {
    let secp = Secp256k1::verification_only();
    let sets = [false, true].map(|of_schnorr| -> Vec<Signed> {
        (0..SIGNATURES)
            .map(|it| Signed::new(it, of_schnorr))
            .collect()
    });
    match stay_on_one_core() {
        Some(core) => println!("{ROUNDS} rounds of {SIGNATURES} signatures on core {core}"),
        None => println!("{ROUNDS} rounds of {SIGNATURES} signatures on whatever core"),
    }
    let mut times = vec![Vec::new(); CONTENDERS.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in CONTENDERS.iter().zip(&mut times) {
            let set = &sets[usize::from(contender.of_schnorr)];
            let start = thread_time();
            assert!((contender.is_valid)(&secp, black_box(set)));
            times.push((thread_time() - start).as_secs_f64() * 1e6 / SIGNATURES as f64);
        }
    }
    for (index, contender) in CONTENDERS.iter().enumerate() {
        let first_of_kind = CONTENDERS
            .iter()
            .position(|it| it.of_schnorr == contender.of_schnorr);
        let libsecp = &times[first_of_kind.unwrap_or(index)];
        let ratios = times[index].iter().zip(libsecp);
        let ratio = median(ratios.map(|(time, libsecp)| time / libsecp).collect());
        let best = times[index].iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{:<24} best {best:6.2} us  median {:6.2} us  of libsecp256k1's time {ratio:.2}",
            contender.name,
            median(times[index].clone()),
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
