//! All SQL of the protection database: rows in, rows out, each with a digest of itself.

mod columns;
mod head;
mod marks;
mod seals;
mod votes;

pub(super) use head::{load_head, save_head};
pub(super) use marks::{all_marks, load_marks, save_marks};
pub(super) use seals::{all_seals, insert_seal, prune_seals, seal_at};
pub(super) use votes::{all_votes, insert_vote, prune_votes, vote_around, vote_for};
