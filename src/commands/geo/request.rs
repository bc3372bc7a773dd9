//! What the searching commands have in common: options, and what is done with what is found.

use super::place::{put_distance, put_point};
use super::{metres_per, shape};
use crate::base::float::parse_double;
use crate::commands::zset::store;
use crate::commands::{Args, Ctx, Reply, bulk_value};
use crate::keyspace::Key;
use crate::spec::{CmdError, CmdResult, Event};
use crate::types::Zset;
use crate::types::geo::{Point, Shape};

const NO_MEMBER: CmdError = CmdError::text("ERR could not decode requested zset member");
const NOT_A_COUNT: CmdError = CmdError::text("ERR COUNT must be > 0");
const ANY_OF_ALL: CmdError = CmdError::text("ERR the ANY argument requires COUNT argument");

/// Which options a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// GEOSEARCH: centre and shape are options.
    Search,
    /// GEOSEARCHSTORE: too, and what is stored.
    SearchStore,
    /// GEORADIUS: STORE and STOREDIST.
    Radius,
    RadiusReadOnly,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

/// A search, read in full.
#[derive(Default)]
pub struct Request<'a> {
    centre: Option<Point>,
    /// Its centre was given, be it a member of a key that is not there.
    centred: Option<Centred>,
    /// The shape, and the metres per unit that it was given in.
    shape: Option<(Shape, f64)>,
    descending: Option<bool>,
    /// 0: all.
    count: usize,
    any: bool,
    coordinates: bool,
    distances: bool,
    hashes: bool,
    pub destination: Option<&'a [u8]>,
    store_distances: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Centred {
    Member,
    Point,
}

/// Reads a longitude and a latitude.
///
/// # Errors
/// If they are no numbers, or not on the map.
pub fn read_point(args: &mut Args<'_>) -> CmdResult<Point> {
    let mut read = || parse_double(args.bytes()?).ok_or(CmdError::NotFloat);
    let (longitude, latitude) = (read()?, read()?);
    Point::new(longitude, latitude).ok_or_else(|| {
        CmdError::owned(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    })
}

/// Reads a radius and its unit.
///
/// # Errors
/// If it is no number, or negative, or the unit unknown.
pub fn read_circle(args: &mut Args<'_>) -> CmdResult<(Shape, f64)> {
    const NOT_A_RADIUS: CmdError = CmdError::text("ERR need numeric radius");
    const NEGATIVE: CmdError = CmdError::text("ERR radius cannot be negative");
    let radius = parse_double(args.bytes()?).ok_or(NOT_A_RADIUS)?;
    if radius < 0.0 {
        return Err(NEGATIVE);
    }
    let metres = metres_per(args.bytes()?)?;
    Ok((Shape::Circle { radius: radius * metres }, metres))
}

fn read_box(args: &mut Args<'_>) -> CmdResult<(Shape, f64)> {
    const NOT_A_WIDTH: CmdError = CmdError::text("ERR need numeric width");
    const NOT_A_HEIGHT: CmdError = CmdError::text("ERR need numeric height");
    const NEGATIVE: CmdError = CmdError::text("ERR height or width cannot be negative");
    let width = parse_double(args.bytes()?).ok_or(NOT_A_WIDTH)?;
    let height = parse_double(args.bytes()?).ok_or(NOT_A_HEIGHT)?;
    if width < 0.0 || height < 0.0 {
        return Err(NEGATIVE);
    }
    let metres = metres_per(args.bytes()?)?;
    Ok((Shape::Box { width: width * metres, height: height * metres }, metres))
}

/// The place of a member; None if there is no such key.
///
/// # Errors
/// If the key has no such member.
pub fn member_place(cx: &mut Ctx<'_>, key: &Key<'_>, member: &[u8]) -> CmdResult<Option<Point>> {
    match cx.db.view::<Zset>(key)? {
        None => Ok(None),
        Some(zset) => Ok(Some(Point::of_member(zset.score(member).ok_or(NO_MEMBER)?))),
    }
}

impl<'a> Request<'a> {
    /// Around a centre, which is missing if the key is.
    pub fn around(centre: Option<Point>, shape: Option<(Shape, f64)>) -> Request<'a> {
        Request { centre, shape, ..Request::default() }
    }

    /// Reads all arguments that are left.
    pub fn read_options(
        &mut self,
        cx: &mut Ctx<'_>,
        args: &mut Args<'a>,
        key: &Key<'_>,
        form: Form,
    ) -> CmdResult<()> {
        while let Some(token) = args.token() {
            match token.upper() {
                b"WITHDIST" => self.distances = true,
                b"WITHHASH" => self.hashes = true,
                b"WITHCOORD" => self.coordinates = true,
                b"ANY" => self.any = true,
                b"ASC" => self.descending = Some(false),
                b"DESC" => self.descending = Some(true),
                b"COUNT" if args.left() >= 1 => {
                    let count = usize::try_from(args.int()?).ok().filter(|&count| count > 0);
                    self.count = count.ok_or(NOT_A_COUNT)?;
                }
                b"STORE" if form == Form::Radius && args.left() >= 1 => {
                    (self.destination, self.store_distances) = (Some(args.bytes()?), false);
                }
                b"STOREDIST" if form == Form::Radius && args.left() >= 1 => {
                    (self.destination, self.store_distances) = (Some(args.bytes()?), true);
                }
                b"STOREDIST" if form == Form::SearchStore => self.store_distances = true,
                word if form.is_search() => self.read_area(cx, args, key, word)?,
                _ => return Err(CmdError::Syntax),
            }
        }
        self.check(args, form)
    }

    /// An option that says where to search.
    fn read_area(
        &mut self,
        cx: &mut Ctx<'_>,
        args: &mut Args<'a>,
        key: &Key<'_>,
        word: &[u8],
    ) -> CmdResult<()> {
        let (left, shape) = (args.left(), self.shape.map(|(shape, _)| shape));
        match word {
            b"FROMMEMBER" if left >= 1 && self.centred != Some(Centred::Point) => {
                self.centre = member_place(cx, key, args.bytes()?)?;
                self.centred = Some(Centred::Member);
            }
            b"FROMLONLAT" if left >= 2 && self.centred != Some(Centred::Member) => {
                self.centre = Some(read_point(args)?);
                self.centred = Some(Centred::Point);
            }
            b"BYRADIUS" if left >= 2 && !matches!(shape, Some(Shape::Box { .. })) => {
                self.shape = Some(read_circle(args)?);
            }
            b"BYBOX" if left >= 3 && !matches!(shape, Some(Shape::Circle { .. })) => {
                self.shape = Some(read_box(args)?);
            }
            _ => return Err(CmdError::Syntax),
        }
        Ok(())
    }

    /// What no option can see by itself.
    fn check(&self, args: &Args<'_>, form: Form) -> CmdResult<()> {
        let stored = form == Form::SearchStore || self.destination.is_some();
        if stored && (self.distances || self.hashes || self.coordinates) {
            let what = match form {
                Form::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return Err(CmdError::owned(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let one_of = |what: &str| {
            let text = format!("ERR exactly one of {what} can be specified for ");
            CmdError::echoing(&[text.as_bytes(), args.request().arg(0)])
        };
        if form.is_search() && self.centred.is_none() {
            return Err(one_of("FROMMEMBER or FROMLONLAT"));
        }
        if form.is_search() && self.shape.is_none() {
            return Err(one_of("BYRADIUS and BYBOX"));
        }
        if self.any && self.count == 0 {
            return Err(ANY_OF_ALL);
        }
        Ok(())
    }

    /// What is asked for, in order.
    fn find<'z>(&self, zset: &'z Zset) -> Vec<shape::Found<'z>> {
        let Some((centre, (area, metres))) = self.centre.zip(self.shape) else {
            return Vec::new();
        };
        let limit = if self.any { self.count } else { usize::MAX };
        let mut found = shape::find(zset, centre, area, limit);
        // Some of all means the nearest, unless any will do.
        let by_default = (self.count > 0 && !self.any).then_some(false);
        if let Some(descending) = self.descending.or(by_default) {
            shape::sort(&mut found, descending);
        }
        if self.count > 0 {
            found.truncate(self.count);
        }
        found.iter_mut().for_each(|one| one.distance /= metres);
        found
    }

    /// Replies what is found.
    pub fn answer(&self, cx: &mut Ctx<'_>, key: &Key<'_>) -> CmdResult<Reply> {
        let Some(zset) = cx.db.view::<Zset>(key)? else {
            return Ok(Reply::EmptyArray);
        };
        let found = self.find(zset);
        let extras =
            [self.distances, self.hashes, self.coordinates].into_iter().filter(|&one| one).count();
        cx.out.array(found.len());
        for shape::Found { member, score, distance } in found {
            if extras > 0 {
                cx.out.array(extras + 1);
            }
            bulk_value(cx.out, member);
            if self.distances {
                put_distance(cx.out, distance);
            }
            if self.hashes {
                cx.out.int(score as i64);
            }
            if self.coordinates {
                put_point(cx.out, Point::of_member(score));
            }
        }
        Ok(Reply::Written)
    }

    /// Stores what is found in place of what was there, and replies how much that is.
    pub fn store(
        &self,
        cx: &mut Ctx<'_>,
        key: &Key<'_>,
        target: &Key<'_>,
        event: Event,
    ) -> CmdResult<Reply> {
        let limits = cx.limits();
        let mut result = Zset::default();
        if let Some(zset) = cx.db.view::<Zset>(key)? {
            let mut digits = itoa::Buffer::new();
            for shape::Found { member, score, distance } in self.find(zset) {
                let score = if self.store_distances { distance } else { score };
                result.insert(member.text(&mut digits), score, &limits);
            }
        }
        Ok(store::put(cx, target, result, event, true))
    }
}
