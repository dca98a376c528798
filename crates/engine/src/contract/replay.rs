//! Playing scripts: again, cut off, disturbed.

use bytes::Bytes;

use super::{Factory, Promises, Script};
use crate::{Engine, FinalBlock, Input, Millis, Output, PeerId};

/// Checks that the same inputs give the same outputs.
///
/// # Panics
/// When they do not.
pub fn check_determinism(factory: Factory<'_>, script: &Script) {
    let play = || {
        let mut engine = factory();
        script
            .iter()
            .map(|(now, input)| engine.handle(*now, input.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(play(), play(), "two runs of one script differ");
}

/// Checks that an engine which is stopped after any input, and started again from what it
/// persisted, keeps every promise that it made: no vote contradicts an earlier one, no slot is
/// used twice, and what was final stays so.
///
/// # Panics
/// When a promise is broken.
pub fn check_restart_at_every_point(factory: Factory<'_>, script: &Script) {
    for with_state in [false, true] {
        restart_at_every_point(factory, script, with_state);
    }
}

fn restart_at_every_point(factory: Factory<'_>, script: &Script, with_state: bool) {
    for stop in 1..script.len() {
        let mut promises = Promises::default();
        let mut engine = factory();
        for (now, input) in &script[..stop] {
            promises.note(&engine.handle(*now, input.clone()));
        }
        promises.check(&*engine);
        let now = script[stop - 1].0;
        let state = engine.state_at_final().filter(|_| with_state);
        let mut engine = factory();
        promises.note(&engine.handle(now, promises.restart(state.as_ref())));
        promises.check(&*engine);
        if let Some((block, _)) = state {
            assert_eq!(engine.stands_at(), Some(block), "it goes on from its state");
        }
        replay_chain(&mut *engine, &script[..stop], now, &mut promises);
        for (now, input) in &script[stop..] {
            promises.note(&engine.handle(*now, input.clone()));
        }
        promises.check(&*engine);
    }
}

/// Gives a started engine what a node gives it from storage: the blocks that were stored, and
/// the active chain above the one that it stands at; then the keys.
fn replay_chain(
    engine: &mut dyn Engine,
    past: &[(Millis, Input)],
    now: Millis,
    promises: &mut Promises,
) {
    let stands_at = engine.stands_at();
    let is_above =
        |block: &crate::StoredBlock| stands_at.is_some_and(|it| block.height > it.height);
    let mut active = Vec::new();
    let mut keys = None;
    for (_, input) in past {
        match input {
            Input::Stored(block) if is_above(block) => {
                promises.note(&engine.handle(now, Input::Stored(block.clone())));
            }
            Input::Connected(connected) => active.push(connected.clone()),
            Input::Disconnected(_) => drop(active.pop()),
            Input::Keys(_) => keys = Some(input.clone()),
            _ => {}
        }
    }
    for connected in active {
        if is_above(&connected.block) {
            promises.note(&engine.handle(now, Input::Connected(connected)));
        }
    }
    if let Some(keys) = keys {
        promises.note(&engine.handle(now, keys));
    }
}

/// Checks that an engine stays safe when messages are lost, repeated and reordered, in
/// `rounds` different ways that follow from `seed`.
///
/// # Panics
/// When the engine panics or breaks a promise.
pub fn check_disturbed_messages(factory: Factory<'_>, script: &Script, seed: u64, rounds: u32) {
    let mut random = seed | 1;
    for _ in 0..rounds {
        let mut promises = Promises::default();
        let mut engine = factory();
        for (now, input) in disturb(script, &mut random) {
            promises.note(&engine.handle(now, input));
            promises.check(&*engine);
        }
    }
}

/// Drops a quarter of the messages, repeats a quarter, and delays a quarter to the end of the
/// script; what the node itself says keeps its order.
fn disturb(script: &Script, random: &mut u64) -> Script {
    let mut disturbed = Vec::with_capacity(script.len() * 2);
    let mut delayed = Vec::new();
    for (now, input) in script {
        if !matches!(input, Input::Message { .. } | Input::Voted(_)) {
            disturbed.push((*now, input.clone()));
            continue;
        }
        match next(random) % 4 {
            0 => {}
            1 => {
                disturbed.push((*now, input.clone()));
                disturbed.push((*now, input.clone()));
            }
            2 => delayed.push(input.clone()),
            _ => disturbed.push((*now, input.clone())),
        }
    }
    let end = script.last().map_or(Millis::default(), |(now, _)| *now);
    disturbed.extend(delayed.into_iter().rev().map(|input| (end, input)));
    disturbed
}

/// Checks that nothing that strangers send makes an engine hold more than it says, and that
/// it asks for nothing because of it.
///
/// `messages` are sent one after the other, each from another peer, after the script.
///
/// # Panics
/// When the limit is passed, or finality moves.
pub fn check_flood(
    factory: Factory<'_>,
    script: &Script,
    messages: impl IntoIterator<Item = Bytes>,
) {
    let mut engine = factory();
    for (now, input) in script {
        engine.handle(*now, input.clone());
    }
    let before: Option<FinalBlock> = engine.finalized();
    let now = script.last().map_or(Millis::default(), |(now, _)| *now);
    let limit = engine.held_items() + engine.max_held_items();
    for (from, bytes) in (1 << 32..).zip(messages) {
        let from = PeerId(from);
        let outputs = engine.handle(now, Input::Message { from, bytes });
        let acts = |it: &Output| matches!(it, Output::BuildBlock(_) | Output::CheckBlock(_));
        assert!(!outputs.iter().any(acts), "a stranger makes the engine act");
        let held = engine.held_items();
        assert!(held <= limit, "{held} items are held, {limit} allowed");
    }
    assert_eq!(engine.finalized(), before, "a stranger moves finality");
}

/// The next number of a small generator (xorshift64, Marsaglia 2003).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
