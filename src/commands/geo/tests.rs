//! The commands of places in-process. The expected replies are those of redis-server 7.0.

use crate::engine::testing::Local;

#[test]
fn places_are_checked_before_the_key() {
    let mut local = Local::default();
    local.check(
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento => :3
        SET str x => +OK
        GEOADD g 1 2 a 3 => -ERR syntax error
        GEOADD g x 2 a => -ERR value is not a valid float
        GEOADD g 181 2 a => -ERR invalid longitude,latitude pair 181.000000,2.000000
        GEOADD g 1 86 a => -ERR invalid longitude,latitude pair 1.000000,86.000000
        GEOADD g nan 2 a => -ERR value is not a valid float
        GEOADD g inf 2 a => -ERR invalid longitude,latitude pair inf,2.000000
        GEOADD g NX XX 1 2 a => -ERR syntax error
        GEOADD g NX CH CH => -ERR syntax error
        GEOADD g FOO 1 2 a => -ERR syntax error
        GEOADD g INCR 1 1 a => -ERR syntax error
        GEOADD str 1 2 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOADD str 200 2 a => -ERR invalid longitude,latitude pair 200.000000,2.000000
        GEOADD g NX CH 13 38 Palermo 1 1 new => :1
        GEOADD g CH 13 38 Palermo 1 1 new => :1
        GEOADD g XX 5 5 none => :0
        ZRANGE g 0 -1 WITHSCORES => ["new" "3377822707026402" "Agrigento" "3479030013248308" "Palermo" "3479065152021743" "Catania" "3479447370796909"]
        "#,
    );
}

#[test]
fn distances_hashes_and_positions() {
    let mut local = Local::default();
    local.check(
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento => :3
        SET str x => +OK
        GEODIST g Palermo Catania => "166274.1516"
        GEODIST g Palermo Catania km => "166.2742"
        GEODIST g Palermo Catania MI => "103.3182"
        GEODIST g Palermo Catania ft => "545518.8700"
        GEODIST g Palermo Catania km mi => -ERR syntax error
        GEODIST g Palermo none => nil
        GEODIST none Palermo none foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEODIST str Palermo none foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEODIST str Palermo none => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEODIST g Palermo Palermo => "0.0000"
        GEOHASH g Palermo none Catania => ["sqc8b49rny0" nil "sqdtr74hyu0"]
        GEOHASH none Palermo => [nil]
        GEOHASH g => []
        GEOHASH str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOPOS g Palermo none => [["13.36138933897018433" "38.11555639549629859"] nil]
        GEOPOS none Palermo => [nil]
        GEOPOS g => []
        GEOPOS str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn any_score_is_a_place() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 1.5 b -5 c 1e300 d inf e -1e300 f 9e18 g 1e16 h => :8
        GEOPOS z a b c d e f g h => [["-179.99999731779098511" "-85.05112497791824921"] ["-179.99999731779098511" "-85.05112497791824921"] ["180" "85.0511287799999991"] ["-179.99999731779098511" "-85.05112751263942528"] ["-179.99999731779098511" "-85.05112751263942528"] ["180" "-85.05112751263942528"] ["180" "85.0511287799999991"] ["180" "-35.0964373490018744"]]
        GEOHASH z a b c d e f g h => ["00bh0hbj210" "00bh0hbj210" "bp05b5048p0" "00bh0hbj200" "00bh0hbj200" "00bh0hbj200" "bp05b5048p0" "21b024bh2j0"]
        GEODIST z a b => "0.0000"
        GEODIST z a c => "18919844.3072"
        GEODIST z a d => "0.2819"
        GEOSEARCH z FROMLONLAT 0 0 BYRADIUS 50000 km => ["a" "b"]
        GEOSEARCH z FROMMEMBER c BYRADIUS 50000 km => []
        "#,
    );
}

#[test]
fn searches() {
    let mut local = Local::default();
    local.check(
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento => :3
        GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2 => :2
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km => ["Agrigento" "Palermo" "edge1" "Catania"]
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH => [["Palermo" "0.0000" :3479099956230698 ["13.36138933897018433" "38.11555639549629859"]] ["Agrigento" "90.9778" :3479030013248308 ["13.5833314061164856" "37.31666804993816555"]] ["edge1" "91.4007" :3479273021651468 ["12.7584877610206604" "38.78813451624225195"]] ["Catania" "166.2742" :3479447370796909 ["15.08726745843887329" "37.50266842333162032"]]]
        GEOSEARCH g FROMMEMBER Palermo BYBOX 400 400 km DESC WITHDIST COUNT 2 => [["Catania" "166.2742"] ["edge1" "91.4007"]]
        GEOSEARCH g FROMMEMBER Palermo BYBOX 400 400 km COUNT 2 WITHDIST => [["Palermo" "0.0000"] ["Agrigento" "90.9778"]]
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY => ["Agrigento"]
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ANY COUNT 1 => ["Agrigento"]
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS inf km ASC => ["Catania" "Agrigento" "Palermo" "edge2" "edge1"]
        GEOSEARCH g FROMLONLAT 15 37 BYBOX inf inf km DESC => ["edge1" "edge2" "Palermo" "Agrigento" "Catania"]
        GEOSEARCH g FROMMEMBER Palermo FROMMEMBER Catania BYRADIUS 1 km => ["Catania"]
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km BYRADIUS 300 km ASC DESC => ["Catania" "edge1" "Agrigento" "Palermo"]
        GEOSEARCH g fromlonlat 15 37 bybox 500 500 m withdist => []
        GEOADD edge 180 85 a -180 -85 b 179.9 0 c -179.9 0 d => :4
        GEOSEARCH edge FROMLONLAT 180 0 BYRADIUS 100 km ASC WITHDIST => [["c" "11.1227"]]
        GEOSEARCH edge FROMLONLAT 0 0 BYBOX 40000 40000 km ASC WITHDIST => [["b" "10566.4985"]]
        GEOSEARCH edge FROMLONLAT 0 0 BYRADIUS 30000 km ASC COUNT 3 => ["b" "c" "d"]
        "#,
    );
}

#[test]
fn searches_that_make_no_sense() {
    let mut local = Local::default();
    local.check(
        "
        GEOADD g 13.361389 38.115556 Palermo => :1
        SET str x => +OK
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 0 => -ERR COUNT must be > 0
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT x => -ERR value is not an integer or out of range
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ANY => -ERR the ANY argument requires COUNT argument
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS x km => -ERR need numeric radius
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS -1 foo => -ERR radius cannot be negative
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 -1 km => -ERR height or width cannot be negative
        GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 km => -ERR need numeric width
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x km => -ERR need numeric height
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 => -ERR syntax error
        GEOSEARCH g FROMLONLAT x 37 BYBOX 1 1 km => -ERR value is not a valid float
        GEOSEARCH g FROMLONLAT 15 97 BYBOX 1 1 km => -ERR invalid longitude,latitude pair 15.000000,97.000000
        GEOSEARCH g FROMLONLAT 15 37 ASC DESC COUNT 2 => -ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH
        GEOSEARCH g BYRADIUS 200 km ASC DESC => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH
        geosearch none BYRADIUS 200 km ASC COUNT 1 WITHDIST => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch
        GEOSEARCH g FROMMEMBER none BYRADIUS 200 km => -ERR could not decode requested zset member
        GEOSEARCH none FROMMEMBER none BYRADIUS 200 km => []
        GEOSEARCH none FROMMEMBER none BYRADIUS 200 foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEOSEARCH str FROMMEMBER none ASC DESC ASC => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 km => -ERR syntax error
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km BYBOX 1 1 km => -ERR syntax error
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STOREDIST => -ERR syntax error
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STORE d => -ERR syntax error
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km WITHDIST => -ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEOSEARCHSTORE d str FROMMEMBER Palermo BYRADIUS 0 km => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOSEARCHSTORE d g FROMMEMBER none BYRADIUS 0 km => -ERR could not decode requested zset member
        ",
    );
}

#[test]
fn what_is_found_is_stored() {
    let mut local = Local::default();
    local.check(
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento => :3
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km STOREDIST => :3
        ZRANGE d 0 -1 WITHSCORES => ["Palermo" "0" "Agrigento" "90.977753537996037" "Catania" "166.27415156960032"]
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km => :3
        ZRANGE d 0 -1 WITHSCORES => ["Agrigento" "3479030013248308" "Palermo" "3479099956230698" "Catania" "3479447370796909"]
        GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km COUNT 1 => :1
        GEOSEARCHSTORE d none FROMMEMBER Palermo BYRADIUS 0 km => :0
        EXISTS d => :0
        GEORADIUS g 15 37 200 km STORE d STOREDIST d => :3
        ZRANGE d 0 -1 WITHSCORES => ["Catania" "56.441257870158204" "Agrigento" "130.42348706714702" "Palermo" "190.44242984775784"]
        GEORADIUS g 15 37 200 km STOREDIST d STORE d => :3
        ZRANGE d 0 -1 WITHSCORES => ["Agrigento" "3479030013248308" "Palermo" "3479099956230698" "Catania" "3479447370796909"]
        GEORADIUS g 15 37 200 km STORE e STORE f => :3
        EXISTS e f => :1
        GEORADIUS none 15 37 1 km STORE d => :0
        EXISTS d => :0
        GEORADIUSBYMEMBER g Palermo 200 km STORE d => :3
        GEORADIUSBYMEMBER none m x km STORE d => :0
        EXISTS d => :0
        GEOSEARCHSTORE g g FROMMEMBER Palermo BYRADIUS 200 km STOREDIST => :3
        ZRANGE g 0 -1 WITHSCORES => ["Palermo" "0" "Agrigento" "90.977753537996037" "Catania" "166.27415156960032"]
        "#,
    );
}

#[test]
fn the_older_commands_read_in_their_own_order() {
    let mut local = Local::default();
    local.check(
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento => :3
        SET str x => +OK
        GEORADIUS g 15 37 200 km => ["Agrigento" "Palermo" "Catania"]
        GEORADIUS g 15 37 200 km WITHCOORD WITHDIST WITHHASH ASC => [["Catania" "56.4413" :3479447370796909 ["15.08726745843887329" "37.50266842333162032"]] ["Agrigento" "130.4235" :3479030013248308 ["13.5833314061164856" "37.31666804993816555"]] ["Palermo" "190.4424" :3479099956230698 ["13.36138933897018433" "38.11555639549629859"]]]
        GEORADIUS g 15 37 200 km STORE d WITHDIST => -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEORADIUS g 15 37 200 km STORE => -ERR syntax error
        GEORADIUS g x 37 200 km => -ERR value is not a valid float
        GEORADIUS g 15 37 x km => -ERR need numeric radius
        GEORADIUS g 15 37 -1 foo => -ERR radius cannot be negative
        GEORADIUS none 15 37 1 foo => -ERR unsupported unit provided. please use M, KM, FT, MI
        GEORADIUS none 15 97 x foo => -ERR invalid longitude,latitude pair 15.000000,97.000000
        GEORADIUS none 15 37 1 km FOO => -ERR syntax error
        GEORADIUS str x 37 1 km => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUS g 15 37 200 km ANY => -ERR the ANY argument requires COUNT argument
        GEORADIUS g 15 37 200 km FROMMEMBER x => -ERR syntax error
        GEORADIUS g 15 37 200 km BYRADIUS 1 km => -ERR syntax error
        GEORADIUS_RO g 15 37 200 km STORE d => -ERR syntax error
        GEORADIUS_RO g 15 37 200 km COUNT 2 DESC => ["Palermo" "Agrigento"]
        GEORADIUSBYMEMBER g none x km => -ERR could not decode requested zset member
        GEORADIUSBYMEMBER none none x km => []
        GEORADIUSBYMEMBER none m x km FOO => -ERR syntax error
        GEORADIUSBYMEMBER none m x foo WITHDIST STORE d => -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEORADIUSBYMEMBER g Palermo x km => -ERR need numeric radius
        GEORADIUSBYMEMBER str Palermo x km => -WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUSBYMEMBER_RO g Palermo 200 km STORE d => -ERR syntax error
        GEORADIUSBYMEMBER_RO g Palermo 200 km WITHDIST ASC => [["Palermo" "0.0000"] ["Agrigento" "90.9778"] ["Catania" "166.2742"]]
        "#,
    );
}

#[test]
fn positions_are_numbers_in_resp3() {
    let mut local = Local::default();
    local.run(&["HELLO", "3"]);
    local.check(
        r#"
        GEOADD g 15 37 a => :1
        GEODIST g a a => "0.0000"
        GEODIST g a none => nil
        GEOPOS g none => [nil]
        GEOHASH g a none => ["sqddmrdst70" nil]
        GEOSEARCH g FROMMEMBER a BYRADIUS 200 km WITHDIST WITHHASH => [["a" "0.0000" :3476504601741708]]
        GEOSEARCH g FROMMEMBER a BYRADIUS 200 km => ["a"]
        "#,
    );
}
