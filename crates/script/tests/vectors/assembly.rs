//! The text in which Core's vectors write scripts, and their flags.

use synod_primitives::{Script, hex};
use synod_script::{Flags, Opcode, ScriptBuilder};

/// Reads words: decimal numbers, `0x` raw bytes, `'text'` to be pushed, names of opcodes.
pub(crate) fn parse_script(text: &str) -> Script {
    let words = text.split_ascii_whitespace();
    words.fold(ScriptBuilder::new(), add_word).into_script()
}

fn add_word(builder: ScriptBuilder, word: &str) -> ScriptBuilder {
    if let Ok(number) = word.parse::<i64>() {
        return builder.push_number(number);
    }
    if let Some(digits) = word.strip_prefix("0x") {
        return builder.raw(&hex::decode(digits).expect("hex"));
    }
    if let Some(text) = word.strip_prefix('\'') {
        let text = text.strip_suffix('\'').expect("a closing quote");
        return builder.push_verbatim(text.as_bytes());
    }
    builder.opcode(Opcode::from_name(word).unwrap_or_else(|| panic!("opcode {word}")))
}

/// Reads names of flags, parted by commas.
pub(crate) fn parse_flags(text: &str) -> Flags {
    let names = text.split(',').filter(|name| !matches!(*name, "" | "NONE"));
    names.fold(Flags::NONE, |flags, name| {
        flags | Flags::from_name(name).unwrap_or_else(|| panic!("flag {name}"))
    })
}

/// Says whether the flags that others lean on are there, without which Core does not verify.
pub(crate) fn is_complete(flags: Flags) -> bool {
    fill_flags(flags) == flags
}

/// Adds the flags that others lean on.
pub(crate) fn fill_flags(mut flags: Flags) -> Flags {
    if flags.contains(Flags::CLEANSTACK) {
        flags = flags | Flags::WITNESS;
    }
    if flags.contains(Flags::WITNESS) {
        flags = flags | Flags::P2SH;
    }
    flags
}

/// Removes the flags that lean on others that are not there.
pub(crate) fn trim_flags(mut flags: Flags) -> Flags {
    if !flags.contains(Flags::P2SH) {
        flags = flags.difference(Flags::WITNESS);
    }
    if !flags.contains(Flags::WITNESS) {
        flags = flags.difference(Flags::CLEANSTACK);
    }
    flags
}
