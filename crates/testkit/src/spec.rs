//! Chain specs with bonds in their bootstrap.

use synod_chainspec::ChainSpec;
use synod_primitives::hex;

use crate::signer::{Signer, bootstrap_signer};
use crate::stake::Owner;

/// A bond that the bootstrap makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bond {
    /// The seed of its signer and of its owner.
    pub seed: u8,
    /// Its amount in satoshis.
    pub amount_sat: u64,
}

/// A chain spec on the preset `sealed`, bootstrapped by
/// [`bootstrap_signer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedSpec {
    /// `pos` or `dpos`.
    pub engine: &'static str,
    /// Lines above all tables.
    pub rules: String,
    /// Lines of the engine's table.
    pub settings: String,
    /// `bootstrap.time` in seconds since 1970.
    pub time: u32,
    /// Blocks of the bootstrap; at least as many as bonds.
    pub blocks: u32,
    /// Bonds, in the order of the blocks that make them.
    pub bonds: Vec<Bond>,
}

impl SealedSpec {
    /// Writes the spec file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "base = \"sealed\"\nname = \"test\"\nengine = \"{engine}\"\n{}\n[{engine}]\n{}\n\
             [bootstrap]\ntime = {}\nblocks = {}\nkey = \"{}\"\n",
            self.rules,
            self.settings,
            self.time,
            self.blocks,
            hex::encode(bootstrap_signer().public().0),
            engine = self.engine,
        );
        for bond in &self.bonds {
            let signer = Signer::new(bond.seed);
            text += &format!(
                "[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\n\
                 amount_sat = {}\n",
                hex::encode(Owner::new(bond.seed).hash().0),
                signer.public().delegate_hash(),
                hex::encode(signer.reveals.anchor()),
                bond.amount_sat,
            );
            if self.engine == "dpos" {
                text += &format!("name = \"delegate-{}\"\n", bond.seed);
            }
        }
        text
    }

    /// Parses the spec file.
    ///
    /// # Panics
    /// The settings are none.
    #[must_use]
    pub fn spec(&self) -> ChainSpec {
        ChainSpec::parse(&self.text()).expect("a chain spec")
    }
}
