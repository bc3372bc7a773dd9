//! Replicas that clients may write to: keys of their own expire there, and nobody else is told.

use support::Kind::{Redis, Redpoll};
use support::eventually;

use crate::nodes::{follow, info, settle, start, tell};

#[test]
fn what_a_replica_was_given_an_expiry_for_goes_without_its_primary() {
    for kind in [Redis, Redpoll] {
        let primary = start(Redpoll, &[]);
        let replica = start(kind, &["--replica-read-only", "no"]);
        let below = start(Redpoll, &[]);
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        follow(&below, replica.port());
        tell(&primary, "DEBUG SET-ACTIVE-EXPIRE 0");
        for line in ["SET theirs value PX 1", "SET kept value", "SET shared value"] {
            tell(&primary, line);
        }
        settle(&primary, &[&replica, &below]);
        let size = |expected: &str| replica.client().run("DBSIZE").to_string() == expected;
        assert!(size("(integer) 3"), "the primary says when a key is gone");

        tell(&replica, "SET later value EX 1000");
        tell(&replica, "SET lasting value EX 1000");
        assert!(replica.client().run("PERSIST lasting").to_string() == "(integer) 1");
        tell(&replica, "SET own value PX 1");
        replica.client().run("SADD set member");
        replica.client().run("PEXPIRE set 1");
        replica.client().run("PEXPIRE shared 1");
        eventually("what expired here is gone", || size("(integer) 4"));
        assert_eq!(replica.client().run("EXISTS kept later lasting").to_string(), "(integer) 3");
        eventually("one is to be looked at later", || {
            info(&replica, "slave_expires_tracked_keys") == "1"
        });
        eventually("they are counted", || info(&replica, "expired_keys") == "3");
        assert_eq!(below.client().run("DBSIZE").to_string(), "(integer) 3", "it is not told");
        settle(&primary, &[&replica, &below]);

        // Expired keys are no obstacle to writes.
        tell(&replica, "DEBUG SET-ACTIVE-EXPIRE 0");
        tell(&replica, "SET counter 7 PX 1");
        eventually("its time is over", || {
            replica.client().run("EXISTS counter").to_string() == "(integer) 0"
        });
        assert_eq!(replica.client().run("INCR counter").to_string(), "(integer) 1");
        assert_eq!(replica.client().run("INCR theirs").to_string(), "(integer) 1");
    }
}
