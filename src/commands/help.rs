//! The HELP subcommands' reply.

use crate::resp::Encoder;

/// One status line per line of the text.
pub fn write(out: &mut Encoder, lines: &[&str]) {
    out.array(lines.len());
    lines.iter().for_each(|line| out.simple(line));
}
