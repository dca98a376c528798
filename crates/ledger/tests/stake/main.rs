//! Stake: making it, spending it, slashing it, and what sealed blocks must show.

mod blocks;
mod create;
mod kit;
mod slash;
mod spend;
