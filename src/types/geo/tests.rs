use proptest::prelude::*;

use super::*;

/// A place: its coordinates, score, geohash, stored position and distance from the first.
type Place = ((f64, f64), u64, &'static str, (&'static str, &'static str), &'static str);

const PLACES: &[Place] = &[
    (
        (13.361389, 38.115556),
        3479099956230698,
        "sqc8b49rny0",
        ("13.36138933897018433", "38.11555639549629859"),
        "0.0000",
    ),
    (
        (15.087269, 37.502669),
        3479447370796909,
        "sqdtr74hyu0",
        ("15.08726745843887329", "37.50266842333162032"),
        "166274.1516",
    ),
    (
        (-180.0, -85.05112878),
        0,
        "00bh0hbj200",
        ("-179.99999731779098511", "-85.05112751263942528"),
        "14784257.5187",
    ),
    (
        (180.0, 85.05112878),
        13510798882111488,
        "bp05b5048p0",
        ("180", "85.0511287799999991"),
        "6307362.7206",
    ),
    (
        (0.0, 0.0),
        3377699720527872,
        "s0000000000",
        ("0.00000268220901489", "0.00000126736058093"),
        "4454733.0204",
    ),
    (
        (-0.0001, 0.0001),
        1876499844738231,
        "ebpbpbpbtd0",
        ("-0.00009924173355103", "0.00010012148579364"),
        "4454725.6765",
    ),
    (
        (2.349014, 48.864716),
        3663832805879806,
        "u09tvrw3xg0",
        ("2.34901160001754761", "48.86471570750150306"),
        "1486391.4204",
    ),
    (
        (-122.4194, 37.7749),
        1367859919124626,
        "9q8yyk8ytp0",
        ("-122.41940170526504517", "37.77490001056577995"),
        "10441392.8274",
    ),
    (
        (179.9, -17.5),
        3355429480323325,
        "ruzumwppjg0",
        ("179.89999920129776001", "-17.50000004020654387"),
        "17379711.3825",
    ),
    (
        (20.0, 80.5),
        3763151179780281,
        "uqq1zned3z0",
        ("20.00000149011611938", "80.50000018495009613"),
        "4722490.0657",
    ),
];

/// Scores, geohashes, positions and distances (from the first) as Redis 7.0.15 gives them.
#[test]
fn scores_hashes_and_distances_are_those_of_redis() {
    let first = Point::of_score(3_479_099_956_230_698);
    for &((longitude, latitude), score, geohash, position, distance) in PLACES {
        let point = Point::new(longitude, latitude).expect("on the map");
        assert_eq!(point.score(), score);
        let stored = Point::of_score(score);
        let text = |value: f64| {
            format!("{value:.17}").trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let stored_text = (text(stored.longitude), text(stored.latitude));
        assert_eq!((&*stored_text.0, &*stored_text.1), position, "{geohash}");
        assert_eq!(stored.geohash(), geohash.as_bytes());
        assert_eq!(format!("{:.4}", stored.distance(first)), distance, "{geohash}");
    }
    for (longitude, latitude) in [(180.1, 0.0), (0.0, 85.06), (-180.1, 0.0), (f64::NAN, 0.0)] {
        assert_eq!(Point::new(longitude, latitude), None);
    }
}

/// The members that GEOSEARCH returns unsorted, in order, of 2000 scattered places.
fn search(places: &[(u64, String)], centre: Point, shape: Shape) -> Vec<&str> {
    let mut found = Vec::new();
    for range in shape.cover(centre) {
        let here = places.iter().filter(|(score, _)| range.contains(score));
        let inside = here
            .filter(|(score, _)| shape.distance_inside(centre, Point::of_score(*score)).is_some());
        found.extend(inside.map(|(_, name)| name.as_str()));
    }
    found
}

/// Numbers and FNV-1a digests of the members that Redis 7.0.15 returned.
#[test]
fn searches_visit_places_in_the_order_of_redis() {
    let mut places: Vec<(u64, String)> = (0..2000)
        .map(|number| {
            let longitude = f64::from(number * 7919 % 3600) / 10.0 - 180.0;
            let latitude = f64::from(number * 104_729 % 1700) / 10.0 - 85.0;
            (Point { longitude, latitude }.score(), number.to_string())
        })
        .collect();
    places.sort();
    for ((longitude, latitude), shape, count, digest) in [
        ((15.0, 37.0), Shape::Circle { radius: 200000.0 }, 1, 0xfbb518f0ee5655f1),
        ((15.0, 37.0), Shape::Circle { radius: 2000000.0 }, 45, 0x39bcc37cd4ffff5c),
        ((0.0, 0.0), Shape::Circle { radius: 500000.0 }, 3, 0x56faddab7265833a),
        ((-0.01, -0.01), Shape::Circle { radius: 900000.0 }, 8, 0x3d73ee61321f6886),
        ((179.95, -17.0), Shape::Circle { radius: 1500000.0 }, 20, 0x3891760880d56915),
        ((20.0, 80.5), Shape::Circle { radius: 700000.0 }, 23, 0xbf77dcb05a849dfe),
        ((-60.0, -70.0), Shape::Circle { radius: 1200000.0 }, 38, 0x8970645c56df4f45),
        ((100.0, 45.0), Shape::Circle { radius: 20.0 }, 0, 0xcbf29ce484222325),
        ((100.0, 45.0), Shape::Circle { radius: 9000000.0 }, 866, 0xe24fec893720814f),
        ((10.0, 10.0), Shape::Circle { radius: 25000000.0 }, 2000, 0x720815bc5be83045),
        ((-179.0, 84.0), Shape::Circle { radius: 300000.0 }, 5, 0x944e8ba72f07b762),
        ((15.0, 37.0), Shape::Box { width: 400000.0, height: 3000000.0 }, 7, 0x98cc83bbd89691fa),
        ((-100.0, -20.0), Shape::Box { width: 5000000.0, height: 100000.0 }, 2, 0x8562b266e50a81ec),
        ((0.0, 0.0), Shape::Box { width: 1000000.0, height: 1000000.0 }, 4, 0xdd0e46db8bb8912a),
        (
            (170.0, 60.0),
            Shape::Box { width: 9000000.0, height: 4000000.0 },
            248,
            0x4721fbf2deed8da0,
        ),
    ] {
        let found = search(&places, Point { longitude, latitude }, shape);
        let hash = found.join(",").bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        assert_eq!((found.len(), hash), (count, digest), "{longitude} {latitude} {shape:?}");
    }
}

proptest! {
    #[test]
    fn a_score_stands_for_a_square_of_half_a_metre(
        longitude in -180.0..180.0_f64,
        latitude in -85.0..85.0_f64,
    ) {
        let point = Point::new(longitude, latitude).expect("on the map");
        let stored = Point::of_score(point.score());
        prop_assert!(point.distance(stored) < 0.6);
        prop_assert!(point.score() < 1 << 52);
    }

    /// Away from the map's edges, what lies in a shape lies in the squares that are searched.
    #[test]
    fn the_cover_holds_the_circle(
        longitude in -100.0..100.0_f64,
        latitude in -60.0..60.0_f64,
        radius in 1.0..2_000_000.0_f64,
        direction in (-1.0..1.0_f64, -1.0..1.0_f64),
    ) {
        let centre = Point { longitude, latitude };
        let reach = degrees(radius / EARTH_RADIUS_METRES);
        let point = Point {
            longitude: longitude + direction.0 * reach,
            latitude: latitude + direction.1 * reach,
        };
        let shape = Shape::Circle { radius };
        let inside = shape.distance_inside(centre, point).is_some();
        let covered = shape.cover(centre).iter().any(|range| range.contains(&point.score()));
        prop_assert!(!inside || covered);
    }
}
