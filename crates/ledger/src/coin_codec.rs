//! How coins are stored, version 1.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | high half: version, 1; bit 3: made by a coinbase; bits 0 to 2: form of the script |
//! | 1 to 5 | height, as a varint |
//! | 1 to 8 | value in satoshis, as a varint |
//! | | form 0: length of the script as a varint, and the script; form 1: P2PKH, its 20-byte hash; 2: P2SH, 20 bytes; 3: P2WPKH, 20 bytes; 4: P2WSH, 32 bytes; 5: P2TR, 32 bytes |
//!
//! A varint is LEB128: seven bits a byte, the lowest first, the high bit set in all but the
//! last. There is one encoding of each coin; others are refused.

use synod_primitives::{Amount, Height};

use crate::coin::{Coin, CoinScript};
use crate::error::CodecError;

const VERSION: u8 = 1;
const COINBASE_BIT: u8 = 1 << 3;
const FORM_MASK: u8 = 0b111;

/// A script that is stored by its hash or key: what stands before it and after it.
struct Form {
    code: u8,
    before: &'static [u8],
    length: usize,
    after: &'static [u8],
}

const RAW: u8 = 0;
const FORMS: [Form; 5] = [
    Form {
        code: 1,
        before: &[0x76, 0xa9, 20],
        length: 20,
        after: &[0x88, 0xac],
    },
    Form {
        code: 2,
        before: &[0xa9, 20],
        length: 20,
        after: &[0x87],
    },
    Form {
        code: 3,
        before: &[0x00, 20],
        length: 20,
        after: &[],
    },
    Form {
        code: 4,
        before: &[0x00, 32],
        length: 32,
        after: &[],
    },
    Form {
        code: 5,
        before: &[0x51, 32],
        length: 32,
        after: &[],
    },
];

impl Form {
    /// Returns the hash or key of a script that has this form.
    fn payload<'s>(&self, script: &'s [u8]) -> Option<&'s [u8]> {
        let payload = script.strip_prefix(self.before)?.strip_suffix(self.after)?;
        (payload.len() == self.length).then_some(payload)
    }

    fn script(&self, payload: &[u8]) -> CoinScript {
        CoinScript::new(&[self.before, payload, self.after].concat())
    }

    fn of(script: &[u8]) -> Option<(&'static Self, &[u8])> {
        FORMS
            .iter()
            .find_map(|form| Some((form, form.payload(script)?)))
    }
}

impl Coin {
    /// Encodes the coin in the format of this version.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        self.encode_into(&mut out);
        out
    }

    /// Appends the encoding of [`Coin::encode`].
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let script = self.script_pubkey.as_bytes();
        let form = Form::of(script);
        let coinbase = if self.is_coinbase { COINBASE_BIT } else { 0 };
        out.push(VERSION << 4 | coinbase | form.as_ref().map_or(RAW, |(form, _)| form.code));
        write_varint(out, u64::from(self.height.0));
        write_varint(out, self.value.sat().cast_unsigned());
        if let Some((_, payload)) = form {
            out.extend_from_slice(payload);
        } else {
            write_varint(out, script.len() as u64);
            out.extend_from_slice(script);
        }
    }

    /// Decodes exactly one coin.
    ///
    /// # Errors
    /// Bytes that [`Coin::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut cursor = Cursor(bytes);
        let coin = cursor.read_coin()?;
        cursor.finish()?;
        Ok(coin)
    }
}

pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that are not read yet.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn finish(&self) -> Result<(), CodecError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CodecError::TrailingBytes)
        }
    }

    pub(crate) fn read_slice(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (slice, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(CodecError::Truncated)?;
        self.0 = rest;
        Ok(slice)
    }

    pub(crate) fn read_u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.read_slice(1)?[0])
    }

    pub(crate) fn read_varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.read_u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::OutOfRange);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let is_shortest = byte != 0 || shift == 0;
                return is_shortest.then_some(value).ok_or(CodecError::NotCanonical);
            }
        }
        Err(CodecError::OutOfRange)
    }

    pub(crate) fn read_coin(&mut self) -> Result<Coin, CodecError> {
        let head = self.read_u8()?;
        if head >> 4 != VERSION {
            return Err(CodecError::Version(head >> 4));
        }
        let height = u32::try_from(self.read_varint()?).map_err(|_| CodecError::OutOfRange)?;
        let value = i64::try_from(self.read_varint()?).map_err(|_| CodecError::OutOfRange)?;
        let value = Amount::from_sat(value);
        if !value.is_in_range() {
            return Err(CodecError::OutOfRange);
        }
        Ok(Coin {
            value,
            script_pubkey: self.read_script(head & FORM_MASK)?,
            height: Height(height),
            is_coinbase: head & COINBASE_BIT != 0,
        })
    }

    fn read_script(&mut self, code: u8) -> Result<CoinScript, CodecError> {
        if let Some(form) = FORMS.iter().find(|form| form.code == code) {
            return Ok(form.script(self.read_slice(form.length)?));
        }
        if code != RAW {
            return Err(CodecError::OutOfRange);
        }
        let length = usize::try_from(self.read_varint()?).map_err(|_| CodecError::Truncated)?;
        let script = self.read_slice(length)?;
        if Form::of(script).is_some() {
            return Err(CodecError::NotCanonical);
        }
        Ok(CoinScript::new(script))
    }
}
