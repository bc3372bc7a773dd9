//! A square of the map: the first bits of a geohash.

use std::ops::Range;

use super::{LATITUDE_MAX, LONGITUDE_MAX, Point, STEP_MAX};

/// Every second bit: latitude's, the even ones.
const EVEN: u64 = 0x5555_5555_5555_5555;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub bits: u64,
    /// Bits per coordinate.
    pub step: u32,
}

pub(super) struct Area {
    pub longitude: Range<f64>,
    pub latitude: Range<f64>,
}

impl Cell {
    /// The cell that a point is in, on a map of so many degrees of latitude to each side.
    pub fn around(point: Point, step: u32, latitude_max: f64) -> Cell {
        let scaled =
            |value: f64, max: f64| ((value + max) / (2.0 * max) * f64::from(1_u32 << step)) as u32;
        let latitude = spread(scaled(point.latitude, latitude_max));
        let longitude = spread(scaled(point.longitude, LONGITUDE_MAX));
        Cell { bits: latitude | longitude << 1, step }
    }

    pub fn area(self) -> Area {
        let side = |bits: u64, max: f64| {
            let cells = f64::from(1_u32 << self.step);
            let edge = |index: u32| -max + f64::from(index) / cells * (2.0 * max);
            let index = gather(bits);
            // Only scores that no place has get so far that this wraps, as it does in Redis.
            edge(index)..edge(index.wrapping_add(1))
        };
        Area {
            longitude: side(self.bits >> 1, LONGITUDE_MAX),
            latitude: side(self.bits, LATITUDE_MAX),
        }
    }

    /// The cell and its neighbours: itself, north, south, east, west, then the corners in the same
    /// order. The map's edges wrap around.
    pub fn with_neighbours(self) -> [Cell; 9] {
        [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
            .map(|(east, north)| self.moved(east, north))
    }

    fn moved(self, east: i32, north: i32) -> Cell {
        if (east, north) == (0, 0) {
            return self; // even one on the very edge, whose bits the mask would cut
        }
        let mask = ((1_u64 << self.step) - 1) as u32;
        let shifted = |bits: u64, by: i32| spread(gather(bits).wrapping_add_signed(by) & mask);
        let bits = shifted(self.bits, north) | shifted(self.bits >> 1, east) << 1;
        Cell { bits, ..self }
    }

    /// The scores of the cell's points.
    pub fn scores(self) -> Range<u64> {
        let shift = 2 * (STEP_MAX - self.step);
        self.bits << shift..(self.bits + 1) << shift
    }
}

/// Puts a zero before each bit.
fn spread(value: u32) -> u64 {
    let mut bits = u64::from(value);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut value = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        value = (value | value >> shift) & mask;
    }
    value as u32
}
