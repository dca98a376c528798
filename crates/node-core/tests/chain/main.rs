//! What a chain promises: the branch with most work, the same coins however it got there, and
//! nothing lost at any commit.

mod ahead;
mod branches;
mod commits;
mod crashes;
mod dpos;
mod fork_warning;
mod kit;
mod mutations;
mod pos;
mod random;
mod slashing;
mod storage;
mod trust;
mod unknown_rules;
