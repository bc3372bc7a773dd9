//! CONFIG GET and CONFIG SET.

use super::*;

fn get(settings: &Settings, pattern: &str) -> String {
    let found = settings.get(&[pattern.as_bytes()]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lines: Vec<_> = found.iter().map(|(n, v)| format!("{} {}", text(n), text(v))).collect();
    lines.join("\n")
}

#[test]
fn patterns_find_names_and_aliases_and_hidden_settings_only_by_name() {
    let settings = Settings::default();
    assert_eq!(get(&settings, "*read-only"), "replica-read-only yes\nslave-read-only yes");
    assert_eq!(get(&settings, "HZ"), "HZ 10");
    assert_eq!(get(&settings, "key-load-*"), "");
    assert_eq!(get(&settings, "key-load-delay"), "key-load-delay 0");
    assert_eq!(get(&settings, "user"), "");
}
