//! Seals, votes and evidence, from outside.

mod contradictions;
mod evidence;
mod formats;
mod kit;
mod sealing;
