//! The macros that turn the table's pages into one struct, its defaults and its list of settings.
//!
//! Each file in `table/` is a page: a macro that hands its entries to [`collect!`] together with
//! those of the pages before it. The last page's call ends in [`declare!`], which sees every entry
//! at once, so that `Settings` is one plain struct although its declaration is spread over files by
//! theme.
//!
//! An entry reads
//!
//! ```text
//! /// What it does.
//! field as "directive" also "older-name": Type = default, Kind, AtRuntime + FLAG;
//! ```
//!
//! `as` is only needed when the directive is not the field with dashes. The kind says how the value
//! is read, bounded and printed (`kind/`); the flags are those of `ConfigFlags`.

/// Adds one page's entries to those of the pages before it and goes on to the next page.
macro_rules! collect {
    ({ $($done:tt)* } [] $section:literal $entries:tt) => {
        $crate::config::declare::declare! { $($done)* $section $entries }
    };
    ({ $($done:tt)* } [$next:ident $($later:ident)*] $section:literal $entries:tt) => {
        $crate::config::table::$next! { { $($done)* $section $entries } [$($later)*] }
    };
}

/// Makes `Settings`, its `Default` and `TABLE` from all entries.
macro_rules! declare {
    ($($section:literal { $(
        $(#[doc = $doc:literal])+
        $field:ident $(as $name:literal)? $(also $alias:literal)* :
            $type:ty = $default:expr, $kind:expr, $when:ident $(+ $flag:ident)*;
    )* })*) => {
        /// Every setting's value. A snapshot: a change makes a new one, nobody edits a shared one.
        #[derive(Clone, PartialEq)]
        pub struct Settings {
            $($( $(#[doc = $doc])+ pub $field: $type, )*)*
        }

        impl Default for Settings {
            fn default() -> Settings {
                Settings { $($( $field: $default, )*)* }
            }
        }

        /// All settings in the order of the reference page.
        pub static TABLE: &[Setting] = &[$($( Setting {
            spec: ConfigSpec {
                name: $crate::config::declare::directive!($field $($name)?),
                aliases: &[$($alias),*],
                section: $section,
                doc: &[$($doc),+],
                when: When::$when,
                flags: ConfigFlags::empty()$(.union(ConfigFlags::$flag))*,
            },
            show: |settings| $kind.show(&settings.$field),
            lines: |settings| $kind.lines(&settings.$field),
            read: |settings, words, source| {
                settings.$field = $kind.read(words, &settings.$field, source)?;
                Ok(())
            },
            describe: || Kind::<$type>::describe(&$kind),
            takes_words: || Kind::<$type>::takes_words(&$kind),
        }, )*)*];
    };
}

/// The directive of a field: its name with dashes, unless it is given.
macro_rules! directive {
    ($field:ident) => {{
        const DASHED: [u8; stringify!($field).len()] =
            $crate::config::declare::dashed(stringify!($field));
        match std::str::from_utf8(&DASHED) {
            Ok(name) => name,
            Err(_) => panic!("a field's name is ASCII"),
        }
    }};
    ($field:ident $name:literal) => {
        $name
    };
}

/// `field_name` as `field-name`.
pub(super) const fn dashed<const LEN: usize>(field: &str) -> [u8; LEN] {
    let mut out = [0; LEN];
    let mut at = 0;
    while at < LEN {
        let byte = field.as_bytes()[at];
        out[at] = if byte == b'_' { b'-' } else { byte };
        at += 1;
    }
    out
}

pub(super) use {collect, declare, directive};
