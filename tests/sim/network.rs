//! Connections between nodes: frames of one direction keep their order and are delayed; whole
//! connections break, or go silent without anybody being told.

use std::collections::{BTreeMap, BTreeSet};

use redpoll::base::{Millis, Rng};
use redpoll::cluster::link::LinkId;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub node: usize,
    /// Which life of the node opened it: ends of a process that ended are gone.
    pub life: u64,
    pub link: LinkId,
}

#[derive(Clone, Debug)]
struct Connection {
    ends: [End; 2],
    /// When the last frame sent to each end arrives: the next one comes later.
    last_arrival: [Millis; 2],
    /// What is sent vanishes.
    is_dead: bool,
}

/// Who receives what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub to: End,
    pub at: Millis,
}

#[derive(Debug, Default)]
pub struct Network {
    connections: BTreeMap<u64, Connection>,
    by_link: BTreeMap<LinkId, u64>,
    next: u64,
    /// Pairs of which the first cannot reach the second.
    cut: BTreeSet<(usize, usize)>,
}

impl Network {
    pub fn can_pass(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Cuts the members of `group` off from all others, or only their frames to them.
    pub fn partition(&mut self, nodes: usize, group: &BTreeSet<usize>, one_way: bool) {
        self.cut.clear();
        for from in 0..nodes {
            for to in 0..nodes {
                let leaves = group.contains(&from) && !group.contains(&to);
                let enters = !group.contains(&from) && group.contains(&to);
                if leaves || (enters && !one_way) {
                    self.cut.insert((from, to));
                }
            }
        }
    }

    /// Cuts two nodes off from each other alone.
    pub fn cut_pair(&mut self, one: usize, other: usize) {
        self.cut.extend([(one, other), (other, one)]);
    }

    pub fn mend(&mut self) {
        self.cut.clear();
    }

    pub fn new_link(&mut self) -> LinkId {
        self.next += 1;
        LinkId(self.next)
    }

    pub fn open(&mut self, ends: [End; 2], now: Millis) {
        self.next += 1;
        let id = self.next;
        self.by_link.extend(ends.map(|end| (end.link, id)));
        self.connections.insert(id, Connection { ends, last_arrival: [now; 2], is_dead: false });
    }

    /// Sends on `link`; `None` if the frame vanishes, and with it all later ones of the connection.
    pub fn send(
        &mut self,
        link: LinkId,
        now: Millis,
        delay_max: Millis,
        lost: bool,
        rng: &mut Rng,
    ) -> Option<Arrival> {
        let connection = self.connections.get_mut(self.by_link.get(&link)?)?;
        let to = usize::from(connection.ends[0].link == link);
        let passes = !self.cut.contains(&(connection.ends[1 - to].node, connection.ends[to].node));
        connection.is_dead |= lost || !passes;
        if connection.is_dead {
            return None;
        }
        let at = now + Millis(1 + rng.below(delay_max.0 + 1));
        let at = at.max(connection.last_arrival[to] + Millis(1));
        connection.last_arrival[to] = at;
        Some(Arrival { to: connection.ends[to], at })
    }

    /// Whether what was on its way still arrives.
    pub fn is_open(&self, link: LinkId) -> bool {
        self.by_link.contains_key(&link)
    }

    pub fn peer_of(&self, link: LinkId) -> Option<End> {
        let connection = self.connections.get(self.by_link.get(&link)?)?;
        connection.ends.into_iter().find(|end| end.link != link)
    }

    /// Both ends of an open connection.
    pub fn ends_of(&self, link: LinkId) -> [End; 2] {
        self.connections[&self.by_link[&link]].ends
    }

    /// Ends a connection; the other end, which hears of it if it can be reached.
    pub fn close(&mut self, link: LinkId) -> Option<End> {
        let connection = self.connections.remove(&self.by_link.remove(&link)?)?;
        self.by_link.retain(|link, _| connection.ends.iter().all(|end| end.link != *link));
        let other = usize::from(connection.ends[0].link == link);
        let here = connection.ends[1 - other].node;
        Some(connection.ends[other]).filter(|end| self.can_pass(here, end.node))
    }

    /// The links of a node that ends.
    pub fn links_of(&self, node: usize) -> Vec<LinkId> {
        let ends = self.connections.values().flat_map(|connection| connection.ends);
        ends.filter(|end| end.node == node).map(|end| end.link).collect()
    }

    /// One end of each connection that has gone silent.
    pub fn dead_links(&self) -> Vec<LinkId> {
        let dead = self.connections.values().filter(|connection| connection.is_dead);
        dead.map(|connection| connection.ends[0].link).collect()
    }
}

#[test]
fn frames_of_a_connection_keep_their_order_until_it_is_cut() {
    let mut network = Network::default();
    let mut rng = Rng::from_seed(1);
    let ends = [0, 1].map(|node| End { node, life: 0, link: LinkId(100 + node as u64) });
    network.open(ends, Millis(0));
    let mut last = Millis(0);
    for _ in 0..100 {
        let sent = network.send(LinkId(100), Millis(10), Millis(50), false, &mut rng);
        let arrival = sent.expect("it passes");
        assert!(arrival.at > last && arrival.to == ends[1]);
        last = arrival.at;
    }
    network.partition(2, &[0].into(), true);
    assert!(network.send(LinkId(101), Millis(10), Millis(5), false, &mut rng).is_some());
    assert!(network.send(LinkId(100), Millis(10), Millis(5), false, &mut rng).is_none());
    network.mend();
    assert!(network.send(LinkId(100), Millis(10), Millis(5), false, &mut rng).is_none());
    assert_eq!(network.dead_links(), [LinkId(100)]);
    assert_eq!(network.close(LinkId(100)), Some(ends[1]));
    assert!(!network.is_open(LinkId(101)));
}
