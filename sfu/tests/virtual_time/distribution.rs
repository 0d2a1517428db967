//! A figure that was measured with many seeds, judged as a whole: of hundreds
//! of random links a few are so unlucky that what holds for the others does not
//! hold there, but there is a bound for them too.

use std::cmp::Ordering;
use std::fmt::Debug;

/// One figure a seed.
pub struct Distribution<T> {
    what: &'static str,
    figures: Vec<(T, u64)>,
}

/// What the figures of all seeds must keep.
#[derive(Clone, Copy)]
pub struct Bars<T> {
    /// Half of the seeds.
    pub median: T,
    /// All but one seed in each full hundred, so that with fewer it is all.
    pub nearly_all: T,
    /// Every seed.
    pub worst: T,
}

impl<T: Copy> Bars<T> {
    /// The same for every seed.
    pub fn all(bar: T) -> Self {
        Self {
            median: bar,
            nearly_all: bar,
            worst: bar,
        }
    }
}

impl<T: Copy + PartialOrd + Debug> Distribution<T> {
    /// Of nothing yet. `what` is printed with the figures.
    pub fn of(what: &'static str) -> Self {
        Self {
            what,
            figures: Vec::new(),
        }
    }

    pub fn note(&mut self, seed: u64, figure: T) {
        self.figures.push((figure, seed));
    }

    /// Asserts that no figure is more than its bar.
    pub fn assert_at_most(self, bars: Bars<T>) {
        self.assert(bars, |one, other| one <= other);
    }

    /// Asserts that no figure is less than its bar.
    pub fn assert_at_least(self, bars: Bars<T>) {
        self.assert(bars, |one, other| one >= other);
    }

    /// `is_good` tells whether the first figure is as good as the second.
    fn assert(mut self, bars: Bars<T>, is_good: impl Fn(T, T) -> bool) {
        self.figures
            .sort_by(|(one, _), (other, _)| match one.partial_cmp(other) {
                Some(Ordering::Equal) => Ordering::Equal,
                _ if is_good(*one, *other) => Ordering::Less,
                _ => Ordering::Greater,
            });
        let count = self.figures.len();
        let at = |place: usize| self.figures[place];
        let places = [
            ("median", at((count - 1) / 2), bars.median),
            ("nearly all", at(count - 1 - count / 100), bars.nearly_all),
            ("worst", at(count - 1), bars.worst),
        ];
        let what = self.what;
        let told = places.map(|(name, (figure, seed), bar)| {
            format!("{name} {figure:?} (seed {seed}; bar {bar:?})")
        });
        println!("{what}, {count} seeds: {}", told.join(", "));
        for ((_, (figure, _), bar), told) in places.into_iter().zip(told) {
            assert!(is_good(figure, bar), "{what}: {told}");
        }
    }
}
