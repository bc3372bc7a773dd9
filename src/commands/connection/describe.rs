//! The line of CLIENT LIST and CLIENT INFO.

use std::sync::atomic::Ordering::Relaxed;

use crate::base::Millis;
use crate::commands::Table;
use crate::resp::Proto;
use crate::state::{ClientFlags, ClientShared};

/// The letter CLIENT LIST shows for a flag.
const LETTERS: &[(ClientFlags, u8)] = &[
    (ClientFlags::MONITOR, b'O'),
    (ClientFlags::REPLICA, b'S'),
    (ClientFlags::PRIMARY, b'M'),
    (ClientFlags::SUBSCRIBED, b'P'),
    (ClientFlags::MULTI, b'x'),
    (ClientFlags::BLOCKED, b'b'),
    (ClientFlags::TRACKING, b't'),
    (ClientFlags::BROADCAST, b'B'),
    (ClientFlags::CLOSE_AFTER_REPLY, b'c'),
    (ClientFlags::UNIX_SOCKET, b'U'),
    (ClientFlags::READONLY, b'r'),
    (ClientFlags::NO_EVICT, b'e'),
    (ClientFlags::NO_TOUCH, b'T'),
];

/// One line, without its line break.
pub(in crate::commands) fn describe(client: &ClientShared, now: Millis) -> Vec<u8> {
    let details = client.details.lock().clone();
    let mut line = Vec::with_capacity(256);
    let since = |then: Millis| now.since(then).as_secs();
    let command = Table::get().by_index(client.last_command.load(Relaxed) as usize);
    let query = client.query_bytes.load(Relaxed);
    let capacity = client.query_capacity.load(Relaxed);
    let output = client.output_bytes.load(Relaxed);
    let multi = match client.flags().contains(ClientFlags::MULTI) {
        true => client.queued.load(Relaxed) as i64,
        false => -1,
    };
    let multi_bytes = if multi < 0 { 0 } else { client.queued_bytes.load(Relaxed) };
    let mut put = |name: &str, value: &[u8]| {
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(name.as_bytes());
        line.push(b'=');
        line.extend_from_slice(value);
    };
    let number = |value: u64| value.to_string().into_bytes();
    put("id", &number(client.id));
    put("addr", client.peer.as_bytes());
    put("laddr", client.local.as_bytes());
    put("fd", client.fd.to_string().as_bytes());
    put("name", &details.name);
    put("age", &number(since(client.created)));
    put("idle", &number(since(Millis(client.last_active.load(Relaxed)))));
    put("flags", &letters(client));
    put("db", &number(u64::from(details.db)));
    for (name, count) in ["sub", "psub", "ssub"].into_iter().zip(details.subscriptions) {
        put(name, &number(count as u64));
    }
    put("multi", multi.to_string().as_bytes());
    put("qbuf", &number(query));
    put("qbuf-free", &number(capacity.saturating_sub(query)));
    put("argv-mem", b"0");
    put("multi-mem", &number(multi_bytes));
    put("rbs", b"0");
    put("rbp", b"0");
    put("obl", &number(output));
    put("oll", &number(client.output_chunks.load(Relaxed)));
    put("omem", &number(output));
    put("tot-mem", &number(client.memory()));
    put("events", if output > 0 { b"rw" } else { b"r" });
    put("cmd", command.map_or("NULL", |command| command.spec.name).as_bytes());
    put("user", &details.user);
    put("redir", client.redirects_to().to_string().as_bytes());
    put("resp", if details.proto == Proto::Resp3 { b"3" } else { b"2" });
    put("lib-name", &details.lib_name);
    put("lib-ver", &details.lib_version);
    line
}

fn letters(client: &ClientShared) -> Vec<u8> {
    let flags = client.flags();
    let mut letters = Vec::new();
    for &(flag, letter) in LETTERS.iter().filter(|(flag, _)| flags.contains(*flag)) {
        letters.push(letter);
        if flag == ClientFlags::TRACKING && client.redirect_broken.load(Relaxed) {
            letters.push(b'R');
        }
    }
    if letters.is_empty() {
        letters.push(b'N');
    }
    letters
}
