//! What has happened: one point a second for an hour, one of ten seconds for a day, one of a minute for a week.
//!
//! Three rings whose places are chosen by time, so that seconds in which nobody wrote (the machine slept, the process was
//! stopped) are holes and not zeros. 22,320 places of 36 bytes: 800 kB, all of it from the start.

use std::time::Duration;

use serde::Serialize;

/// What is kept of a span of time, as its mean. Rates are bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Point {
    /// Of elephants whose mark is installed.
    pub marked: f32,
    /// Of elephants without.
    pub large: f32,
    /// Of all else.
    pub mice: f32,
    /// Installed marks.
    pub marks: f32,
    /// Flow samples per second.
    pub samples: f32,
    /// The share of datagrams that are missing, 0 to 1.
    pub lost: f32,
}

impl Point {
    /// Moves a mean of `n − 1` points to that of `n`, the last of which is `new`.
    fn average(&mut self, new: &Self, n: u32) {
        let share = 1.0 / n as f32;
        let pairs = [
            (&mut self.marked, new.marked),
            (&mut self.large, new.large),
            (&mut self.mice, new.mice),
            (&mut self.marks, new.marks),
            (&mut self.samples, new.samples),
            (&mut self.lost, new.lost),
        ];
        for (mean, value) in pairs {
            *mean += (value - *mean) * share;
        }
    }
}

/// A place: of which step of time, how many points it is the mean of, and that.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    step: u64,
    n: u32,
    mean: Point,
}

#[derive(Debug)]
struct Ring {
    /// Seconds.
    step: u64,
    places: Box<[Place]>,
}

impl Ring {
    fn new(step: u64, places: usize) -> Self {
        Self {
            step,
            places: vec![Place::default(); places].into(),
        }
    }

    fn index(&self, step: u64) -> usize {
        let places = self.places.len() as u64;
        usize::try_from(step % places.max(1)).unwrap_or_default()
    }

    fn add(&mut self, second: u64, point: &Point) {
        let (step, index) = (second / self.step, self.index(second / self.step));
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        if place.step != step || place.n == 0 {
            *place = Place {
                step,
                ..Place::default()
            };
        }
        place.n += 1;
        place.mean.average(point, place.n);
    }

    fn get(&self, step: u64) -> Option<Point> {
        let place = self.places.get(self.index(step))?;
        (place.n > 0 && place.step == step).then_some(place.mean)
    }

    /// Whether it still has what was `ago` seconds before its newest place.
    const fn holds(&self, ago: u64) -> bool {
        ago <= self.step.saturating_mul(self.places.len() as u64)
    }
}

/// The past week.
#[derive(Debug)]
pub struct History {
    rings: [Ring; 3],
    newest: u64,
}

/// What is known of a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Seconds between two points.
    pub step: u64,
    /// Beginning of the step in seconds since 1970, and what is known of it; oldest first, without the steps of which
    /// nothing is.
    pub points: Vec<(u64, Point)>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            rings: [Ring::new(1, 3600), Ring::new(10, 8640), Ring::new(60, 10_080)],
            newest: 0,
        }
    }
}

impl History {
    /// The longest span.
    pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);

    /// Adds what was in this second since 1970. A clock that was set back writes over what it had written; what is older than
    /// a week is of no use to anybody.
    pub fn add(&mut self, second: u64, point: &Point) {
        self.newest = self.newest.max(second);
        for ring in &mut self.rings {
            ring.add(second, point);
        }
    }

    /// The `seconds` before `until`, in the finest steps that there still are for all of that. Both in seconds since 1970.
    pub fn read(&self, until: u64, seconds: u64) -> Span {
        let seconds = seconds.min(Self::LONGEST.as_secs());
        let from = until.saturating_sub(seconds);
        let ago = self.newest.saturating_sub(from);
        let [first, second, last] = &self.rings;
        let ring = [first, second]
            .into_iter()
            .find(|ring| ring.holds(ago))
            .unwrap_or(last);
        // What ends with `until` has begun before it.
        let steps = from.div_ceil(ring.step)..until.min(self.newest.saturating_add(1)).div_ceil(ring.step);
        let oldest = (self.newest / ring.step).saturating_sub(ring.places.len() as u64 - 1);
        let steps = steps.start.max(oldest)..steps.end;
        let known = steps.filter_map(|step| Some((step * ring.step, ring.get(step)?)));
        Span {
            step: ring.step,
            points: known.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn point(marked: f32) -> Point {
        Point {
            marked,
            ..Point::default()
        }
    }

    /// Day-long spans of time, some of them silent.
    fn life() -> impl Strategy<Value = Vec<(u64, u64)>> {
        proptest::collection::vec((0_u64..40_000, 1_u64..400), 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Against all points in a list.
        #[test]
        fn every_span_is_the_mean_of_what_was_written(
            life in life(), ago in 0_u64..100_000, seconds in 1_u64..200_000,
        ) {
            let (mut history, mut model, mut now) = (History::default(), BTreeMap::new(), 1_800_000_000_u64);
            for (silence, written) in life {
                now += silence;
                for _ in 0..written {
                    now += 1;
                    let value = (now % 1000) as f32;
                    history.add(now, &point(value));
                    model.insert(now, value);
                }
            }
            let until = now + 1 - ago.min(now);
            let found = history.read(until, seconds);
            let from = until - seconds;
            let step = [(1, 3600), (10, 86_400), (60, u64::MAX)].into_iter().find(|(_, span)| now - from.min(now) <= *span);
            prop_assert_eq!(found.step, step.unwrap().0);
            let mut means: BTreeMap<u64, Vec<f32>> = BTreeMap::new();
            for (second, value) in &model {
                let begins = second / found.step * found.step;
                if begins >= from && begins < until {
                    means.entry(begins).or_default().push(*value);
                }
            }
            prop_assert_eq!(found.points.len(), means.len());
            for ((time, point), (begins, values)) in found.points.iter().zip(means) {
                let mean = values.iter().sum::<f32>() / values.len() as f32;
                prop_assert_eq!(*time, begins);
                prop_assert!((point.marked - mean).abs() < 0.01, "{} {mean}", point.marked);
            }
        }
    }

    #[test]
    fn a_hole_is_no_zero_and_a_week_is_all_there_is() {
        let mut history = History::default();
        let start = 1_800_000_000;
        for second in (start..start + 10).chain(start + 100..start + 110) {
            history.add(second, &point(7.0));
        }
        let span = history.read(start + 110, 900);
        assert_eq!((span.step, span.points.len()), (1, 20));
        assert!(span.points.iter().all(|(_, point)| point.marked > 6.9));
        history.add(start + 8 * 86_400, &point(1.0));
        let span = history.read(start + 8 * 86_400 + 1, u64::MAX);
        assert_eq!(
            (span.step, span.points.len()),
            (60, 1),
            "what is older than a week is gone"
        );
    }

    #[test]
    fn it_takes_what_the_comment_says() {
        let places: usize = History::default()
            .rings
            .iter()
            .map(|ring| ring.places.len())
            .sum();
        assert_eq!(places, 22_320);
        assert!(places * size_of::<Place>() <= 900_000, "{}", size_of::<Place>());
    }
}
