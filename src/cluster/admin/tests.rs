//! Answers and errors, word for word as redis-server 7.0.15 gives them to the same commands. How
//! many arguments there may be is the command table's business.

use super::*;
use crate::base::{ConfigEpoch, Rng};
use crate::cluster::machine::Input;
use crate::cluster::nodes_conf;
use crate::cluster::settings::{EndpointType, Settings};

const ME: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const PRIMARY: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const REPLICA: &str = "cccccccccccccccccccccccccccccccccccccccc";

/// A dataset in which every slot holds that many keys.
struct Keys(u64);

impl LocalKeys for Keys {
    fn count_in_slot(&self, _: Slot) -> u64 {
        self.0
    }
    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

fn machine_from(text: &str, settings: Settings) -> Machine {
    let saved = nodes_conf::parse(text, Millis(1000), false).expect("a valid file");
    let mut machine = Machine::new(settings, saved, Rng::from_seed(1), Millis(1000));
    machine.step(Millis(1000), Input::Tick, &mut Vec::new());
    machine
}

/// A node that knows nobody.
fn alone() -> Machine {
    machine_from("", Settings::default())
}

/// This node with slots 0-9, a primary with 10-19, and its replica.
fn among_others() -> Machine {
    let settings = Settings { can_replicate: true, ..Settings::default() };
    machine_from(&others("myself,master - 0 0 1 connected 0-9"), settings)
}

fn others(mine: &str) -> String {
    format!(
        "{ME} 10.0.0.1:6379@16379 {mine}\n\
         {PRIMARY} 10.0.0.2:6379@16379,b.example master - 0 0 2 connected 10-19\n\
         {REPLICA} 10.0.0.3:6379@16379 slave {PRIMARY} 0 0 2 connected\n"
    )
}

/// What the command table does with names.
fn parse(args: &[&[u8]]) -> Result<Admin, AdminError> {
    let rest = &args[1..];
    let admin = match args[0].to_ascii_lowercase().as_slice() {
        b"addslots" => Admin::add_slots(rest)?,
        b"delslots" => Admin::del_slots(rest)?,
        b"addslotsrange" => Admin::add_slot_ranges(rest)?,
        b"delslotsrange" => Admin::del_slot_ranges(rest)?,
        b"flushslots" => Admin::FlushSlots,
        b"setslot" => Admin::set_slot(rest)?,
        b"bumpepoch" => Admin::BumpEpoch,
        b"set-config-epoch" => Admin::set_config_epoch(rest)?,
        b"meet" => Admin::meet(rest)?,
        b"forget" => Admin::forget(rest)?,
        b"replicate" => Admin::replicate(rest)?,
        b"failover" => Admin::failover(rest)?,
        b"reset" => Admin::reset(rest)?,
        b"saveconfig" => Admin::SaveConfig,
        b"count-failure-reports" => Admin::count_failure_reports(rest)?,
        b"myid" => Admin::MyId,
        b"myshardid" => Admin::MyShardId,
        b"nodes" => Admin::Nodes,
        b"info" => Admin::Info,
        b"slots" => Admin::Slots,
        b"shards" => Admin::Shards,
        b"links" => Admin::Links,
        b"replicas" | b"slaves" => Admin::replicas(rest)?,
        other => panic!("{} is not the machine's", other.escape_ascii()),
    };
    Ok(admin)
}

/// Runs a command line and gives the answer's text, or the error's with its code.
fn said(machine: &mut Machine, keys: u64, line: &str) -> String {
    let line = line.replace("{me}", ME).replace("{primary}", PRIMARY).replace("{replica}", REPLICA);
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let keys = Keys(keys);
    let cx = AdminContext { keys: &keys, tls: false };
    let command = match parse(&args) {
        Ok(command) => command,
        Err(error) => return format!("ERR {error}"),
    };
    match machine.admin(Millis(1000), &command, cx, &mut Vec::new()) {
        Err(error) => format!("ERR {error}"),
        Ok(Value::Int(number)) => number.to_string(),
        Ok(value) => match value.text() {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => format!("{value:?}"),
        },
    }
}

/// A conversation: what is said and what is answered, in order.
#[track_caller]
fn converse(machine: &mut Machine, keys: u64, lines: &[(&str, &str)]) {
    for (line, answer) in lines {
        assert_eq!(said(machine, keys, line), *answer, "{line}");
        machine.table().check();
    }
}

#[test]
fn addresses_to_meet_are_checked() {
    let lines = [
        ("meet foo 6379", "ERR Invalid node address specified: foo:6379"),
        ("meet 127.0.0.1 0", "ERR Invalid node address specified: 127.0.0.1:0"),
        ("meet 127.0.0.1 abc", "ERR Invalid TCP base port specified: abc"),
        ("meet 127.0.0.1 70000", "ERR Invalid node address specified: 127.0.0.1:70000"),
        ("meet 127.0.0.1 60000", "ERR Invalid node address specified: 127.0.0.1:60000"),
        ("meet 127.0.0.1 6379 abc", "ERR Invalid TCP bus port specified: abc"),
        ("meet 127.0.0.1 6379 0", "ERR Invalid node address specified: 127.0.0.1:6379"),
        ("MEET ::1 6379", "OK"),
        ("meet 127.0.0.1 6379", "OK"),
        ("meet 127.0.0.1 6379", "OK"),
    ];
    let mut machine = alone();
    converse(&mut machine, 0, &lines);
    assert_eq!(machine.table().node_count(), 3, "the same address is met once");
}

#[test]
fn slots_are_assigned_all_or_none() {
    let out_of_range = "ERR Invalid or out of range slot";
    let lines = [
        ("addslots 16384", out_of_range),
        ("addslots -1", out_of_range),
        ("addslots x", out_of_range),
        ("addslots 1 1", "ERR Slot 1 specified multiple times"),
        ("addslots 1", "OK"),
        ("addslots 1", "ERR Slot 1 is already busy"),
        ("addslots 2 1", "ERR Slot 1 is already busy"),
        ("addslotsrange 5 3", "ERR start slot number 5 is greater than end slot number 3"),
        ("addslotsrange 5 x", out_of_range),
        ("addslotsrange 5 7 6 8", "ERR Slot 6 specified multiple times"),
        ("delslots 9", "ERR Slot 9 is already unassigned"),
        ("delslotsrange 1 3", "ERR Slot 2 is already unassigned"),
        ("addslotsrange 2 3 7 7", "OK"),
        ("delslots 3", "OK"),
        ("delslotsrange 1 2", "OK"),
    ];
    let mut machine = alone();
    converse(&mut machine, 0, &lines);
    assert_eq!(machine.table().me().slots.iter().map(Slot::number).collect::<Vec<_>>(), [7]);
    let keys = "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.";
    converse(&mut machine, 3, &[("flushslots", keys)]);
    converse(&mut machine, 0, &[("flushslots", "OK")]);
    assert_eq!(machine.table().me().slot_count, 0);
}

#[test]
fn slots_are_opened_closed_and_given_away() {
    let syntax = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP";
    let lines = [
        ("setslot 1 foo", syntax),
        ("setslot 99999 stable", "ERR Invalid or out of range slot"),
        ("setslot 1 migrating", syntax),
        ("setslot 3 stable x", syntax),
        ("setslot 1 migrating abc", "ERR I don't know about node abc"),
        ("setslot 20 migrating abc", "ERR I'm not the owner of hash slot 20"),
        ("setslot 1 importing abc", "ERR I'm already the owner of hash slot 1"),
        ("setslot 20 importing abc", "ERR I don't know about node abc"),
        ("setslot 1 node abc", "ERR Unknown node abc"),
        ("setslot 1 migrating {replica}", "ERR Target node is not a master"),
        ("setslot 10 importing {replica}", "ERR Target node is not a master"),
        ("setslot 1 node {replica}", "ERR Target node is not a master"),
        (
            "setslot 1 node {primary}",
            "ERR Can't assign hashslot 1 to a different node while I still hold keys for this \
             hash slot.",
        ),
        ("setslot 1 node {me}", "OK"),
        ("setslot 1 MIGRATING {primary}", "OK"),
        ("setslot 12 importing {primary}", "OK"),
    ];
    let mut machine = among_others();
    converse(&mut machine, 5, &lines);
    let open =
        |machine: &Machine| (machine.table().migrating.len(), machine.table().importing.len());
    assert_eq!(open(&machine), (1, 1));
    let my_line = said(&mut machine, 5, "nodes").lines().next().map(str::to_owned);
    let expected = format!(
        "{ME} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-9 \
         [1->-{PRIMARY}] [12-<-{PRIMARY}]"
    );
    assert_eq!(my_line, Some(expected));
    converse(&mut machine, 5, &[("setslot 1 stable", "OK")]);
    assert_eq!(open(&machine), (0, 1));

    // The last step of an import takes the slot with a new claim.
    converse(&mut machine, 5, &[("setslot 12 node {me}", "OK")]);
    assert_eq!(open(&machine), (0, 0));
    assert_eq!(machine.table().me().config_epoch, ConfigEpoch(3));

    // The last step of an export, once the slot is empty.
    converse(
        &mut machine,
        0,
        &[("setslot 0 migrating {primary}", "OK"), ("setslot 0 node {primary}", "OK")],
    );
    assert_eq!(open(&machine), (0, 0));
    assert_eq!(machine.table().me().slot_count, 10);
}

#[test]
fn a_primary_that_gives_its_last_slot_away_follows_it_if_it_can() {
    for can_replicate in [true, false] {
        let settings = Settings { can_replicate, ..Settings::default() };
        let text = others("myself,master - 0 0 1 connected 0");
        let mut machine = machine_from(&text, settings);
        converse(&mut machine, 0, &[("setslot 0 node {primary}", "OK")]);
        assert_eq!(machine.table().me().is_replica(), can_replicate);
        let refused = "ERR Please use SETSLOT only with masters.";
        if can_replicate {
            converse(&mut machine, 0, &[("setslot 1 stable", refused)]);
        }
    }
}

#[test]
fn epochs_are_set_once_and_bumped_only_from_behind() {
    let lines = [
        ("set-config-epoch -1", "ERR Invalid config epoch specified: -1"),
        ("set-config-epoch abc", "ERR value is not an integer or out of range"),
        ("set-config-epoch 5", "OK"),
        ("set-config-epoch 6", "ERR Node config epoch is already non-zero"),
        ("bumpepoch", "STILL 5"),
    ];
    let mut machine = alone();
    converse(&mut machine, 0, &lines);
    assert_eq!(machine.current_epoch().0, 5);
    let known = "ERR The user can assign a config epoch only when the node does not know any \
                 other node.";
    converse(&mut among_others(), 0, &[("set-config-epoch 9", known), ("bumpepoch", "BUMPED 3")]);
    converse(&mut alone(), 0, &[("bumpepoch", "BUMPED 1")]);
}

#[test]
fn nodes_are_forgotten_replicated_and_counted() {
    let not_empty = "ERR To set a master the node must be empty and without assigned slots.";
    let lines = [
        ("forget abc", "ERR Unknown node abc"),
        ("forget {me}", "ERR I tried hard but I can't forget myself..."),
        ("replicate abc", "ERR Unknown node abc"),
        ("replicate {me}", "ERR Can't replicate myself"),
        ("replicate {replica}", "ERR I can only replicate a master, not a replica."),
        ("replicate {primary}", not_empty),
        ("replicas abc", "ERR Unknown node abc"),
        ("slaves {replica}", "ERR The specified node is not a master"),
        ("count-failure-reports abc", "ERR Unknown node abc"),
        ("count-failure-reports {primary}", "0"),
        ("failover", "ERR You should send CLUSTER FAILOVER to a replica"),
        ("failover x", "ERR syntax error"),
        ("forget {replica}", "OK"),
        ("forget {replica}", "OK"),
        ("myid", ME),
    ];
    let mut machine = among_others();
    converse(&mut machine, 0, &lines);
    converse(&mut machine, 0, &[("flushslots", "OK"), ("replicate {primary}", "OK")]);
    assert!(machine.table().me().is_replica());
    let own_primary = "ERR Can't forget my master!";
    let no_link = "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
    let lines =
        [("forget {primary}", own_primary), ("failover", no_link), ("replicate {primary}", "OK")];
    converse(&mut machine, 7, &lines);
    converse(&mut machine, 7, &[("failover takeover", "OK")]);
    assert!(machine.table().me().is_primary() && machine.table().me().slot_count == 10);

    let mut machine = alone();
    converse(&mut machine, 0, &[("meet 10.0.0.2 6379", "OK")]);
    let peer = machine.table().iter().find(|node| !node.is_me()).expect("met").id;
    let refused = "ERR This node cannot replicate another one yet.";
    assert_eq!(said(&mut machine, 0, &format!("replicate {peer}")), refused);
}

#[test]
fn a_reset_forgets_everything_and_a_hard_one_the_name_too() {
    let keys = "ERR CLUSTER RESET can't be called with master nodes containing keys";
    let mut machine = among_others();
    converse(&mut machine, 1, &[("reset", keys), ("reset x", "ERR syntax error")]);
    converse(&mut machine, 0, &[("reset SOFT", "OK"), ("myid", ME)]);
    assert_eq!((machine.table().node_count(), machine.table().me().slot_count), (1, 0));
    assert_eq!(machine.table().me().config_epoch, ConfigEpoch(1));
    let shard = said(&mut machine, 0, "myshardid");
    converse(&mut machine, 0, &[("reset hard", "OK")]);
    assert_ne!(machine.my_id().to_string(), ME);
    assert_ne!(said(&mut machine, 0, "myshardid"), shard);
    assert_eq!(machine.table().me().config_epoch, ConfigEpoch(0));

    // A replica drops its copy, keys or not.
    let settings = Settings { can_replicate: true, ..Settings::default() };
    let mine = format!("myself,slave {PRIMARY} 0 0 0 connected");
    let mut machine = machine_from(&others(&mine), settings);
    let mut actions = Vec::new();
    let cx = AdminContext { keys: &Keys(9), tls: false };
    let answer = machine.admin(Millis(1000), &Admin::Reset { hard: false }, cx, &mut actions);
    assert_eq!(answer, Ok(Value::ok()));
    assert!(actions.iter().any(|action| matches!(action, Action::DropAllKeys)));
    assert!(machine.table().me().is_primary());
}

#[test]
fn info_has_redis_lines_in_redis_order() {
    let expected = "cluster_state:fail\r\ncluster_slots_assigned:20\r\ncluster_slots_ok:20\r\n\
        cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\n\
        cluster_size:2\r\ncluster_current_epoch:2\r\ncluster_my_epoch:1\r\n\
        cluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\n\
        total_cluster_links_buffer_limit_exceeded:0\r\n";
    converse(&mut among_others(), 0, &[("info", expected)]);
}

fn bulk(text: &str) -> Value {
    Value::bulk(text.as_bytes())
}

#[test]
fn slots_shows_endpoints_by_preference() {
    let with = |preferred| {
        let settings = Settings { preferred_endpoint_type: preferred, ..Settings::default() };
        let mut machine = machine_from(&others("myself,master - 0 0 1 connected 0-9"), settings);
        let answer = machine.admin(
            Millis(1000),
            &Admin::Slots,
            AdminContext { keys: &Keys(0), tls: false },
            &mut Vec::new(),
        );
        let Ok(Value::Array(ranges)) = answer else { panic!("an array") };
        assert_eq!(ranges.len(), 2);
        let Value::Array(items) = &ranges[1] else { panic!("an array") };
        assert_eq!(items[..2], [Value::Int(10), Value::Int(19)]);
        assert_eq!(items.len(), 3, "a replica without data is not shown");
        items[2].clone()
    };
    let node = |endpoint, rest: &[(&str, &str)]| {
        let rest = rest.iter().map(|(key, value)| (bulk(key), bulk(value))).collect();
        Value::Array(vec![endpoint, Value::Int(6379), bulk(PRIMARY), Value::Map(rest)])
    };
    let (ip, host) = (("ip", "10.0.0.2"), ("hostname", "b.example"));
    assert_eq!(with(EndpointType::Ip), node(bulk("10.0.0.2"), &[host]));
    assert_eq!(with(EndpointType::Hostname), node(bulk("b.example"), &[ip]));
    assert_eq!(with(EndpointType::Unknown), node(Value::Null, &[ip, host]));
}

#[test]
fn shards_names_every_node_once_under_its_primary() {
    let mut machine = among_others();
    let Value::Array(shards) = machine
        .admin(
            Millis(1000),
            &Admin::Shards,
            AdminContext { keys: &Keys(0), tls: false },
            &mut Vec::new(),
        )
        .expect("an answer")
    else {
        panic!("an array")
    };
    assert_eq!(shards.len(), 2);
    let Value::Map(shard) = &shards[1] else { panic!("a map") };
    assert_eq!(shard[0], (bulk("slots"), Value::Array(vec![Value::Int(10), Value::Int(19)])));
    let Value::Array(nodes) = &shard[1].1 else { panic!("an array") };
    let Value::Map(replica) = &nodes[1] else { panic!("a map") };
    let expected = [
        ("id", bulk(REPLICA)),
        ("port", Value::Int(6379)),
        ("ip", bulk("10.0.0.3")),
        ("endpoint", bulk("10.0.0.3")),
        ("role", bulk("replica")),
        ("replication-offset", Value::Int(0)),
        ("health", bulk("loading")),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(key, value)| (bulk(key), value)).collect();
    assert_eq!(*replica, expected);
}
