//! Places on the globe as scores of a sorted set: 52-bit geohashes, distances, areas to search.
//!
//! A geohash interleaves the bits of latitude (even) and longitude (odd), 26 of each, so that a
//! square's points are one range of scores. The formulas, their constants and the order of the nine
//! squares of a search are Redis', because scores, replies and the order of unsorted replies are.

mod cell;

use std::f64::consts::PI;
use std::ops::Range;

use smallvec::SmallVec;

use cell::Cell;

const LONGITUDE_MAX: f64 = 180.0;
/// Where the Mercator projection makes the world a square.
const LATITUDE_MAX: f64 = 85.051_128_78;
const EARTH_RADIUS_METRES: f64 = 6_372_797.560_856;
/// Bits of a score per coordinate.
const STEP_MAX: u32 = 26;
/// Half the length of the equator on the map.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// Degrees of longitude and latitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

/// What a search looks in, around its centre. Lengths are metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

impl Point {
    /// A place that has a score: within the square map.
    #[must_use]
    pub fn new(longitude: f64, latitude: f64) -> Option<Point> {
        let inside = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        inside.then_some(Point { longitude, latitude })
    }

    /// The geohash under which a sorted set holds the place: 52 bits, exact as a double.
    #[must_use]
    pub fn score(self) -> u64 {
        Cell::around(self, STEP_MAX, LATITUDE_MAX).bits
    }

    /// The middle of the square that a score stands for.
    #[must_use]
    pub fn of_score(score: u64) -> Point {
        let area = Cell { bits: score, step: STEP_MAX }.area();
        let middle =
            |range: &Range<f64>, max: f64| ((range.start + range.end) / 2.0).clamp(-max, max);
        Point {
            longitude: middle(&area.longitude, LONGITUDE_MAX),
            latitude: middle(&area.latitude, LATITUDE_MAX),
        }
    }

    /// The place of a member, whatever its score: one that is no geohash is read as the processor
    /// converts it.
    #[must_use]
    pub fn of_member(score: f64) -> Point {
        const TOP: f64 = (1_u64 << 63) as f64;
        let signed =
            |score: f64| if (-TOP..TOP).contains(&score) { score as i64 } else { i64::MIN };
        Point::of_score(if score < TOP {
            signed(score) as u64
        } else {
            signed(score - TOP) as u64 ^ 1 << 63
        })
    }

    /// Metres along the globe (haversine).
    #[must_use]
    pub fn distance(self, other: Point) -> f64 {
        let half_longitude = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if half_longitude == 0.0 {
            return latitude_distance(self, other);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let half_latitude = ((to - from) / 2.0).sin();
        let a =
            half_latitude * half_latitude + from.cos() * to.cos() * half_longitude * half_longitude;
        2.0 * EARTH_RADIUS_METRES * a.sqrt().asin()
    }

    /// The standard geohash of eleven characters, which spans all latitudes. The last character
    /// would need bits that a score does not have.
    #[must_use]
    pub fn geohash(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEP_MAX, 90.0).bits;
        let mut text = [ALPHABET[0]; 11];
        for (index, character) in text[..10].iter_mut().enumerate() {
            *character = ALPHABET[(bits >> (47 - 5 * index)) as usize & 0x1f];
        }
        text
    }
}

impl Shape {
    /// The distance from `centre` to `point` if the shape around the one holds the other.
    #[must_use]
    pub fn distance_inside(self, centre: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius } => {
                Some(centre.distance(point)).filter(|&distance| distance <= radius)
            }
            Shape::Box { width, height } => {
                let abeam = Point { longitude: centre.longitude, ..point };
                let inside = latitude_distance(point, centre) <= height / 2.0
                    && point.distance(abeam) <= width / 2.0;
                inside.then(|| centre.distance(point))
            }
        }
    }

    /// The ranges of scores that together hold every place in the shape, nine at most, in the order
    /// that a search visits them.
    #[must_use]
    pub fn cover(self, centre: Point) -> SmallVec<[Range<u64>; 9]> {
        let bounds = self.bounds(centre);
        let radius = match self {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => (width / 2.0).hypot(height / 2.0),
        };
        let mut step = steps_for(radius, centre.latitude);
        let mut cells = Cell::around(centre, step, LATITUDE_MAX).with_neighbours();
        // A centre near its square's edge may reach past the neighbours: then larger squares do.
        let [_, north, south, east, west, ..] = cells.map(Cell::area);
        let reaches_past = north.latitude.end < bounds.latitude.end
            || south.latitude.start > bounds.latitude.start
            || east.longitude.end < bounds.longitude.end
            || west.longitude.start > bounds.longitude.start;
        if reaches_past && step > 1 {
            step -= 1;
            cells = Cell::around(centre, step, LATITUDE_MAX).with_neighbours();
        }
        let own = cells[0].area();
        // Neighbours on a side where the centre's own square reaches past the shape are not needed.
        let [south, north, west, east] = [
            own.latitude.start < bounds.latitude.start,
            own.latitude.end > bounds.latitude.end,
            own.longitude.start < bounds.longitude.start,
            own.longitude.end > bounds.longitude.end,
        ]
        .map(|unneeded| unneeded && step >= 2);
        let unneeded = [
            false,
            north,
            south,
            east,
            west,
            north || east,
            north || west,
            south || east,
            south || west,
        ];
        let mut ranges: SmallVec<[Range<u64>; 9]> = SmallVec::new();
        let needed = cells.iter().zip(unneeded).filter(|(_, unneeded)| !unneeded);
        for range in needed.map(|(cell, _)| cell.scores()) {
            // Squares of half the world meet themselves on the other side.
            if ranges.last() != Some(&range) {
                ranges.push(range);
            }
        }
        ranges
    }

    fn bounds(self, centre: Point) -> cell::Area {
        let (width, height) = match self {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let up = degrees(height / EARTH_RADIUS_METRES);
        // A degree of longitude is shortest on the side towards the pole.
        let far = if centre.latitude < 0.0 { centre.latitude - up } else { centre.latitude + up };
        let aside = degrees(width / EARTH_RADIUS_METRES / radians(far).cos());
        cell::Area {
            longitude: centre.longitude - aside..centre.longitude + aside,
            latitude: centre.latitude - up..centre.latitude + up,
        }
    }
}

fn latitude_distance(one: Point, other: Point) -> f64 {
    EARTH_RADIUS_METRES * (radians(other.latitude) - radians(one.latitude)).abs()
}

/// How many bits a square may have so that nine of them surely cover the radius.
fn steps_for(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEP_MAX;
    }
    let (mut step, mut reach) = (1_i32, radius);
    while reach < MERCATOR_MAX {
        reach *= 2.0;
        step += 1;
    }
    step -= 2; // twice the size: the centre may be anywhere in its square
    // Towards the poles squares get narrower.
    step -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    step.clamp(1, STEP_MAX as i32) as u32
}

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

#[cfg(test)]
mod tests;
