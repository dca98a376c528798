//! Nodes with links between them, on one clock.

use synod_chainspec::ChainSpec;
use synod_engine::{Input, Millis, TimerId};

use crate::kit::{EPOCH, SLOT_S, START, mix, spec};
use crate::node::{Node, Packet};

/// Milliseconds between two looks at the clock.
const TICK: u64 = 100;

struct Flight {
    at: Millis,
    from: usize,
    to: usize,
    packet: Packet,
}

pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    pub(crate) now: Millis,
    /// Nodes of different groups do not hear each other.
    pub(crate) groups: Vec<u8>,
    flights: Vec<Flight>,
    seed: u64,
    sent: u64,
}

impl Network {
    /// One node for each validator, with bonds of these amounts.
    pub(crate) fn new(amounts: &[u64], seed: u64) -> Self {
        let seeds: Vec<Vec<u8>> = (1..).zip(amounts).map(|(it, _)| vec![it]).collect();
        Self::with_signers(amounts, &seeds, seed)
    }

    /// Nodes that sign for validators of these seeds.
    pub(crate) fn with_signers(amounts: &[u64], signers: &[Vec<u8>], seed: u64) -> Self {
        Self::of(&spec(amounts), signers, seed)
    }

    /// Nodes of a spec.
    pub(crate) fn of(spec: &ChainSpec, signers: &[Vec<u8>], seed: u64) -> Self {
        let bootstrap = u64::from(spec.bootstrap_height().0);
        let nodes: Vec<Node> = (0..)
            .zip(signers)
            .map(|(salt, seeds)| Node::new(spec, seeds, salt))
            .collect();
        Self {
            groups: vec![0; nodes.len()],
            nodes,
            // In the middle of slot 0, so that runs end when a slot's block has come to all.
            now: Millis::from_seconds(u64::from(START) + bootstrap + SLOT_S / 2),
            flights: Vec::new(),
            seed,
            sent: 0,
        }
    }

    fn send(&mut self, from: usize, packets: Vec<Packet>) {
        for packet in packets {
            for to in 0..self.nodes.len() {
                self.sent += 1;
                if to != from && self.groups[to] == self.groups[from] {
                    let delay = 10 + mix(self.seed, self.sent) % 300;
                    self.flights.push(Flight {
                        at: self.now.plus(delay),
                        from,
                        to,
                        packet: packet.clone(),
                    });
                }
            }
        }
    }

    /// Lets the clock run for whole epochs.
    pub(crate) fn run_epochs(&mut self, epochs: u64) {
        self.run_slots(epochs * EPOCH);
    }

    pub(crate) fn run_slots(&mut self, slots: u64) {
        let end = self.now.plus(slots * SLOT_S * 1000);
        while self.now < end {
            self.now = self.now.plus(TICK);
            self.deliver();
            for index in 0..self.nodes.len() {
                if self.nodes[index].timer <= self.now {
                    let mut sent = Vec::new();
                    let timer = Input::Timer(TimerId(1));
                    self.nodes[index].tell(self.now, timer, &mut sent);
                    self.send(index, sent);
                }
            }
        }
    }

    fn deliver(&mut self) {
        let (due, later) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|it: &Flight| it.at <= self.now);
        self.flights = later;
        let mut due: Vec<Flight> = due;
        due.sort_by_key(|it| it.at);
        for flight in due {
            if self.groups[flight.from] != self.groups[flight.to] {
                continue;
            }
            let mut sent = Vec::new();
            let from = flight.from as u64;
            self.nodes[flight.to].receive(self.now, from, flight.packet, &mut sent);
            self.send(flight.to, sent);
        }
    }

    /// Joins all groups; nodes fetch each other's blocks.
    pub(crate) fn heal(&mut self) {
        self.regroup(vec![0; self.nodes.len()]);
    }

    /// Splits the nodes anew; those of one group fetch each other's blocks.
    pub(crate) fn regroup(&mut self, groups: Vec<u8>) {
        self.groups = groups;
        for index in 0..self.nodes.len() {
            let blocks = self.nodes[index].blocks();
            let packets = blocks.into_iter().map(Packet::Block).collect();
            self.send(index, packets);
        }
    }

    pub(crate) fn finals(&self) -> Vec<u32> {
        let heights = self.nodes.iter().map(|it| it.finals.last());
        heights.map(|it| it.map_or(0, |it| it.height.0)).collect()
    }

    /// Checks that no two nodes hold different final blocks.
    pub(crate) fn check_safety(&self) {
        for a in &self.nodes {
            for b in &self.nodes {
                for block in &a.finals {
                    let other = b.finals.iter().find(|it| it.height == block.height);
                    assert!(other.is_none_or(|it| it == block), "two final blocks");
                }
                let last = a.finals.last().expect("the bootstrap is final");
                let reaches = b.finals.last().is_some_and(|it| it.height >= last.height);
                if reaches {
                    assert_eq!(b.active[last.height.0 as usize], last.hash);
                }
            }
        }
    }

    pub(crate) fn check_one_tip(&self) {
        let tips: Vec<_> = self.nodes.iter().map(Node::tip).collect();
        assert!(tips.windows(2).all(|it| it[0] == it[1]), "{tips:?}");
    }
}
