use crate::engine::testing::Local;
use crate::resp::Value;

fn error(text: &str) -> Value {
    Value::Error(text.to_owned().into())
}

#[test]
fn without_cluster_mode_nothing_here_works() {
    let mut local = Local::default();
    let lines = "CLUSTER INFO;CLUSTER NODES;CLUSTER KEYSLOT a;CLUSTER HELP;CLUSTER MEET a b c d;\
        CLUSTER ADDSLOTS x;CLUSTER ADDSLOTSRANGE 1 2 3;CLUSTER COUNTKEYSINSLOT x;\
        CLUSTER GETKEYSINSLOT x y;ASKING;READONLY;READWRITE";
    for line in lines.split(';') {
        let args: Vec<&str> = line.split_whitespace().collect();
        let expected = error("ERR This instance has cluster support disabled");
        assert_eq!(local.run(&args), expected, "{line}");
    }
    let expected = error("ERR wrong number of arguments for 'cluster|info' command");
    assert_eq!(local.run(&["CLUSTER", "INFO", "x"]), expected);
    let expected = error("ERR unknown subcommand 'foo'. Try CLUSTER HELP.");
    assert_eq!(local.run(&["CLUSTER", "foo"]), expected);
}
