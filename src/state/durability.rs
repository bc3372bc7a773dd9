//! The durability gate: how far the log is safe, and who waits for it to be.
//!
//! WAIT, WAITAOF, `appendfsync always` and `min-replicas-to-ack` are one mechanism: a connection
//! needs some offset of the log to be on disk here, or acknowledged by so many replicas. Those who
//! learn that an offset is safe tell it here; whoever that satisfies gets a message. Workers never
//! block on it.
//!
//! A worker's connections wait in a line of their own. The worker is woken once for all of them,
//! and sends them word itself: on its own thread that takes no system call and no busy lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{ClientShared, Mail};
use crate::replication::Reach;

/// What has to be safe, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Everything up to this.
    pub reach: Reach,
    /// On the disk of this node.
    pub on_disk: bool,
    /// Applied by so many replicas.
    pub replicas: usize,
    /// On the disks of so many replicas.
    pub replica_disks: usize,
}

/// What one replica has told.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    applied: u64,
    on_disk: u64,
}

#[derive(Debug)]
struct Pending {
    need: Need,
    client: Arc<ClientShared>,
    ticket: u64,
}

/// Those who wait, of one worker.
#[derive(Debug, Default)]
struct Line {
    pending: Vec<Pending>,
    /// Those whose needs are met, and who have not been sent word.
    met: Vec<Pending>,
    /// Of the task that sends them word; if there is none, whoever opens the gate does.
    waker: Option<Waker>,
}

/// As an offset on the disk: nothing is there, not even the beginning.
const NOTHING: u64 = u64::MAX;

/// See the module's head.
#[derive(Debug)]
pub struct Durability {
    /// Or [`NOTHING`].
    on_disk: AtomicU64,
    /// As [`Reach::aside`]: each of the two is met by itself.
    aside_on_disk: AtomicU64,
    replicas: Mutex<BTreeMap<u64, Acknowledged>>,
    /// One for each worker, the last one for who has none.
    lines: Vec<Mutex<Line>>,
    /// Connections in all lines whose needs are not met.
    waiting: AtomicUsize,
    /// How many the disk's thread waits for.
    wanted: AtomicUsize,
    gathering: Mutex<()>,
    gathered: Condvar,
}

impl Durability {
    #[must_use]
    pub fn new(workers: usize) -> Durability {
        Durability {
            on_disk: AtomicU64::new(NOTHING),
            aside_on_disk: AtomicU64::new(0),
            replicas: Mutex::default(),
            lines: (0..=workers).map(|_| Mutex::default()).collect(),
            waiting: AtomicUsize::new(0),
            wanted: AtomicUsize::new(usize::MAX),
            gathering: Mutex::default(),
            gathered: Condvar::new(),
        }
    }

    /// Everything is on disk up to `reach`. Never goes back, except when a file is begun anew.
    pub fn synced(&self, reach: Reach) {
        self.on_disk.store(reach.offset, Ordering::SeqCst);
        self.aside_on_disk.store(reach.aside, Ordering::SeqCst);
        self.settle();
    }

    /// Another history was begun: nothing of its log is on disk, whatever was of the one before.
    pub fn begin_anew(&self) {
        self.on_disk.store(NOTHING, Ordering::SeqCst);
    }

    /// What writes have to wait for has changed: whoever waits looks again.
    pub fn recheck(&self) {
        for line in &self.lines {
            let waiting: Vec<_> =
                line.lock().pending.iter().map(|one| Arc::clone(&one.client)).collect();
            waiting.iter().for_each(|client| client.post(Mail::Recheck));
        }
    }

    /// Replica number `replica` has applied the log up to `applied` and has it on its disk up to
    /// `on_disk`. Neither goes back.
    pub fn acknowledged(&self, replica: u64, applied: u64, on_disk: u64) {
        {
            let mut replicas = self.replicas.lock();
            let known = replicas.entry(replica).or_default();
            known.applied = known.applied.max(applied);
            known.on_disk = known.on_disk.max(on_disk);
        }
        self.settle();
    }

    /// A replica is gone and counts no more.
    pub fn forget_replica(&self, replica: u64) {
        self.replicas.lock().remove(&replica);
    }

    /// Up to where the log is on disk.
    #[must_use]
    pub fn synced_to(&self) -> u64 {
        match self.on_disk.load(Ordering::SeqCst) {
            NOTHING => 0,
            offset => offset,
        }
    }

    /// Whether everything is on disk up to `reach`.
    #[must_use]
    pub fn is_on_disk(&self, reach: Reach) -> bool {
        let on_disk = self.on_disk.load(Ordering::SeqCst);
        let in_log = on_disk != NOTHING && on_disk >= reach.offset;
        // What is aside alone does not go with the log.
        let is_aside = reach.offset == 0 && reach.aside > 0;
        (in_log || is_aside) && self.aside_on_disk.load(Ordering::SeqCst) >= reach.aside
    }

    /// Replicas that have applied the log up to `offset`, and those that have it on disk.
    #[must_use]
    pub fn replicas_at(&self, offset: u64) -> (usize, usize) {
        let replicas = self.replicas.lock();
        let count = |at: fn(&Acknowledged) -> u64| {
            replicas.values().filter(|replica| at(replica) >= offset).count()
        };
        (count(|replica| replica.applied), count(|replica| replica.on_disk))
    }

    #[must_use]
    pub fn is_met(&self, need: &Need) -> bool {
        if need.on_disk && !self.is_on_disk(need.reach) {
            return false;
        }
        if need.replicas == 0 && need.replica_disks == 0 {
            return true;
        }
        let (applied, on_disk) = self.replicas_at(need.reach.offset);
        applied >= need.replicas && on_disk >= need.replica_disks
    }

    /// Sends the connection [`Mail::Durable`] once `need` is met, perhaps at once.
    pub fn enter(&self, need: Need, client: &Arc<ClientShared>, ticket: u64) {
        let mut line = self.lines[client.worker.min(self.lines.len() - 1)].lock();
        // Under the lock: whoever makes it safe from now on looks at those who wait after us.
        if self.is_met(&need) {
            drop(line);
            client.post(Mail::Durable { ticket });
            return;
        }
        line.pending.push(Pending { need, client: Arc::clone(client), ticket });
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        drop(line);
        if waiting == self.wanted.load(Ordering::SeqCst) {
            let _gathering = self.gathering.lock();
            self.gathered.notify_all();
        }
    }

    /// The connection waits no longer, although it was not sent word.
    pub fn leave(&self, client: u64, ticket: u64) {
        let is_it = |one: &Pending| one.client.id == client && one.ticket == ticket;
        for line in &self.lines {
            let gone = line.lock().pending.extract_if(.., |one| is_it(one)).count();
            self.waiting.fetch_sub(gone, Ordering::SeqCst);
        }
    }

    /// Ends the wait of a connection, unless its need is met; the ticket of what it waited for.
    #[must_use]
    pub fn take_out(&self, client: u64) -> Option<u64> {
        self.lines.iter().find_map(|line| {
            let pending = &mut line.lock().pending;
            let at = pending.iter().position(|one| one.client.id == client)?;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            Some(pending.remove(at).ticket)
        })
    }

    /// Connections whose needs are not met.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Waits until so many connections wait: for `patience` at most, and only as long as somebody
    /// comes within every `step`.
    pub fn gather(&self, wanted: usize, step: Duration, patience: Duration) {
        let mut gathering = self.gathering.lock();
        self.wanted.store(wanted, Ordering::SeqCst);
        let mut seen = self.waiting();
        let mut left = patience;
        while seen < wanted && !left.is_zero() {
            let step = step.min(left);
            left -= step;
            self.gathered.wait_for(&mut gathering, step);
            let waiting = self.waiting();
            if std::mem::replace(&mut seen, waiting) == waiting {
                break;
            }
        }
        self.wanted.store(usize::MAX, Ordering::SeqCst);
    }

    /// Sends word to those of worker `index` whose needs are met, and has `waker` woken when there
    /// are more.
    pub fn serve(&self, index: usize, waker: &Waker) {
        let met = {
            let mut line = self.lines[index].lock();
            line.waker.get_or_insert_with(|| waker.clone()).clone_from(waker);
            std::mem::take(&mut line.met)
        };
        send_word(met);
    }

    /// Takes those whose needs are met out of the lines, and sees that they are sent word.
    fn settle(&self) {
        for line in &self.lines {
            let mut line = line.lock();
            let Line { pending, met, waker } = &mut *line;
            let before = met.len();
            met.extend(pending.extract_if(.., |one| self.is_met(&one.need)));
            let count = met.len() - before;
            if count == 0 {
                continue;
            }
            self.waiting.fetch_sub(count, Ordering::SeqCst);
            match waker.clone() {
                Some(waker) => {
                    drop(line);
                    waker.wake();
                }
                None => {
                    let met = std::mem::take(met);
                    drop(line);
                    send_word(met);
                }
            }
        }
    }
}

fn send_word(met: Vec<Pending>) {
    for Pending { client, ticket, .. } in met {
        client.post(Mail::Durable { ticket });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::base::Millis;
    use crate::state::client::Origin;

    #[test]
    fn a_need_is_met_by_disks_and_replicas_together() {
        let gate = Durability::new(0);
        let need = Need { reach: Reach::in_log(10), on_disk: true, replicas: 2, replica_disks: 1 };
        gate.synced(Reach::in_log(10));
        gate.acknowledged(1, 10, 0);
        gate.acknowledged(2, 9, 0);
        assert!(!gate.is_met(&need));
        gate.acknowledged(2, 12, 10);
        assert!(gate.is_met(&need));
        gate.acknowledged(2, 3, 3);
        assert!(gate.is_met(&need), "acknowledgements do not go back");
        gate.forget_replica(1);
        assert!(!gate.is_met(&need));
        assert_eq!(gate.replicas_at(10), (1, 1));
        assert!(gate.is_met(&Need { reach: Reach::in_log(10), ..Need::default() }));
    }

    #[test]
    fn what_is_aside_of_the_log_is_safe_by_itself() {
        let gate = Durability::new(0);
        let need = |offset, aside| {
            let reach = Reach { offset, aside };
            Need { reach, on_disk: true, ..Need::default() }
        };
        gate.synced(Reach { offset: 10, aside: 20 });
        assert!(gate.is_met(&need(10, 20)) && gate.is_met(&need(0, 20)));
        assert!(!gate.is_met(&need(0, 21)) && !gate.is_met(&need(11, 0)));
        gate.begin_anew();
        assert!(gate.is_met(&need(0, 20)) && !gate.is_met(&need(1, 0)));
    }

    fn client(id: u64, worker: usize) -> Arc<ClientShared> {
        let origin = Origin {
            peer: String::new(),
            local: String::new(),
            fd: 0,
            worker,
            unix_socket: false,
            loopback: true,
        };
        Arc::new(ClientShared::new(id, origin, Millis(1)))
    }

    /// Tickets of the word that a connection was sent.
    fn word(client: &ClientShared) -> Vec<u64> {
        let mut mail = VecDeque::new();
        client.collect(Waker::noop(), &mut mail);
        let ticket = |mail| match mail {
            Mail::Durable { ticket } => ticket,
            other => panic!("{other:?}"),
        };
        mail.into_iter().map(ticket).collect()
    }

    fn on_disk(offset: u64) -> Need {
        Need { reach: Reach::in_log(offset), on_disk: true, ..Need::default() }
    }

    #[test]
    fn a_worker_is_woken_once_for_all_that_wait_and_sends_them_word_itself() {
        #[derive(Default)]
        struct Woken(AtomicUsize);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (gate, woken) = (Durability::new(1), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        gate.serve(0, &waker);
        let [first, second, late, stranger] =
            [(1, 0), (2, 0), (3, 0), (4, 9)].map(|(id, worker)| client(id, worker));
        gate.enter(on_disk(10), &first, 11);
        gate.enter(on_disk(20), &second, 12);
        gate.enter(on_disk(30), &late, 13);
        gate.enter(on_disk(10), &stranger, 14);
        gate.synced(Reach::in_log(20));
        assert_eq!((woken.0.load(Ordering::SeqCst), gate.waiting()), (1, 1));
        assert_eq!(word(&stranger), [14], "it belongs to no worker");
        assert_eq!(word(&first), [0; 0], "nobody but its worker tells it");
        assert_eq!(gate.take_out(2), None, "its need is met");
        gate.serve(0, &waker);
        assert_eq!((word(&first), word(&second)), (vec![11], vec![12]));
        assert_eq!((word(&late), gate.take_out(3)), (vec![], Some(13)));
        gate.synced(Reach::in_log(30));
        assert_eq!((woken.0.load(Ordering::SeqCst), gate.waiting()), (1, 0));
        gate.enter(on_disk(30), &late, 15);
        assert_eq!(word(&late), [15], "it is met already");
    }

    #[test]
    fn the_disk_waits_until_as_many_have_come_as_it_wants() {
        const LONG: Duration = Duration::from_secs(3600);
        let gate = Durability::new(0);
        gate.enter(on_disk(1), &client(1, 0), 1);
        gate.gather(1, LONG, LONG);
        gate.gather(2, Duration::from_millis(1), LONG);
        gate.gather(2, LONG, Duration::from_millis(1));
        std::thread::scope(|scope| {
            let gathering = scope.spawn(|| gate.gather(3, LONG, LONG));
            // Whoever comes from now on has to tell it.
            while gate.wanted.load(Ordering::SeqCst) != 3 {
                std::thread::yield_now();
            }
            for id in 2..=3 {
                gate.enter(on_disk(1), &client(id, 0), 1);
            }
            gathering.join().expect("they have come");
        });
        gate.leave(2, 1);
        assert_eq!(gate.waiting(), 2);
    }
}
