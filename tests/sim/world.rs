//! The world: nodes, their clocks and disks, what is on its way, and what goes wrong next.

mod misfortune;
mod operator;
mod questions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use redpoll::base::{Millis, NodeId, Rng, Slot, SlotSet};
use redpoll::cluster::admin::AdminContext;
use redpoll::cluster::frame::{Body, Frame};
use redpoll::cluster::link::LinkId;
use redpoll::cluster::nodes_conf;
use redpoll::cluster::{
    Action, Admin, AdminError, ClusterView, Input, LocalKeys, Machine, Settings,
};
use redpoll::resp::Value;

use crate::checkers::{Checkers, Violation};
use crate::disk::Disk;
use crate::faults::Faults;
use crate::network::{End, Network};

/// Which cluster is built.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub primaries: usize,
    pub replicas_each: usize,
}

/// Where simulated time starts: far from zero, as Unix time is.
const START: Millis = Millis(1_800_000_000_000);
pub const NODE_TIMEOUT: Millis = Millis(1000);
/// Steps between two checks of a machine's own invariants.
const CHECK_EVERY: u64 = 1000;
/// Events remembered for the report of a failure.
const TRACE_LEN: usize = 60;

pub struct SimNode {
    pub machine: Option<Machine>,
    pub disk: Disk,
    pub settings: Settings,
    pub view: Option<Arc<ClusterView>>,
    pub ip: String,
    life: u64,
    /// What its clock shows beyond the true time.
    clock_ahead: i64,
    paused_until: Millis,
    /// The primary it copies.
    pub following: Option<NodeId>,
    /// How much it has of its data's history.
    pub offset: u64,
    /// Whether its data survive a restart.
    pub keeps_data: bool,
    primary_seen: Millis,
}

/// What a run has met: a test that meets nothing shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub crashes: u64,
    pub partitions: u64,
    pub slots_moved: u64,
    pub takeovers: u64,
    pub failures: u64,
}

enum Event {
    Tick { node: usize, life: u64 },
    Connect { from: usize, life: u64, target: NodeId, ip: String },
    Arrive { to: End, frame: Bytes },
    Closed { end: End },
    Paused { node: usize, life: u64 },
    Restart { node: usize },
    Mend,
    Misfortune,
    Operator,
}

/// A dataset without keys.
struct NoKeys;

impl LocalKeys for NoKeys {
    fn count_in_slot(&self, _: Slot) -> u64 {
        0
    }
    fn is_empty(&self) -> bool {
        true
    }
}

pub struct World {
    pub rng: Rng,
    pub now: Millis,
    pub nodes: Vec<SimNode>,
    pub network: Network,
    pub faults: Faults,
    pub checkers: Checkers,
    pub operator_moves_slots: bool,
    pub tally: Tally,
    shape: Shape,
    events: BTreeMap<(Millis, u64), Event>,
    event_count: u64,
    steps: u64,
    trace: VecDeque<String>,
}

impl World {
    pub fn new(seed: u64, shape: Shape) -> World {
        let count = shape.primaries * (1 + shape.replicas_each);
        let mut world = World {
            rng: Rng::from_seed(seed),
            now: START,
            nodes: Vec::new(),
            network: Network::default(),
            faults: Faults::none(),
            checkers: Checkers::default(),
            operator_moves_slots: false,
            tally: Tally::default(),
            shape,
            events: BTreeMap::new(),
            event_count: 0,
            steps: 0,
            trace: VecDeque::new(),
        };
        for _ in 0..count {
            world.add_node();
        }
        world.schedule(Millis(100), Event::Misfortune);
        world.schedule(Millis(1000), Event::Operator);
        world
    }

    /// Starts one more node, which knows nobody.
    pub fn add_node(&mut self) -> usize {
        let index = self.nodes.len();
        let settings = Settings {
            node_timeout: NODE_TIMEOUT,
            can_replicate: true,
            replica_validity_factor: 0,
            bus_port: 16379,
            ..Settings::default()
        };
        self.nodes.push(SimNode {
            machine: None,
            disk: Disk::default(),
            settings,
            view: None,
            ip: format!("10.0.0.{}", index + 1),
            life: 0,
            clock_ahead: 0,
            paused_until: Millis::ZERO,
            following: None,
            offset: 0,
            keeps_data: true,
            primary_seen: START,
        });
        self.start(index);
        index
    }

    pub fn machine(&self, node: usize) -> &Machine {
        self.nodes[node].machine.as_ref().expect("the node runs")
    }

    pub fn id(&self, node: usize) -> NodeId {
        self.machine(node).my_id()
    }

    pub fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].machine.is_some()).collect()
    }

    fn schedule(&mut self, after: Millis, event: Event) {
        self.event_count += 1;
        self.events.insert((self.now + after, self.event_count), event);
    }

    fn note(&mut self, text: String) {
        if self.trace.len() == TRACE_LEN {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{} {text}", self.now.since(START)));
    }

    /// Ends the run with the recent events and every node's view.
    fn fail(&self, what: &str) -> ! {
        let mut report = format!("{what}\n");
        self.trace.iter().for_each(|line| report += &format!("{line}\n"));
        for node in self.running() {
            let machine = self.machine(node);
            let (epoch, ok) = (machine.current_epoch(), machine.is_ok());
            report += &format!("node {node}, epoch {epoch}, ok {ok}:\n{}", machine.saved_text());
        }
        panic!("{report}");
    }

    pub fn run(&mut self, span: Millis) {
        let end = self.now + span;
        while let Some((&(at, _), _)) = self.events.first_key_value() {
            if at > end {
                break;
            }
            let (_, event) = self.events.pop_first().expect("looked at above");
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = end;
    }

    /// Runs until `done`, looked at ten times a second, and fails if that takes longer than
    /// `limit`.
    pub fn run_until(&mut self, what: &str, limit: Millis, done: impl Fn(&World) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            if self.now >= end {
                self.fail(&format!("not within {limit} ms: {what}"));
            }
            self.run(Millis(100));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { node, life } => {
                if self.nodes[node].life == life && self.nodes[node].machine.is_some() {
                    let paused = self.pause_left(node);
                    if paused > Millis::ZERO {
                        self.schedule(paused, Event::Tick { node, life });
                        return;
                    }
                    self.report_replication(node);
                    self.step(node, Input::Tick);
                    self.schedule_tick(node);
                }
            }
            Event::Connect { from, life, target, ip } => self.connect(from, life, target, &ip),
            Event::Paused { node, life } => {
                if self.nodes[node].life == life {
                    let offset = self.nodes[node].offset;
                    self.step(node, Input::WritesPaused { offset });
                }
            }
            Event::Arrive { to, frame } => {
                if self.reaches(to) && self.network.is_open(to.link) {
                    let paused = self.pause_left(to.node);
                    match paused {
                        Millis::ZERO => {
                            self.step(to.node, Input::Received { link: to.link, frame })
                        }
                        paused => self.schedule(paused, Event::Arrive { to, frame }),
                    }
                }
            }
            Event::Closed { end } => {
                if self.reaches(end) {
                    self.step(end.node, Input::Closed { link: end.link });
                }
            }
            Event::Restart { node } => self.start(node),
            Event::Mend => self.network.mend(),
            Event::Misfortune => self.misfortune(),
            Event::Operator => self.operate(),
        }
    }

    /// How long what comes in now waits. One more than the pause, so that what comes as it ends
    /// waits too and cannot overtake what came before.
    fn pause_left(&self, node: usize) -> Millis {
        (self.nodes[node].paused_until + Millis(1)).since(self.now)
    }

    fn reaches(&self, end: End) -> bool {
        let node = &self.nodes[end.node];
        node.life == end.life && node.machine.is_some()
    }

    fn local_now(&self, node: usize) -> Millis {
        Millis(self.now.0.saturating_add_signed(self.nodes[node].clock_ahead))
    }

    fn schedule_tick(&mut self, node: usize) {
        let Some(machine) = &self.nodes[node].machine else { return };
        let after = machine.next_deadline().since(self.local_now(node)).0.clamp(1, 100);
        let life = self.nodes[node].life;
        self.schedule(Millis(after), Event::Tick { node, life });
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let now = self.local_now(node);
        let power_failed = self.faults.power_fails && self.nodes[node].life > 0;
        let file = self.nodes[node].disk.after_crash(power_failed, &mut self.rng);
        let saved = nodes_conf::parse(file.as_deref().unwrap_or(""), now, false)
            .unwrap_or_else(|error| self.fail(&format!("node {node} cannot read: {error:?}")));
        let rng = self.rng.fork();
        let machine = Machine::new(self.nodes[node].settings.clone(), saved, rng, now);
        self.note(format!("node {node} starts as {}", machine.my_id()));
        let sim = &mut self.nodes[node];
        sim.life += 1;
        sim.machine = Some(machine);
        sim.following = None;
        sim.paused_until = Millis::ZERO;
        self.step(node, Input::Tick);
        self.load(node);
        self.schedule_tick(node);
    }

    /// A node that has just started loads what it had, if that is still there.
    fn load(&mut self, node: usize) {
        let lost = self.faults.loses_data && self.rng.chance(0.5);
        let sim = &mut self.nodes[node];
        let Some(machine) = &sim.machine else { return };
        let mut slots = machine.table().me().slots.clone();
        if lost || !sim.keeps_data {
            (sim.offset, slots) = (0, SlotSet::empty());
        }
        self.step(node, Input::Loaded { slots });
    }

    /// The process ends. Its peers hear of that, as a kernel tells them.
    pub fn crash(&mut self, node: usize) {
        self.note(format!("node {node} ends"));
        self.tally.crashes += 1;
        self.nodes[node].machine = None;
        for link in self.network.links_of(node) {
            self.close(link);
        }
    }

    pub fn crash_for(&mut self, node: usize, span: Millis) {
        self.crash(node);
        self.schedule(span, Event::Restart { node });
    }

    /// Restarts it under other settings, at once.
    pub fn restart_with(&mut self, node: usize, change: impl Fn(&mut Settings)) {
        change(&mut self.nodes[node].settings);
        self.crash(node);
        self.start(node);
    }

    pub fn pause(&mut self, node: usize, span: Millis) {
        self.note(format!("node {node} stops for {span} ms"));
        self.nodes[node].paused_until = self.now + span;
    }

    fn step(&mut self, node: usize, input: Input) {
        let now = self.local_now(node);
        let Some(machine) = &mut self.nodes[node].machine else { return };
        let mut actions = Vec::new();
        machine.step(now, input, &mut actions);
        self.steps += 1;
        if self.steps.is_multiple_of(CHECK_EVERY) {
            machine.table().check();
        }
        self.perform(node, actions);
    }

    pub fn admin(&mut self, node: usize, command: &Admin) -> Result<Value, AdminError> {
        self.note(format!("node {node} is told {command:?}"));
        let now = self.local_now(node);
        let machine = self.nodes[node].machine.as_mut().expect("the node runs");
        let mut actions = Vec::new();
        let cx = AdminContext { keys: &NoKeys, tls: false };
        let answer = machine.admin(now, command, cx, &mut actions);
        self.perform(node, actions);
        answer
    }

    /// Performs actions in order; the process may end between any two.
    fn perform(&mut self, node: usize, actions: Vec<Action>) {
        for action in actions {
            if self.rng.chance(self.faults.crash_between_actions) {
                self.note(format!("node {node} ends before {action:.40?}"));
                let downtime = self.rng.below(self.faults.downtime_max.0 + 1);
                self.crash_for(node, Millis(downtime));
                return;
            }
            match action {
                Action::Persist { text, sync } => self.nodes[node].disk.write(text, sync),
                Action::ViewChanged(view) => self.nodes[node].view = Some(view),
                Action::Connect { node: target, ip, .. } => {
                    let life = self.nodes[node].life;
                    let after = Millis(1 + self.rng.below(self.faults.delay_max.0 + 1));
                    self.schedule(after, Event::Connect { from: node, life, target, ip });
                }
                Action::CloseLink(link) => self.close(link),
                Action::Send { link, frame } => self.send(node, link, frame),
                Action::FollowPrimary { node: primary, .. } => {
                    self.nodes[node].following = Some(primary);
                    self.nodes[node].primary_seen = self.now;
                }
                Action::StopFollowing => {
                    self.tally.takeovers += 1;
                    self.nodes[node].following = None;
                }
                Action::PauseWrites { .. } => {
                    let life = self.nodes[node].life;
                    self.schedule(Millis(1), Event::Paused { node, life });
                }
                Action::DropSlotKeys(_)
                | Action::DropAllKeys
                | Action::Deliver { .. }
                | Action::ResumeWrites => {}
            }
        }
    }

    fn send(&mut self, node: usize, link: LinkId, frame: Bytes) {
        let decoded = Frame::decode(&frame).expect("what a node sends can be read");
        let receiver = self.network.peer_of(link).map_or(node, |end| end.node);
        let (epoch, vote) = self.nodes[node].disk.durable_epochs();
        let verdict = self
            .checkers
            .epochs
            .see(&decoded, epoch)
            .and_then(|()| self.checkers.votes.see(&decoded, receiver, vote))
            .and_then(|()| self.checkers.owners.see(&decoded));
        if let Err(violation) = verdict {
            self.violated(node, &violation);
        }
        self.tally.failures += u64::from(matches!(decoded.body, Body::Fail(_)));
        let lost = self.rng.chance(self.faults.break_link);
        let delay = self.faults.delay_max;
        if let Some(arrival) = self.network.send(link, self.now, delay, lost, &mut self.rng) {
            let after = arrival.at.since(self.now);
            self.schedule(after, Event::Arrive { to: arrival.to, frame });
        }
    }

    fn violated(&self, node: usize, violation: &Violation) -> ! {
        self.fail(&format!("node {node}: {violation}"))
    }

    fn connect(&mut self, from: usize, life: u64, target: NodeId, ip: &str) {
        if self.nodes[from].life != life || self.nodes[from].machine.is_none() {
            return;
        }
        let to = (0..self.nodes.len()).find(|node| {
            let there = &self.nodes[*node];
            there.ip == ip && there.machine.is_some() && there.paused_until <= self.now
        });
        let both_ways =
            |to: usize| self.network.can_pass(from, to) && self.network.can_pass(to, from);
        let Some(to) = to.filter(|to| both_ways(*to)) else {
            self.step(from, Input::ConnectFailed { node: target });
            return;
        };
        let (link, far_link) = (self.network.new_link(), self.network.new_link());
        let here = End { node: from, life, link };
        let there = End { node: to, life: self.nodes[to].life, link: far_link };
        self.network.open([here, there], self.now);
        let (local_ip, peer_ip) = (self.nodes[to].ip.clone(), self.nodes[from].ip.clone());
        let own_ip = peer_ip.clone();
        self.step(to, Input::Accepted { link: far_link, peer_ip, local_ip });
        self.step(from, Input::Connected { node: target, link, local_ip: own_ip });
    }

    fn close(&mut self, link: LinkId) {
        if let Some(end) = self.network.close(link) {
            self.schedule(Millis(1), Event::Closed { end });
        }
    }

    /// What replication would report: a primary's data grows, a replica that reaches it has all of
    /// it.
    fn report_replication(&mut self, node: usize) {
        let serves = |other: usize| {
            let view = self.nodes[other].view.as_ref();
            view.is_some_and(|view| !view.awaits_successor())
        };
        let reached = self.nodes[node].following.and_then(|primary| {
            self.running().into_iter().find(|other| {
                let link =
                    self.network.can_pass(node, *other) && self.network.can_pass(*other, node);
                link && self.id(*other) == primary && serves(*other)
            })
        });
        match (self.nodes[node].following, reached) {
            (None, _) => self.nodes[node].offset += 1,
            (Some(_), Some(primary)) => {
                self.nodes[node].offset = self.nodes[primary].offset;
                self.nodes[node].primary_seen = self.now;
            }
            (Some(_), None) => {}
        }
        let data_age = self.now.since(self.nodes[node].primary_seen);
        let offset = self.nodes[node].offset;
        self.step(node, Input::Replication { offset, data_age });
    }
}
