//! Scripts put together from pieces, with the arguments that satisfy them.

use synod_primitives::sha256;
use synod_script::{Opcode, ScriptBuilder, hash160};

use crate::random::Random;
use crate::signer::{KEYS, KeyForm, Signer};

/// Under which rules a script is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// Without witness.
    Base,
    /// Witness version 0.
    V0,
    /// Tapscript.
    Tap,
}

/// An argument of a script.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Bytes.
    Data(Vec<u8>),
    /// A signature, made when the transaction is known.
    Signature {
        /// The index of the key.
        key: usize,
        /// The hash type.
        hash_type: u8,
        /// Where the signed part of the script begins: in bytes.
        code_start: usize,
        /// The index of the last CODESEPARATOR among the opcodes.
        separator: u32,
    },
}

/// A script with its arguments, the bottom of the stack first.
#[derive(Clone, Debug)]
pub struct Puzzle {
    /// The script.
    pub script: Vec<u8>,
    /// The arguments.
    pub arguments: Vec<Argument>,
}

impl Puzzle {
    /// Makes a puzzle whose arguments are bytes.
    #[must_use]
    pub fn new(script: Vec<u8>, arguments: Vec<Vec<u8>>) -> Self {
        let arguments = arguments.into_iter().map(Argument::Data).collect();
        Self { script, arguments }
    }
}

/// Builds a puzzle from pieces; each takes its arguments off the top.
struct Composer<'r> {
    random: &'r mut Random,
    signer: &'r Signer,
    version: Version,
    script: Vec<u8>,
    /// The arguments, the top of the stack first.
    arguments: Vec<Argument>,
    code_start: usize,
    separator: u32,
}

/// Makes a script that its arguments satisfy, most of the time.
pub fn compose(random: &mut Random, signer: &Signer, version: Version) -> Puzzle {
    let mut composer = Composer {
        random,
        signer,
        version,
        script: Vec::new(),
        arguments: Vec::new(),
        code_start: 0,
        separator: u32::MAX,
    };
    for _ in 0..composer.random.below(4) {
        composer.add_piece();
    }
    composer.add_end();
    let mut arguments = composer.arguments;
    arguments.reverse();
    Puzzle {
        script: composer.script,
        arguments,
    }
}

impl Composer<'_> {
    fn append(&mut self, build: impl FnOnce(ScriptBuilder) -> ScriptBuilder) {
        self.script.extend(build(ScriptBuilder::new()).into_bytes());
    }

    fn opcodes(&mut self, opcodes: &[Opcode]) {
        self.script.extend(opcodes.iter().map(|opcode| opcode.0));
    }

    fn key(&mut self) -> (usize, Vec<u8>) {
        let index = self.random.below(KEYS);
        if self.version == Version::Tap {
            let key = match self.random.once_in(20) {
                true => self
                    .random
                    .pick(&[vec![], vec![2; 31], vec![2; 33], vec![1]]),
                false => self.signer.x_only(index).to_vec(),
            };
            return (index, key);
        }
        let forms = [
            KeyForm::Compressed,
            KeyForm::Compressed,
            KeyForm::Full,
            KeyForm::Hybrid,
        ];
        let form = self.random.pick(&forms);
        (index, self.signer.key(index, form))
    }

    fn signature(&mut self, key: usize) -> Argument {
        let usual = [1, 1, 1, 1, 2, 3, 0x81, 0x82, 0x83];
        let hash_type = match (self.version, self.random.below(10)) {
            (Version::Tap, 0..5) => 0,
            (_, 9) => self.random.pick(&[0, 4, 0x1f, 0x23, 0x80, 0x84, 0xff]),
            _ => self.random.pick(&usual),
        };
        Argument::Signature {
            key,
            hash_type,
            code_start: self.code_start,
            separator: self.separator,
        }
    }

    fn add_piece(&mut self) {
        match self.random.below(11) {
            0 => self.add_checksig(Opcode::OP_CHECKSIGVERIFY),
            1 => self.add_many(true),
            2 => self.add_separator(),
            3 => self.add_condition(),
            4 => self.add_hash_lock(),
            5 => self.add_lock_time(),
            6 => self.add_arithmetic(),
            7 => self.add_shuffle(),
            8 => self.add_failing_signature(),
            9 => self.add_push(),
            _ => {
                let nop = self.random.pick(&[0x61, 0x61, 0xb0, 0xb3, 0xb9]);
                self.script.push(nop);
            }
        }
    }

    fn add_end(&mut self) {
        match self.random.below(6) {
            0 => self.add_many(false),
            1 => self.append(|builder| builder.push_number(1)),
            2 => self.add_key_hash(),
            _ => self.add_checksig(Opcode::OP_CHECKSIG),
        }
    }

    fn add_checksig(&mut self, opcode: Opcode) {
        let (index, key) = self.key();
        let signature = self.signature(index);
        self.arguments.push(signature);
        self.append(|builder| builder.push_verbatim(&key).opcode(opcode));
    }

    /// The hash of a key, then the key and a signature by it.
    fn add_key_hash(&mut self) {
        let (index, key) = self.key();
        let signature = self.signature(index);
        let hash = hash160(&key);
        self.arguments.push(Argument::Data(key));
        self.arguments.push(signature);
        self.script
            .extend_from_slice(synod_script::template::p2pkh(&hash).as_bytes());
    }

    /// Some of several keys, by the means of the version.
    fn add_many(&mut self, is_verify: bool) {
        let total = 1 + self.random.below(4);
        let required = self.random.below(total + 1);
        if self.version == Version::Tap {
            return self.add_checksig_add(total, required, is_verify);
        }
        let keys: Vec<_> = (0..total).map(|_| self.key()).collect();
        let signatures: Vec<_> = keys[total - required..]
            .iter()
            .map(|(index, _)| self.signature(*index))
            .collect();
        self.arguments.extend(signatures.into_iter().rev());
        self.arguments.push(Argument::Data(self.random.pick(&[
            vec![],
            vec![],
            vec![],
            vec![1],
        ])));
        self.append(|builder| builder.push_number(required as i64));
        for (_, key) in &keys {
            self.append(|builder| builder.push_verbatim(key));
        }
        let opcode = match is_verify {
            true => Opcode::OP_CHECKMULTISIGVERIFY,
            false => Opcode::OP_CHECKMULTISIG,
        };
        self.append(|builder| builder.push_number(total as i64).opcode(opcode));
    }

    fn add_checksig_add(&mut self, total: usize, required: usize, is_verify: bool) {
        self.append(|builder| builder.push_number(0));
        for number in 0..total {
            let (index, key) = self.key();
            let argument = match number < required {
                true => self.signature(index),
                false => Argument::Data(vec![]),
            };
            self.arguments.push(argument);
            // The signature lies below the count.
            self.append(|builder| {
                let builder = builder.opcode(Opcode::OP_SWAP).opcode(Opcode::OP_SWAP);
                builder.push_verbatim(&key).opcode(Opcode::OP_CHECKSIGADD)
            });
        }
        let opcode = match is_verify {
            true => Opcode::OP_NUMEQUALVERIFY,
            false => Opcode::OP_NUMEQUAL,
        };
        self.append(|builder| builder.push_number(required as i64).opcode(opcode));
    }

    fn add_separator(&mut self) {
        let before = synod_script::Instructions::new(&self.script).count();
        self.separator = u32::try_from(before).expect("short");
        self.opcodes(&[Opcode::OP_CODESEPARATOR]);
        self.code_start = self.script.len();
    }

    fn add_condition(&mut self) {
        let is_taken = self.random.once_in(2);
        let truths = [vec![1], vec![1], vec![1], vec![2], vec![1, 0]];
        let lies = [vec![], vec![], vec![], vec![0], vec![0x80]];
        let condition = self.random.pick(if is_taken { &truths } else { &lies });
        self.arguments.push(Argument::Data(condition));
        let untaken = self.random.pick(&[0x6a, 0x61, 0xab, 0x50, 0xac, 0x76]);
        let (first, second) = match is_taken {
            true => (Opcode::OP_NOP, Opcode(untaken)),
            false => (Opcode(untaken), Opcode::OP_NOP),
        };
        self.opcodes(&[
            Opcode::OP_IF,
            first,
            Opcode::OP_ELSE,
            second,
            Opcode::OP_ENDIF,
        ]);
    }

    fn add_hash_lock(&mut self) {
        let length = self.random.pick(&[0, 1, 32, 75, 80, 520]);
        let secret = self.random.bytes(length);
        let (opcode, hash) = match self.random.below(5) {
            0 => (Opcode::OP_SHA256, sha256(&secret).to_vec()),
            1 => (Opcode::OP_HASH160, hash160(&secret).to_vec()),
            2 => (Opcode::OP_SHA1, synod_script::sha1(&secret).to_vec()),
            3 => (
                Opcode::OP_RIPEMD160,
                synod_script::ripemd160(&secret).to_vec(),
            ),
            _ => (
                Opcode::OP_HASH256,
                synod_primitives::sha256d(&secret).to_vec(),
            ),
        };
        self.arguments.push(Argument::Data(secret));
        self.append(|builder| {
            let builder = builder.opcode(opcode).push_verbatim(&hash);
            builder.opcode(Opcode::OP_EQUALVERIFY)
        });
    }

    fn add_lock_time(&mut self) {
        let opcodes = [
            Opcode::OP_CHECKLOCKTIMEVERIFY,
            Opcode::OP_CHECKSEQUENCEVERIFY,
        ];
        let opcode = self.random.pick(&opcodes);
        let times = [
            0,
            1,
            17,
            65535,
            65536,
            499_999_999,
            500_000_000,
            0x7fff_ffff,
            0x8000_0000,
            1 << 22,
            (1 << 22) | 5,
            0xffff_ffff,
            1 << 39,
            -1,
        ];
        let time = self.random.pick(&times);
        self.append(|builder| {
            let builder = builder.push_number(time).opcode(opcode);
            builder.opcode(Opcode::OP_DROP)
        });
    }

    fn add_arithmetic(&mut self) {
        let numbers = [
            -1,
            0,
            1,
            2,
            16,
            127,
            128,
            -128,
            255,
            32767,
            0x7fff_ffff,
            -0x7fff_ffff,
        ];
        let (left, right) = (self.random.pick(&numbers), self.random.pick(&numbers));
        let opcode = Opcode(0x93 + self.random.byte() % 18);
        self.append(|builder| {
            let builder = builder.push_number(left).push_number(right);
            builder.opcode(opcode).opcode(Opcode::OP_DROP)
        });
    }

    fn add_shuffle(&mut self) {
        let pieces: [&[u8]; 9] = [
            &[0x51, 0x6b, 0x6c, 0x75],
            &[0x51, 0x52, 0x6e, 0x6d, 0x6d],
            &[0x51, 0x52, 0x53, 0x6f, 0x7b, 0x7d, 0x6d, 0x6d, 0x6d, 0x75],
            &[0x51, 0x52, 0x53, 0x54, 0x70, 0x72, 0x6d, 0x6d, 0x6d],
            &[0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x71, 0x6d, 0x6d, 0x6d],
            &[0x74, 0x75],
            &[0x51, 0x73, 0x6d],
            &[0x51, 0x52, 0x51, 0x79, 0x6d, 0x75],
            &[0x51, 0x52, 0x51, 0x7a, 0x82, 0x6d, 0x75],
        ];
        let piece = self.random.pick(&pieces);
        self.script.extend_from_slice(piece);
    }

    /// A check that is false, and may be.
    fn add_failing_signature(&mut self) {
        let (_, key) = self.key();
        let signatures = [
            vec![],
            vec![],
            vec![0x30],
            vec![1; 64],
            vec![0x30, 6, 2, 1, 1, 2, 1, 1, 1],
        ];
        let signature = self.random.pick(&signatures);
        self.arguments.push(Argument::Data(signature));
        self.append(|builder| {
            let builder = builder.push_verbatim(&key).opcode(Opcode::OP_CHECKSIG);
            builder.opcode(Opcode::OP_NOT).opcode(Opcode::OP_VERIFY)
        });
    }

    fn add_push(&mut self) {
        let forms: [&[u8]; 7] = [
            &[0x4c, 0],
            &[1, 5],
            &[0x4c, 1, 9],
            &[0x4d, 1, 0, 9],
            &[0x4e, 1, 0, 0, 0, 9],
            &[1, 0x81],
            &[2, 7, 0],
        ];
        let form = self.random.pick(&forms);
        self.script.extend_from_slice(form);
        self.opcodes(&[Opcode::OP_DROP]);
    }
}
