//! One machine word that is either a packed value or a box: how every collection fits an entry.
#![expect(unsafe_code, reason = "a tagged pointer: an enum of the two would take two words")]

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, align_of};
use std::ptr::NonNull;

use super::packed::Pack;
use super::packed::pack::TAG_MASK;

/// A [`Pack`], whose pointer has low bits set, or a `Box<T>`, whose pointer has none.
#[repr(transparent)]
pub struct PackOr<T> {
    word: NonNull<u8>,
    owns: PhantomData<(Pack, Box<T>)>,
}

// SAFETY: the word owns a Pack or a Box<T>, each of which may be sent if T may.
unsafe impl<T: Send> Send for PackOr<T> {}
// SAFETY: a shared reference gives out only &Pack or &T.
unsafe impl<T: Sync> Sync for PackOr<T> {}

impl<T: Clone> Clone for PackOr<T> {
    fn clone(&self) -> PackOr<T> {
        match self.shape() {
            Shape::Pack(pack) => PackOr::pack(pack.clone()),
            Shape::Big(big) => PackOr::big(Box::new(big.clone())),
        }
    }
}

pub enum Shape<'a, T> {
    Pack(&'a Pack),
    Big(&'a T),
}

pub enum ShapeMut<'a, T> {
    Pack(&'a mut Pack),
    Big(&'a mut T),
}

impl<T> PackOr<T> {
    const BOX_HAS_NO_LOW_BITS: () = assert!(align_of::<T>() > TAG_MASK);

    #[must_use]
    pub fn pack(pack: Pack) -> PackOr<T> {
        let pack = ManuallyDrop::new(pack);
        // SAFETY: Pack is a transparent NonNull<u8>; `pack` will not drop what the word now owns.
        let word = unsafe { (&raw const pack).cast::<NonNull<u8>>().read() };
        PackOr { word, owns: PhantomData }
    }

    #[must_use]
    pub fn big(big: Box<T>) -> PackOr<T> {
        let () = Self::BOX_HAS_NO_LOW_BITS;
        PackOr { word: NonNull::from(Box::leak(big)).cast(), owns: PhantomData }
    }

    #[inline]
    fn is_pack(&self) -> bool {
        self.word.addr().get() & TAG_MASK != 0
    }

    /// Starts to fetch what the word points at; whether that is big.
    #[inline]
    pub fn prefetch(&self) -> bool {
        let block = self.word.as_ptr().map_addr(|address| address & !TAG_MASK);
        prefetch(block);
        prefetch(block.wrapping_add(64));
        !self.is_pack()
    }

    #[inline]
    #[must_use]
    pub fn shape(&self) -> Shape<'_, T> {
        // SAFETY: low bits tell which of the two the word is (a Pack's form is never zero, a Box<T>
        // is aligned past the tag); both are owned by self, so the references live as long as its
        // borrow.
        unsafe {
            if self.is_pack() {
                Shape::Pack(&*(&raw const self.word).cast::<Pack>())
            } else {
                Shape::Big(self.word.cast::<T>().as_ref())
            }
        }
    }

    #[inline]
    #[must_use]
    pub fn shape_mut(&mut self) -> ShapeMut<'_, T> {
        // SAFETY: as in `shape`, with self borrowed mutably. A Pack keeps its low bits through any
        // change.
        unsafe {
            if self.is_pack() {
                ShapeMut::Pack(&mut *(&raw mut self.word).cast::<Pack>())
            } else {
                ShapeMut::Big(self.word.cast::<T>().as_mut())
            }
        }
    }
}

impl<T> Drop for PackOr<T> {
    fn drop(&mut self) {
        // SAFETY: the word owns exactly one of the two, and nobody uses it after this.
        unsafe {
            if self.is_pack() {
                (&raw mut self.word).cast::<Pack>().drop_in_place();
            } else {
                drop(Box::from_raw(self.word.cast::<T>().as_ptr()));
            }
        }
    }
}

/// Asks the CPU to fetch the cache line at `pointer`, which need not be valid.
#[inline]
pub fn prefetch<T>(pointer: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint and never faults, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(pointer.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pointer;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::packed::Form;

    #[test]
    fn the_word_is_what_was_put_in() {
        assert_eq!(size_of::<PackOr<u64>>(), 8);
        let mut value: PackOr<u64> = PackOr::pack(Pack::empty_listpack());
        let ShapeMut::Pack(pack) = value.shape_mut() else { panic!("a pack") };
        pack.set_form(Form::Intset);
        pack.splice(6, 1, &[&[1; 100]]);
        let Shape::Pack(pack) = value.shape() else { panic!("a pack") };
        assert_eq!((pack.total(), pack.form()), (106, Form::Intset));
        value = PackOr::big(Box::new(7));
        let ShapeMut::Big(big) = value.shape_mut() else { panic!("a box") };
        *big += 1;
        assert!(matches!(value.shape(), Shape::Big(&8)));
    }
}
