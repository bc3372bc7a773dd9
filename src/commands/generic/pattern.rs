//! Patterns of SORT's BY and GET: which value belongs to an element.

use crate::commands::Ctx;
use crate::types::Hash;

/// `#`, or a key with a `*` for the element, perhaps with `->field` for a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    Element,
    /// Without a `*`: no element has a value.
    Constant,
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    pub fn new(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = text.iter().position(|&byte| byte == b'*') else {
            return Pattern::Constant;
        };
        let (before, after) = (&text[..star], &text[star + 1..]);
        let arrow = after.windows(2).position(|pair| pair == b"->");
        match arrow.filter(|&arrow| arrow + 2 < after.len()) {
            Some(arrow) => {
                Pattern::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) }
            }
            None => Pattern::Key { before, after, field: None },
        }
    }

    /// Whether elements can differ in it.
    pub fn varies(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// The element's value: itself, a string, or a field of a hash. Any slot may be asked for it,
    /// so the whole keyspace must be held.
    pub fn look_up(&self, cx: &mut Ctx<'_>, element: &[u8]) -> Option<Vec<u8>> {
        match *self {
            Pattern::Element => Some(element.to_vec()),
            Pattern::Constant => None,
            Pattern::Key { before, after, field } => {
                let name = [before, element, after].concat();
                let key = cx.db.key(&name);
                match field {
                    Some(field) => cx.db.get::<Hash>(&key).ok()??.get(field).map(|v| v.to_vec()),
                    None => cx.db.string(&key).ok()?.map(|text| text.to_cow().into_owned()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_star_stands_for_the_element_and_the_arrow_for_a_field() {
        let key = |before: &'static [u8], after: &'static [u8], field: Option<&'static [u8]>| {
            Pattern::Key { before, after, field }
        };
        for (text, pattern) in [
            (&b"#"[..], Pattern::Element),
            (b"nosort", Pattern::Constant),
            (b"##", Pattern::Constant),
            (b"w_*", key(b"w_", b"", None)),
            (b"*", key(b"", b"", None)),
            (b"a*b*c", key(b"a", b"b*c", None)),
            (b"h_*->f", key(b"h_", b"", Some(b"f"))),
            (b"h_*x->f->g", key(b"h_", b"x", Some(b"f->g"))),
            (b"h_*->", key(b"h_", b"->", None)),
            (b"->f*", key(b"->f", b"", None)),
        ] {
            assert_eq!(Pattern::new(text), pattern, "{text:?}");
        }
    }
}
