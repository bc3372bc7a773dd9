//! A command's arguments, read once from left to right.

use std::sync::Arc;

use super::Registered;
use crate::base::number::parse_i64;
use crate::keyspace::Key;
use crate::resp::RawRequest;
use crate::spec::{CmdError, CmdResult};

/// The block of its own that a big argument was received in.
pub type Block<'a> = &'a Arc<Vec<u8>>;

/// A cursor over the arguments after the command's name (and subcommand's).
///
/// Arity was checked before; reading past the end is a syntax error, which is what a missing option
/// value is to Redis.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    request: RawRequest<'a>,
    keys: &'a [Key<'a>],
    command: &'static Registered,
    position: usize,
}

impl<'a> Args<'a> {
    /// `keys` are the request's keys in the order of its arguments.
    #[inline]
    #[must_use]
    pub fn new(
        request: RawRequest<'a>,
        keys: &'a [Key<'a>],
        command: &'static Registered,
    ) -> Args<'a> {
        let position = if command.is_subcommand { 2 } else { 1 };
        Args { request, keys, command, position }
    }

    /// The command these belong to.
    #[inline]
    #[must_use]
    pub fn command(&self) -> &'static Registered {
        self.command
    }

    /// All arguments, the command's name included.
    #[inline]
    #[must_use]
    pub fn request(&self) -> RawRequest<'a> {
        self.request
    }

    /// The number of the argument that was read last.
    #[must_use]
    pub fn latest(&self) -> usize {
        self.position - 1
    }

    /// Arguments not yet read.
    #[inline]
    #[must_use]
    pub fn left(&self) -> usize {
        self.request.len() - self.position
    }

    /// The next argument, which the command's key specs name as a key.
    ///
    /// # Panics
    /// If it is not one of the command's keys: the declaration and the handler disagree.
    // Returned through memory, a key would be read before all of it was written.
    #[inline(always)]
    pub fn key(&mut self) -> CmdResult<Key<'a>> {
        let bytes = self.bytes()?;
        let (key, rest) = self.keys.split_first().expect("key specs name every key");
        assert!(std::ptr::eq(key.bytes, bytes), "keys are read in the order of the arguments");
        self.keys = rest;
        Ok(*key)
    }

    /// The next argument.
    #[inline]
    pub fn bytes(&mut self) -> CmdResult<&'a [u8]> {
        let arg = self.request.get(self.position).ok_or(CmdError::Syntax)?;
        self.position += 1;
        Ok(arg)
    }

    /// The next argument with the block it was received in, if it is big.
    #[inline]
    pub fn value(&mut self) -> CmdResult<(&'a [u8], Option<Block<'a>>)> {
        let bytes = self.bytes()?;
        Ok((bytes, self.request.big(self.position - 1)))
    }

    /// The next argument as a signed integer.
    #[inline]
    pub fn int(&mut self) -> CmdResult<i64> {
        parse_i64(self.bytes()?).ok_or(CmdError::NotInteger)
    }

    /// The next argument as a signed integer that fits 32 bits.
    pub fn int32(&mut self) -> CmdResult<i32> {
        const OUT_OF_RANGE: CmdError = CmdError::text(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        );
        i32::try_from(self.int()?).map_err(|_| OUT_OF_RANGE)
    }

    /// The next argument as an option word, if there is one.
    #[inline]
    pub fn token(&mut self) -> Option<Token<'a>> {
        let token = self.peek()?;
        self.position += 1;
        Some(token)
    }

    /// The next argument as an option word, without reading on.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<Token<'a>> {
        self.request.get(self.position).map(Token::new)
    }

    /// Reads the next argument if it is `word`, whatever its case.
    #[inline]
    pub fn take_word(&mut self, word: &str) -> bool {
        let next = self.request.get(self.position);
        let found = next.is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        self.position += usize::from(found);
        found
    }

    /// Goes back by one argument.
    #[inline]
    pub fn step_back(&mut self) {
        self.position -= 1;
    }

    /// # Errors
    /// A syntax error if arguments are left.
    #[inline]
    pub fn finish(&self) -> CmdResult<()> {
        if self.left() == 0 { Ok(()) } else { Err(CmdError::Syntax) }
    }

    /// The error for a subcommand's arguments that make no sense together.
    #[must_use]
    pub fn unknown_form(&self) -> CmdError {
        CmdError::unknown_form(self.command.spec.container(), self.request.arg(1))
    }

    /// The error for an argument count that only the handler can judge.
    #[must_use]
    pub fn wrong_arity(&self) -> CmdError {
        CmdError::WrongArity { command: self.command.spec.name }
    }
}

/// An option word.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    raw: &'a [u8],
    upper: [u8; Token::LEN_MAX],
}

impl<'a> Token<'a> {
    /// No option is longer.
    const LEN_MAX: usize = 24;

    #[inline]
    fn new(raw: &'a [u8]) -> Token<'a> {
        let mut upper = [0; Token::LEN_MAX];
        if raw.len() <= Token::LEN_MAX {
            upper[..raw.len()].copy_from_slice(raw);
            upper[..raw.len()].make_ascii_uppercase();
        }
        Token { raw, upper }
    }

    /// In upper case, to match on; empty for a word too long to be an option.
    #[inline]
    #[must_use]
    pub fn upper(&self) -> &[u8] {
        if self.raw.len() <= Token::LEN_MAX { &self.upper[..self.raw.len()] } else { b"" }
    }

    /// As it was sent.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// An option that may be given once; rivals share one, so that a second is a syntax error.
#[derive(Debug)]
pub struct Once<T>(Option<T>);

impl<T> Default for Once<T> {
    fn default() -> Once<T> {
        Once(None)
    }
}

impl<T> Once<T> {
    /// # Errors
    /// A syntax error if it has a value already.
    #[inline]
    pub fn set(&mut self, value: T) -> CmdResult<()> {
        match self.0.replace(value) {
            None => Ok(()),
            Some(_) => Err(CmdError::Syntax),
        }
    }

    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    #[inline]
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.0
    }
}
