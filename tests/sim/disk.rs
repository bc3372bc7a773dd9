//! A disk with one file: what is written survives a crash of the process, what is synced one of the
//! power.

use redpoll::base::Rng;

#[derive(Clone, Debug, Default)]
pub struct Disk {
    written: Option<String>,
    durable: Option<String>,
}

impl Disk {
    pub fn write(&mut self, text: String, sync: bool) {
        if sync {
            self.durable = Some(text.clone());
        }
        self.written = Some(text);
    }

    /// What the node finds when it starts again. After a power failure, either file may be there,
    /// since a rename is atomic.
    pub fn after_crash(&mut self, power_failed: bool, rng: &mut Rng) -> Option<String> {
        if power_failed && rng.chance(0.5) {
            self.written.clone_from(&self.durable);
        }
        self.durable.clone_from(&self.written);
        self.written.clone()
    }

    /// The epochs that no failure can take back: current epoch, last vote.
    pub fn durable_epochs(&self) -> (u64, u64) {
        let vars = self.durable.as_deref().and_then(|text| text.lines().last());
        let fields: Vec<&str> = vars.unwrap_or_default().split(' ').collect();
        match fields[..] {
            ["vars", "currentEpoch", current, "lastVoteEpoch", vote] => {
                (current.parse().expect("a number"), vote.parse().expect("a number"))
            }
            _ => (0, 0),
        }
    }
}

#[test]
fn power_failures_take_what_was_not_synced() {
    let file = |current| format!("vars currentEpoch {current} lastVoteEpoch 0");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut disk = Disk::default();
        disk.write(file(1), true);
        disk.write(file(2), false);
        assert_eq!(disk.durable_epochs(), (1, 0));
        seen.insert(disk.after_crash(true, &mut Rng::from_seed(seed)));
    }
    assert_eq!(seen, [Some(file(1)), Some(file(2))].into());
    let mut disk = Disk::default();
    disk.write(file(2), false);
    assert_eq!(disk.after_crash(false, &mut Rng::from_seed(1)), Some(file(2)));
}
