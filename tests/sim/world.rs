//! The world: nodes, their clocks and disks, what is on its way, and what goes wrong next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use redpoll::base::{Millis, NodeId, Rng, Slot};
use redpoll::cluster::admin::{AdminContext, SetSlot};
use redpoll::cluster::flags::NodeFlags;
use redpoll::cluster::frame::Frame;
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
const CHECK_EVERY: u64 = 64;
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
    /// Frames and news that wait for a paused node.
    following: Option<NodeId>,
    offset: u64,
    primary_seen: Millis,
}

enum Event {
    Tick { node: usize, life: u64 },
    Connect { from: usize, life: u64, target: NodeId, ip: String },
    Arrive { to: End, frame: Bytes },
    Closed { end: End },
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

    // ---- time ----

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

    /// Runs until `done`, looked at ten times a second, and fails if that takes longer than `limit`.
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

    /// How long what comes in now waits. One more than the pause, so that what comes as it ends waits too
    /// and cannot overtake what came before.
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

    // ---- nodes ----

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
        self.schedule_tick(node);
    }

    /// The process ends. Its peers hear of that, as a kernel tells them.
    pub fn crash(&mut self, node: usize) {
        self.note(format!("node {node} ends"));
        self.nodes[node].machine = None;
        for link in self.network.links_of(node) {
            self.close(link);
        }
    }

    pub fn crash_for(&mut self, node: usize, span: Millis) {
        self.crash(node);
        self.schedule(span, Event::Restart { node });
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
                Action::StopFollowing => self.nodes[node].following = None,
                Action::DropSlotKeys(_)
                | Action::DropAllKeys
                | Action::Deliver { .. }
                | Action::PauseWrites { .. }
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

    /// What replication would report: a primary's data grows, a replica that reaches it has all of it.
    fn report_replication(&mut self, node: usize) {
        let reached = self.nodes[node].following.and_then(|primary| {
            self.running().into_iter().find(|other| {
                let link =
                    self.network.can_pass(node, *other) && self.network.can_pass(*other, node);
                link && self.id(*other) == primary
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

    // ---- faults ----

    /// Ten times a second, what goes wrong now.
    fn misfortune(&mut self) {
        self.schedule(Millis(100), Event::Misfortune);
        let faults = self.faults.clone();
        let tenth = |rate: f64| rate / 10.0;
        if self.rng.chance(tenth(faults.partition)) {
            let group: BTreeSet<usize> =
                (0..self.nodes.len()).filter(|_| self.rng.chance(0.4)).collect();
            self.note(format!("partition: {group:?}, one way: {}", faults.one_way));
            self.network.partition(self.nodes.len(), &group, faults.one_way);
            let span = 1 + self.rng.below(faults.partition_max.0 + 1);
            self.schedule(Millis(span), Event::Mend);
        }
        for node in self.running() {
            let mut up_to = |span: Millis| Millis(1 + self.rng.below(span.0 + 1));
            let (downtime, pause) = (up_to(faults.downtime_max), up_to(Millis(5000)));
            let jump = up_to(faults.clock_jump_max).0.cast_signed();
            if self.rng.chance(tenth(faults.crash)) {
                self.crash_for(node, downtime);
                if faults.address_changes {
                    self.nodes[node].ip = format!("10.0.{}.{}", self.steps % 250, node + 1);
                }
            } else if self.rng.chance(tenth(faults.pause)) {
                self.pause(node, pause);
            } else if self.rng.chance(tenth(faults.clock_jump)) {
                let jump = if self.rng.chance(0.5) { jump } else { -jump };
                self.note(format!("clock of node {node} jumps by {jump} ms"));
                self.nodes[node].clock_ahead += jump;
            }
        }
        if self.rng.chance(0.1) {
            for link in self.network.dead_links() {
                let [one, other] = self.network.ends_of(link);
                self.close(one.link);
                self.schedule(Millis(1), Event::Closed { end: other });
                self.schedule(Millis(1), Event::Closed { end: one });
            }
        }
    }

    /// No more faults: everything runs, everything is connected, clocks run evenly from now on.
    pub fn heal(&mut self) {
        self.note("healed".to_owned());
        self.faults = Faults::none();
        self.operator_moves_slots = false;
        self.network.mend();
        for node in 0..self.nodes.len() {
            self.nodes[node].paused_until = Millis::ZERO;
            self.start(node);
        }
    }

    // ---- operators ----

    /// What redis-cli does to create a cluster, up to the point where it is ready.
    pub fn create_cluster(&mut self) {
        let primaries = self.shape.primaries;
        for primary in 0..primaries {
            let first = Slot::COUNT * primary / primaries;
            let last = Slot::COUNT * (primary + 1) / primaries;
            let slots = Slot::all().skip(first).take(last - first).collect();
            self.admin(primary, &Admin::AddSlots(slots)).expect("free slots");
        }
        for node in 0..self.nodes.len() {
            let epoch = node as u64 + 1;
            self.admin(node, &Admin::SetConfigEpoch(epoch)).expect("a fresh node");
        }
        for node in 1..self.nodes.len() {
            let ip = self.nodes[0].ip.clone();
            let meet = Admin::Meet { ip, port: 6379, bus_port: 16379 };
            self.admin(node, &meet).expect("a valid address");
        }
        let count = self.nodes.len();
        self.run_until("all nodes have met", Millis::from_secs(60), |world| {
            let knows_all = |node| world.machine(node).table().node_count() == count;
            world.running().into_iter().all(knows_all) && world.agree()
        });
        for replica in primaries..count {
            let primary = self.id((replica - primaries) % primaries).to_string();
            self.admin(replica, &Admin::Replicate(primary)).expect("an empty node");
        }
        self.run_until("the cluster is ready", Millis::from_secs(60), World::has_converged);
    }

    /// Moves a slot as redis-cli does, while all is well and every node has the latest epoch.
    ///
    /// The last condition is the bus protocol's, not ours: a finished move takes an epoch without asking anyone,
    /// so two moves in two halves of a cluster can take the same one.
    fn operate(&mut self) {
        self.schedule(Millis(1000), Event::Operator);
        let everyone = self.running();
        let epochs: BTreeSet<_> =
            everyone.iter().map(|node| self.machine(*node).current_epoch()).collect();
        if !self.operator_moves_slots || epochs.len() != 1 || !self.has_converged() {
            return;
        }
        let slot = Slot::all().nth(self.rng.index(Slot::COUNT)).expect("in range");
        let table = self.machine(everyone[0]).table();
        let Some(owner) = table.owner_id(slot) else { return };
        let Some(source) = everyone.iter().copied().find(|node| self.id(*node) == owner) else {
            return;
        };
        let target = everyone[self.rng.index(everyone.len())];
        if target == source {
            return;
        }
        let (from, to) = (owner.to_string(), self.id(target).to_string());
        let mut order = vec![
            (target, SetSlot::Importing(from)),
            (source, SetSlot::Migrating(to.clone())),
            (target, SetSlot::Node(to.clone())),
            (source, SetSlot::Node(to.clone())),
        ];
        let others = everyone.into_iter().filter(|node| ![source, target].contains(node));
        order.extend(others.map(|node| (node, SetSlot::Node(to.clone()))));
        for (node, action) in order {
            let told = self.nodes[node].machine.is_some()
                && self.admin(node, &Admin::SetSlot(slot, action)).is_ok();
            if !told {
                return; // redis-cli gives up here too; a later check finds the open slot
            }
        }
    }

    // ---- questions ----

    /// All running nodes have the same owner for every slot.
    pub fn agree(&self) -> bool {
        let owners = |node: usize| {
            let table = self.machine(node).table();
            table
                .iter()
                .filter(|node| node.slot_count > 0)
                .map(|node| (node.id, &node.slots))
                .collect()
        };
        let views: Vec<BTreeMap<NodeId, _>> = self.running().into_iter().map(owners).collect();
        views.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Everybody runs and agrees; every slot has a live owner that nobody suspects; no two primaries share an
    /// epoch; every node knows every other, and serves.
    pub fn has_converged(&self) -> bool {
        let everyone = self.running();
        everyone.len() == self.nodes.len()
            && everyone.iter().all(|node| self.is_content(*node))
            && self.agree()
    }

    fn is_content(&self, node: usize) -> bool {
        let machine = self.machine(node);
        let table = machine.table();
        let unwell = NodeFlags::FAILING | NodeFlags::NOADDR | NodeFlags::HANDSHAKE;
        let ids: BTreeSet<NodeId> = table.iter().map(|node| node.id).collect();
        let live: BTreeSet<NodeId> = self.running().into_iter().map(|node| self.id(node)).collect();
        let primaries: Vec<_> =
            table.iter().filter(|node| node.is_voter()).map(|node| node.config_epoch).collect();
        let epochs: BTreeSet<_> = primaries.iter().collect();
        machine.is_ok()
            && ids == live
            && table.iter().all(|node| !node.has(unwell))
            && Slot::all().all(|slot| table.owner(slot).is_some_and(|owner| owner.is_primary()))
            && epochs.len() == primaries.len()
    }

    /// A digest of everything that happened.
    pub fn fingerprint(&self) -> String {
        let texts = self.running().into_iter().map(|node| self.machine(node).saved_text());
        format!("{} {} {:?}", self.steps, self.event_count, texts.collect::<Vec<_>>())
    }
}
