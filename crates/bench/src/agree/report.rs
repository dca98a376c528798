//! What runs came to.

/// What became of the payments of one run, or of several.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Milliseconds from sending a payment until it is in a block that stays, for its sender.
    pub inclusion_ms: Vec<u64>,
    /// Milliseconds from sending a payment until it is final for its sender.
    pub finality_ms: Vec<u64>,
    /// Blocks of the active chain since the first payment.
    pub blocks: u64,
    /// Seals and votes that were signed meanwhile.
    pub signatures: u64,
    /// Bytes of those blocks.
    pub block_bytes: u64,
    /// Bytes of seals in those blocks, with the reveals and votes in them.
    pub sealed_bytes: u64,
    /// Bytes of votes that were sent, once for each receiver.
    pub vote_bytes: u64,
}

/// Returns the value that so many of a hundred do not exceed; `None` of no values.
fn percentile(values: &[u64], hundredth: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * hundredth).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn seconds(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(
        || "-".to_owned(),
        |it| format!("{}.{} s", it / 1000, it % 1000 / 100),
    )
}

fn per(total: u64, count: u64) -> String {
    let tenths = (total * 10).checked_div(count).unwrap_or(0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

impl Report {
    pub(super) fn add(&mut self, other: Self) {
        self.inclusion_ms.extend(other.inclusion_ms);
        self.finality_ms.extend(other.finality_ms);
        self.blocks += other.blocks;
        self.signatures += other.signatures;
        self.block_bytes += other.block_bytes;
        self.sealed_bytes += other.sealed_bytes;
        self.vote_bytes += other.vote_bytes;
    }

    pub(super) fn head() -> String {
        "| engine | payments | in a block, p50 | p99 | final, p50 | p99 | signatures a block | bytes a block | of them sealing | votes on the wire, bytes a block |\n\
         |---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned()
    }

    pub(super) fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.inclusion_ms.len(),
            seconds(percentile(&self.inclusion_ms, 50)),
            seconds(percentile(&self.inclusion_ms, 99)),
            seconds(percentile(&self.finality_ms, 50)),
            seconds(percentile(&self.finality_ms, 99)),
            per(self.signatures, self.blocks),
            per(self.block_bytes, self.blocks),
            per(self.sealed_bytes, self.blocks),
            per(self.vote_bytes, self.blocks),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=200).rev().collect();
        assert_eq!(percentile(&values, 50), Some(100));
        assert_eq!(percentile(&values, 99), Some(198));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(seconds(Some(12_345)), "12.3 s");
        assert_eq!(per(25, 10), "2.5");
    }
}
