//! A buffered source that computes the checksum of what was taken from it.

use std::io::{self, Read};

use crc_fast::{CrcAlgorithm, Digest};

/// Read from the source at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// See the module's head.
pub(super) struct Summed<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    /// Up to where the buffer is in the digest.
    summed: usize,
    /// None: nobody wants to know.
    digest: Option<Digest>,
}

impl<R: Read> Summed<R> {
    pub(super) fn new(source: R, checksum: bool) -> Summed<R> {
        let digest = checksum.then(|| Digest::new(CrcAlgorithm::Crc64Redis));
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Summed { source, buffer, at: 0, filled: 0, summed: 0, digest }
    }

    /// The checksum of everything taken so far.
    pub(super) fn checksum(&mut self) -> Option<u64> {
        self.sum();
        self.digest.as_ref().map(Digest::finalize)
    }

    fn sum(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.update(&self.buffer[self.summed..self.at]);
        }
        self.summed = self.at;
    }

    /// What was read from the source and not taken.
    pub(super) fn into_rest(self) -> Vec<u8> {
        self.buffer[self.at..self.filled].to_vec()
    }

    /// What has been read ahead.
    #[inline]
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Takes so many of the bytes that have been read ahead.
    #[inline]
    pub(super) fn take(&mut self, count: usize) {
        assert!(count <= self.filled - self.at, "no more can be taken than is there");
        self.at += count;
    }

    fn refill(&mut self) -> io::Result<()> {
        self.sum();
        self.filled = loop {
            match self.source.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        (self.at, self.summed) = (0, 0);
        Ok(())
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.filled {
            self.refill()?;
        }
        let count = out.len().min(self.filled - self.at);
        out[..count].copy_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }

    #[inline]
    fn read_exact(&mut self, mut out: &mut [u8]) -> io::Result<()> {
        if out.len() <= self.filled - self.at {
            out.copy_from_slice(&self.buffer[self.at..self.at + out.len()]);
            self.at += out.len();
            return Ok(());
        }
        while !out.is_empty() {
            let count = self.read(out)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            out = &mut out[count..];
        }
        Ok(())
    }
}
