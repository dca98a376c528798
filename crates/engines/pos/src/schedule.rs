//! Slots and epochs.

use synod_engine::Millis;
use synod_seal::{Epoch, Slot};

/// How time is cut into slots, and slots into epochs.
///
/// Slot 0 is the last bootstrap block's moment. Epoch `e` holds slots `e * length + 1` to
/// `(e + 1) * length`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    pub(crate) start_time: u32,
    pub(crate) slot_s: u32,
    pub(crate) epoch_slots: u32,
}

impl Schedule {
    /// Returns the slot that a header's time is exactly the start of.
    pub(crate) fn slot_of_time(&self, time: u32) -> Option<Slot> {
        let since = time.checked_sub(self.start_time)?;
        let is_exact = since.is_multiple_of(self.slot_s) && since > 0;
        is_exact.then(|| Slot(u64::from(since / self.slot_s)))
    }

    /// Returns the slot that has begun at a moment; slot 0 before the first.
    pub(crate) fn slot_at(&self, now: Millis) -> Slot {
        let since = now.seconds().saturating_sub(u64::from(self.start_time));
        Slot(since / u64::from(self.slot_s))
    }

    /// Returns the header's time of a slot, where it fits one.
    pub(crate) fn time_of(&self, slot: Slot) -> Option<u32> {
        let since = slot.0.checked_mul(u64::from(self.slot_s))?;
        u32::try_from(since.checked_add(u64::from(self.start_time))?).ok()
    }

    pub(crate) fn epoch_of(&self, slot: Slot) -> Epoch {
        Epoch(slot.0.saturating_sub(1) / u64::from(self.epoch_slots))
    }

    /// Returns the last slot before an epoch: its checkpoint is the last block up to here.
    pub(crate) fn checkpoint_slot(&self, epoch: Epoch) -> Slot {
        Slot(epoch.0.saturating_mul(u64::from(self.epoch_slots)))
    }

    /// Returns the last slot whose block an epoch's validators are taken at: the end of the
    /// epoch before the previous one. Security: two epochs lie between what decides on the
    /// leaders and the leaders, so nobody learns in time what to choose.
    pub(crate) fn snapshot_slot(&self, epoch: Epoch) -> Slot {
        self.checkpoint_slot(Epoch(epoch.0.saturating_sub(1)))
    }

    /// Returns the epochs whose validators are taken at a block in `slot` when the next block
    /// is in `next`: those whose snapshot slot lies between. Of a long gap only the last few
    /// epochs matter.
    pub(crate) fn snapshots_between(&self, slot: Slot, next: Slot) -> impl Iterator<Item = Epoch> {
        let length = u64::from(self.epoch_slots);
        let first = slot.0.div_ceil(length).saturating_add(1);
        // The snapshot slot of epoch `e` is `(e - 1) * length`, and it is before `next`.
        let last = next.0.saturating_sub(1) / length + 1;
        let first = first.max(2).max(last.saturating_sub(2));
        (first..=last).map(Epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        start_time: 1000,
        slot_s: 2,
        epoch_slots: 4,
    };

    #[test]
    fn slots_count_from_one_and_epochs_hold_whole_runs_of_them() {
        assert_eq!(SCHEDULE.slot_of_time(1000), None);
        assert_eq!(SCHEDULE.slot_of_time(1001), None);
        assert_eq!(SCHEDULE.slot_of_time(1002), Some(Slot(1)));
        assert_eq!(SCHEDULE.time_of(Slot(1)), Some(1002));
        assert_eq!(SCHEDULE.time_of(Slot(u64::MAX)), None);
        assert_eq!(SCHEDULE.slot_at(Millis(0)), Slot(0));
        assert_eq!(SCHEDULE.slot_at(Millis(1_003_999)), Slot(1));
        let epochs = [0, 1, 4, 5, 8, 9].map(|slot| SCHEDULE.epoch_of(Slot(slot)).0);
        assert_eq!(epochs, [0, 0, 0, 1, 1, 2]);
        assert_eq!(SCHEDULE.checkpoint_slot(Epoch(2)), Slot(8));
        assert_eq!(SCHEDULE.snapshot_slot(Epoch(2)), Slot(4));
    }

    #[test]
    fn every_epoch_has_its_snapshot_at_one_block() {
        let between = |slot, next| {
            let epochs = SCHEDULE.snapshots_between(Slot(slot), Slot(next));
            epochs.map(|it| it.0).collect::<Vec<_>>()
        };
        assert_eq!(between(0, 1), []);
        assert_eq!(between(3, 4), []);
        assert_eq!(between(4, 5), [2]);
        assert_eq!(between(2, 6), [2]);
        assert_eq!(between(5, 8), []);
        assert_eq!(between(4, 9), [2, 3]);
        assert_eq!(
            between(1, 4001),
            [999, 1000, 1001],
            "the last few of a long gap"
        );
    }
}
