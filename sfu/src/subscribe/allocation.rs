//! How much of a receiver's path each of its streams may use.

use std::time::{Duration, Instant};

use crate::congestion::Bitrate;
use crate::rtp::Layer;

/// What a slot would carry, and how it is shown.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub urgency: Urgency,
    /// In pixels, on the receiver's screen; none shows it nowhere.
    pub shown: Option<Size>,
    /// The bitrate of each of its steps, the least first; at least one.
    pub layers: &'a [Bitrate],
    /// Which they are: some come and go.
    pub steps: &'a [Layer],
    /// How many of these, the first, are the least picture with fewer frames.
    pub thin: usize,
    /// The height in pixels of each of the others.
    pub heights: &'a [u16],
    pub ladder: &'a Ladder,
}

/// Who comes first when there is not enough for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Urgency {
    Camera,
    /// A camera of who speaks.
    Speaking,
    /// What the receiver has chosen to see.
    Pinned,
    Screen,
}

/// A picture's width and height.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

/// How a receiver shows a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shown {
    pub size: Size,
    /// The receiver has chosen to see it before others.
    pub is_pinned: bool,
}

impl Shown {
    /// The highest spatial layer of use within one stream, counted from 0.
    /// Layers halve in height from one to the next, down from a camera's full
    /// one; of a stream with fewer of them more than is of use may be sent.
    pub fn highest_layer(self) -> u8 {
        (0..LAYERS_WITHIN)
            .find(|layer| is_enough(FULL_HEIGHT >> (LAYERS_WITHIN - layer), self.size.height))
            .unwrap_or(u8::MAX)
    }
}

impl Default for Shown {
    /// As large as can be, until the receiver tells.
    fn default() -> Self {
        Self {
            size: Size {
                width: u16::MAX,
                height: u16::MAX,
            },
            is_pinned: false,
        }
    }
}

/// What a slot is given: one of its layers by its place from the least on, or
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grant {
    Nothing,
    Layer(usize),
}

/// As [`Grant`], but by what it is: places change when layers come and go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rung {
    Nothing,
    UpTo(Layer),
}

/// How one slot has climbed and fallen: down at once, up only when it will
/// last.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// What was granted last.
    present: Option<Rung>,
    /// No step up before this.
    held_until: Option<Instant>,
    hold: Duration,
    /// With what the path was then thought to take, if that was known.
    climbed: Option<(Instant, Option<Bitrate>)>,
    fell: Option<Instant>,
    /// What the path was thought to take when steps up were in vain.
    in_vain_with: Option<Bitrate>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            present: None,
            held_until: None,
            hold: FIRST_HOLD,
            climbed: None,
            fell: None,
            in_vain_with: None,
        }
    }
}

impl Ladder {
    /// Takes a step where the path takes so much, as far as is known, and
    /// remembers it. `is_full` if it is to the highest layer of use: the path is
    /// then no reason to wait before the next.
    pub fn step(&mut self, now: Instant, grant: Rung, is_full: bool, room: Option<Bitrate>) {
        let Some(before) = self.present.replace(grant) else {
            return;
        };
        if grant > before {
            self.climbed = Some((now, room));
        } else if grant < before && !is_full {
            let since = |at: Instant| now.saturating_duration_since(at);
            let in_vain = self.climbed.take().filter(|(at, _)| since(*at) < VAIN);
            // A fall of several steps is one.
            let goes_on = self.fell.replace(now).is_some_and(|at| since(at) < VAIN);
            if let Some((_, room)) = in_vain {
                self.hold = (self.hold * 2).min(LONGEST_HOLD);
                self.in_vain_with = self.in_vain_with.max(room);
            } else if !goes_on {
                self.hold = FIRST_HOLD;
                self.in_vain_with = None;
            }
            self.held_until = Some(now + self.hold);
        }
    }

    /// No picture is worse than one that may have to go again soon. What was
    /// in vain says nothing of a path that has become much wider since.
    fn may_climb(&self, now: Instant, room: Bitrate) -> bool {
        let has_waited = || {
            self.present == Some(Rung::Nothing)
                && self.fell.is_some_and(|at| now >= at + LONGEST_PAUSE)
        };
        let is_another = self
            .in_vain_with
            .is_some_and(|before| room > before.scaled(MUCH_WIDER));
        self.held_until.is_none_or(|until| now >= until) || is_another || has_waited()
    }

    /// Whether a step is no more than what was granted last. So is the least
    /// one while anything is sent.
    fn keeps(&self, step: Layer, is_least: bool) -> bool {
        self.present.is_some_and(|present| {
            present > Rung::Nothing && (is_least || Rung::UpTo(step) <= present)
        })
    }
}

/// What a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    pub present: Bitrate,
    /// What it took all the time of late.
    pub lasting: Bitrate,
}

/// Follows what a path has taken of late.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lately {
    since: Option<Instant>,
    least: Bitrate,
    least_before: Bitrate,
}

impl Lately {
    /// Takes note of the present estimate.
    pub fn update(&mut self, now: Instant, estimate: Bitrate) -> Room {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= LATELY {
            self.since = Some(now);
            self.least_before = std::mem::replace(&mut self.least, estimate);
        }
        self.least = self.least.min(estimate);
        Room {
            present: estimate,
            lasting: self.least.min(self.least_before),
        }
    }
}

/// Shares out `room`, less what sound takes, over `candidates`, and writes
/// what each gets into `grants`. Where it is not known all get what they can
/// show. `order` and `grants` are memory to work in.
///
/// What is shown gets its least layer before anything gets more, by urgency
/// and then by size; but a shared screen comes first in full.
pub fn allot(
    now: Instant,
    room: Option<Room>,
    sound: Bitrate,
    candidates: &[Candidate],
    order: &mut Vec<usize>,
    grants: &mut Vec<Grant>,
) {
    grants.clear();
    grants.resize(candidates.len(), Grant::Nothing);
    order.clear();
    order.extend((0..candidates.len()).filter(|at| candidates[*at].shown.is_some()));
    order.sort_unstable_by_key(|at| {
        let candidate = &candidates[*at];
        let area = candidate.shown.map_or(0, Size::area);
        (std::cmp::Reverse((candidate.urgency, area)), *at)
    });
    let mut share = Share {
        now,
        left: room.map(|room| {
            let fresh = room.present.scaled(CLIMB);
            Remaining {
                room: room.present,
                kept: room.present.scaled(KEEP).minus(sound),
                fresh: fresh.max(room.lasting.scaled(CLIMB_LASTING)).minus(sound),
            }
        }),
    };
    for &at in &*order {
        let candidate = &candidates[at];
        let highest = match candidate.urgency {
            Urgency::Screen => candidate.highest(),
            _ => candidate.thin,
        };
        grants[at] = share.raise(candidate, Grant::Nothing, highest);
    }
    for &at in &*order {
        if grants[at] != Grant::Nothing {
            let candidate = &candidates[at];
            grants[at] = share.raise(candidate, grants[at], candidate.highest());
        }
    }
}

/// Of layers with these heights, the least first, the least one that looks as
/// sharp as any at the size it is shown.
pub fn highest_of_use(shown: Size, heights: &[u16]) -> usize {
    let last = heights.len().saturating_sub(1);
    (0..last)
        .find(|layer| is_enough(heights[*layer], shown.height))
        .unwrap_or(last)
}

/// The height of a camera's layer before it was seen, by its place among
/// `count` of them: each is half of the one above.
pub fn usual_height(layer: u8, count: usize) -> u16 {
    let below = count.saturating_sub(1 + usize::from(layer));
    FULL_HEIGHT >> below.min(15)
}

/// What is left to be shared out.
struct Share {
    now: Instant,
    left: Option<Remaining>,
}

/// For what is sent already, and with some room for what would be new.
struct Remaining {
    /// What the path takes in all.
    room: Bitrate,
    kept: Bitrate,
    fresh: Bitrate,
}

impl Share {
    /// The highest layer up to `highest` that there is enough for, beside what
    /// was granted.
    fn raise(&mut self, candidate: &Candidate, granted: Grant, highest: usize) -> Grant {
        let paid = candidate.cost(granted);
        let least = match granted {
            Grant::Nothing => 0,
            Grant::Layer(layer) => layer + 1,
        };
        for layer in (least..=highest).rev() {
            let grant = Grant::Layer(layer);
            let cost = candidate.cost(grant).minus(paid);
            let is_kept = candidate.ladder.keeps(candidate.steps[layer], layer == 0);
            let is_first = candidate.ladder.present.is_none();
            let fits = match &self.left {
                None => true,
                Some(left) if is_kept => cost <= left.kept,
                Some(left) => {
                    let may_climb = || candidate.ladder.may_climb(self.now, left.room);
                    cost <= left.fresh && (is_first || may_climb())
                }
            };
            if fits {
                if let Some(left) = &mut self.left {
                    left.kept = left.kept.minus(cost);
                    left.fresh = left.fresh.minus(cost);
                }
                return grant;
            }
        }
        granted
    }
}

impl Candidate<'_> {
    fn cost(&self, grant: Grant) -> Bitrate {
        match grant {
            Grant::Nothing => Bitrate::ZERO,
            Grant::Layer(layer) => self.layers[layer],
        }
    }

    /// As much of a grant as was granted before, and the least of it at least;
    /// nothing if it was nothing.
    pub fn without_climbing(&self, grant: Grant) -> Grant {
        match grant {
            _ if self.ladder.present == Some(Rung::Nothing) => Grant::Nothing,
            Grant::Layer(at) if self.ladder.present.is_some() => {
                let mut kept = (0..=at).rev();
                let kept = kept.find(|step| self.ladder.keeps(self.steps[*step], *step == 0));
                Grant::Layer(kept.unwrap_or(0))
            }
            _ => grant,
        }
    }

    /// What it takes at its best.
    pub fn wanted(&self) -> Bitrate {
        match self.shown {
            Some(_) => self.layers[self.highest()],
            None => Bitrate::ZERO,
        }
    }

    /// Whether it can use no more than this.
    pub fn is_full(&self, grant: Grant) -> bool {
        self.shown.is_none() || grant >= Grant::Layer(self.highest())
    }

    fn highest(&self) -> usize {
        if self.urgency == Urgency::Screen {
            return self.layers.len().saturating_sub(1);
        }
        self.thin + highest_of_use(self.shown.unwrap_or_default(), self.heights)
    }
}

impl Size {
    fn area(self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }
}

/// Whether a layer looks as sharp as any where it is shown so high.
fn is_enough(layer: u16, shown: u16) -> bool {
    u32::from(shown) * 4 <= u32::from(layer) * 5
}

/// What is sent goes on being sent with a little less than it takes: bitrates
/// are never quite steady.
const KEEP: f64 = 1.05;
/// What would be new must leave some room.
const CLIMB: f64 = 0.9;
/// And less of it where the estimate does not tremble.
const CLIMB_LASTING: f64 = 0.95;
/// Half of the time that lasts.
const LATELY: Duration = Duration::from_millis(1500);
/// After a step down.
const FIRST_HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_secs(16);
/// After so long a pause there need only be enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// A step up that lasted less was a mistake.
const VAIN: Duration = Duration::from_secs(5);
/// Times what a path was thought to take.
const MUCH_WIDER: f64 = 1.5;
/// Of what a camera is asked for.
const FULL_HEIGHT: u16 = 720;
/// Layers below the full one that browsers make within a stream.
const LAYERS_WITHIN: u8 = 2;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const TILE: Option<Size> = Some(Size {
        width: 640,
        height: 360,
    });
    const HEIGHTS: [u16; 3] = [180, 360, 720];
    const STAGE: Option<Size> = Some(Size {
        width: 1280,
        height: 720,
    });

    const KILOBITS_900: Bitrate = Bitrate::kilobits_per_second(900);

    const STEPS: [Layer; 3] = [step(0), step(1), step(2)];
    const THIN_STEPS: [Layer; 4] = [thin_step(0), thin_step(1), step(0), step(1)];

    const fn step(spatial: u8) -> Layer {
        Layer {
            spatial,
            temporal: u8::MAX,
        }
    }

    const fn thin_step(temporal: u8) -> Layer {
        Layer {
            spatial: 0,
            temporal,
        }
    }

    fn rates(kilobits: &[u64]) -> Vec<Bitrate> {
        let rates = kilobits.iter().copied();
        rates.map(Bitrate::kilobits_per_second).collect()
    }

    fn camera<'a>(layers: &'a [Bitrate], ladder: &'a Ladder) -> Candidate<'a> {
        Candidate {
            urgency: Urgency::Camera,
            shown: STAGE,
            layers,
            steps: &STEPS[..layers.len()],
            thin: 0,
            heights: &HEIGHTS[HEIGHTS.len().saturating_sub(layers.len())..],
            ladder,
        }
    }

    fn thin<'a>(layers: &'a [Bitrate], ladder: &'a Ladder) -> Candidate<'a> {
        Candidate {
            layers,
            steps: &THIN_STEPS,
            thin: 2,
            heights: &HEIGHTS[HEIGHTS.len() + 2 - layers.len()..],
            shown: TILE,
            ..camera(&layers[..1], ladder)
        }
    }

    fn grants(now: Instant, kilobits: u64, candidates: &[Candidate]) -> Vec<Option<usize>> {
        let mut grants = Vec::new();
        allot(
            now,
            Some(Room {
                present: Bitrate::kilobits_per_second(kilobits),
                lasting: Bitrate::ZERO,
            }),
            Bitrate::kilobits_per_second(50),
            candidates,
            &mut Vec::new(),
            &mut grants,
        );
        let layer = |grant| match grant {
            Grant::Nothing => None,
            Grant::Layer(layer) => Some(layer),
        };
        grants.into_iter().map(layer).collect()
    }

    #[test]
    fn everyone_is_seen_before_anyone_is_seen_well() {
        let (layers, ladder) = (rates(&[150, 500, 1500]), Ladder::default());
        let three = vec![camera(&layers, &ladder); 3];
        let now = Instant::now();

        assert_eq!(grants(now, 700, &three), [Some(0); 3]);
        assert_eq!(grants(now, 1000, &three), [Some(1), Some(0), Some(0)]);
        assert_eq!(grants(now, 6000, &three), [Some(2); 3]);
        assert_eq!(grants(now, 400, &three), [Some(0), Some(0), None]);
        assert_eq!(grants(now, 40, &three), [None; 3]);
    }

    #[test]
    fn what_was_paused_and_is_off_stays_paused() {
        let (layers, mut ladder) = (rates(&[150, 500]), Ladder::default());
        ladder.step(Instant::now(), Rung::Nothing, false, None);
        let paused = camera(&layers, &ladder);
        let new = Ladder::default();

        assert_eq!(paused.without_climbing(Grant::Layer(1)), Grant::Nothing);
        let first = camera(&layers, &new).without_climbing(Grant::Layer(1));
        assert_eq!(first, Grant::Layer(1));
    }

    #[test]
    fn a_screen_comes_first_then_who_is_pinned_or_speaks() {
        let (layers, ladder) = (rates(&[150, 500]), Ladder::default());
        let screen = rates(&[600]);
        let of = |urgency, layers| Candidate {
            urgency,
            ..camera(layers, &ladder)
        };
        let all = [
            of(Urgency::Camera, &layers),
            of(Urgency::Speaking, &layers),
            of(Urgency::Pinned, &layers),
            of(Urgency::Screen, &screen),
        ];
        let now = Instant::now();

        assert_eq!(grants(now, 750, &all), [None, None, None, Some(0)]);
        assert_eq!(grants(now, 950, &all), [None, None, Some(0), Some(0)]);
        assert_eq!(
            grants(now, 1700, &all),
            [Some(0), Some(0), Some(1), Some(0)]
        );
    }

    #[test]
    fn a_small_tile_takes_no_large_layer_and_a_hidden_one_nothing() {
        let (layers, ladder) = (rates(&[150, 500, 1500]), Ladder::default());
        let mut two = vec![camera(&layers, &ladder); 2];
        two[0].shown = TILE;
        two[1].shown = None;

        assert_eq!(grants(Instant::now(), 9000, &two), [Some(1), None]);
    }

    #[test]
    fn what_is_of_use_follows_from_how_large_the_layers_are() {
        let of_use = |height, heights: &[u16]| highest_of_use(Size { width: 1, height }, heights);

        assert_eq!(
            [180, 360, 720].map(|shown| of_use(shown, &HEIGHTS)),
            [0, 1, 2]
        );
        assert_eq!(
            [0, 225, 450, 451].map(|shown| of_use(shown, &HEIGHTS)),
            [0, 0, 1, 2]
        );
        // A smaller camera, and one that is seen in two layers so far.
        assert_eq!(
            [90, 180, 360].map(|shown| of_use(shown, &[90, 180, 360])),
            [0, 1, 2]
        );
        assert_eq!(of_use(300, &HEIGHTS[..2]), 1);
        assert_eq!([0, 1, 2].map(|layer| usual_height(layer, 3)), HEIGHTS);
        assert_eq!(usual_height(0, 1), 720);
    }

    #[test]
    fn larger_pictures_come_first() {
        let (layers, ladder) = (rates(&[150, 500]), Ladder::default());
        let mut two = vec![camera(&layers, &ladder); 2];
        two[0].shown = TILE;

        assert_eq!(grants(Instant::now(), 800, &two), [Some(0), Some(1)]);
    }

    #[test]
    fn an_estimate_that_trembles_about_a_layers_rate_causes_no_flapping() {
        let start = Instant::now();
        let layers = rates(&[150, 500]);
        let mut ladder = Ladder::default();
        let mut changes = 0;
        for tenth in 0..600_u32 {
            let now = start + tenth * Duration::from_millis(100);
            let estimate = 550 + u64::from(tenth * 7919 % 13) * 10 - 60;
            let granted = grants(now, estimate, &[camera(&layers, &ladder)]);
            let grant = granted[0].map_or(Rung::Nothing, |layer| Rung::UpTo(STEPS[layer]));
            changes += u32::from(ladder.present.is_some_and(|before| before != grant));
            ladder.step(
                now,
                grant,
                grant == Rung::UpTo(step(1)),
                Some(Bitrate::kilobits_per_second(estimate)),
            );
        }
        assert!(changes <= 2, "{changes} changes in a minute");
    }

    #[test]
    fn down_at_once_and_up_after_a_while_and_later_each_time_it_was_vain() {
        let start = Instant::now();
        let layers = rates(&[150, 500]);
        let mut ladder = Ladder::default();
        let mut climbs = Vec::new();
        for tenth in 0..400_u32 {
            let now = start + tenth * Duration::from_millis(100);
            // Enough, until the upper layer is sent.
            let is_up = ladder.present == Some(Rung::UpTo(step(1)));
            let estimate = if is_up { 400 } else { 900 };
            let granted = grants(now, estimate, &[camera(&layers, &ladder)]);
            let grant = granted[0].map_or(Rung::Nothing, |layer| Rung::UpTo(STEPS[layer]));
            if is_up {
                assert_eq!(grant, Rung::UpTo(step(0)));
            } else if grant == Rung::UpTo(step(1)) {
                climbs.push(tenth);
            }
            ladder.step(
                now,
                grant,
                grant == Rung::UpTo(step(1)),
                Some(Bitrate::kilobits_per_second(estimate)),
            );
        }
        let pauses: Vec<_> = climbs.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [21, 41, 81, 161]);
    }

    #[test]
    fn a_path_that_has_become_much_wider_is_not_waited_for() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let layers = rates(&[150, 500]);
        let mut ladder = Ladder::default();
        ladder.step(at(0), Rung::UpTo(step(0)), false, Some(KILOBITS_900));
        for climb in [10_000, 16_000, 26_000] {
            ladder.step(at(climb), Rung::UpTo(step(1)), true, Some(KILOBITS_900));
            ladder.step(at(climb + 1000), Rung::UpTo(step(0)), false, None);
        }
        let granted = |ladder: &Ladder, kilobits| {
            let now = at(29_000);
            grants(now, kilobits, &[camera(&layers, ladder)])
        };

        assert_eq!(granted(&ladder, 1300), [Some(0)]);
        assert_eq!(granted(&ladder, 1400), [Some(1)]);

        let twice = KILOBITS_900.scaled(2.0);
        ladder.step(at(28_000), Rung::UpTo(step(1)), true, Some(twice));
        ladder.step(at(28_500), Rung::UpTo(step(0)), false, None);
        assert_eq!(granted(&ladder, 2600), [Some(0)]);
    }

    #[test]
    fn a_step_into_the_unknown_says_nothing_of_how_wide_is_wide() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut ladder = Ladder::default();
        ladder.step(at(0), Rung::UpTo(step(0)), false, None);
        ladder.step(at(100), Rung::UpTo(step(1)), true, None);
        ladder.step(at(1000), Rung::UpTo(step(0)), false, Some(KILOBITS_900));

        // Once in vain is four seconds.
        assert!(!ladder.may_climb(at(4900), KILOBITS_900));
        assert!(ladder.may_climb(at(5000), KILOBITS_900));
    }

    #[test]
    fn fewer_frames_come_before_none_and_after_everyone_is_seen() {
        let layers = rates(&[70, 100, 150, 500]);
        let mut ladder = Ladder::default();
        let now = Instant::now();

        for (estimate, grant) in [(120, None), (150, Some(0)), (190, Some(1)), (300, Some(2))] {
            assert_eq!(grants(now, estimate, &[thin(&layers, &ladder)]), [grant]);
        }
        let two = vec![thin(&layers, &ladder); 2];
        assert_eq!(grants(now, 320, &two), [Some(2), Some(0)]);
        ladder.step(now, Rung::UpTo(step(1)), true, None);
        assert_eq!(grants(now, 150, &[thin(&layers, &ladder)]), [Some(1)]);
    }

    #[test]
    fn what_is_sent_is_known_again_when_steps_below_it_come_and_go() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let (with_thin, without) = (rates(&[70, 100, 150, 500]), rates(&[150, 500, 1500]));
        let mut ladder = Ladder::default();
        ladder.step(now, Rung::UpTo(step(1)), true, None);
        ladder.step(now, Rung::UpTo(step(0)), false, None);

        // There would be room to go on with the upper layer, but not to begin
        // with it, and not yet.
        for estimate in [540, 700] {
            let candidate = Candidate {
                shown: STAGE,
                ..thin(&with_thin, &ladder)
            };
            assert_eq!(grants(later, estimate, &[candidate]), [Some(2)]);
            let candidates = [camera(&without, &ladder)];
            assert_eq!(grants(later, estimate, &candidates), [Some(0)]);
        }

        // A picture with fewer frames stays, though it has no such step any more.
        ladder.step(later, Rung::UpTo(thin_step(1)), false, None);
        let candidates = [camera(&without, &ladder)];
        assert_eq!(grants(later, 200, &candidates), [Some(0)]);
    }

    #[test]
    fn a_fall_in_several_steps_holds_the_next_climb_up_once() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut ladder = Ladder::default();
        ladder.step(at(0), Rung::UpTo(thin_step(0)), false, None);
        ladder.step(at(100), Rung::UpTo(step(1)), true, None);

        for (time, of) in [(1000, step(0)), (1200, thin_step(1)), (1400, thin_step(0))] {
            ladder.step(at(time), Rung::UpTo(of), false, None);
        }

        // Once in vain is four seconds.
        assert!(!ladder.may_climb(at(5300), Bitrate::ZERO));
        assert!(ladder.may_climb(at(5400), Bitrate::ZERO));
    }

    #[test]
    fn however_vain_it_was_nobody_waits_long_without_a_picture() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut ladder = Ladder::default();
        for second in 0..5 {
            ladder.step(at(2 * second), Rung::UpTo(step(1)), true, None);
            ladder.step(at(2 * second + 1), Rung::UpTo(step(0)), false, None);
        }
        assert!(!ladder.may_climb(at(20), Bitrate::ZERO));

        ladder.step(at(10), Rung::Nothing, false, None);

        assert!(!ladder.may_climb(at(13), Bitrate::ZERO));
        assert!(ladder.may_climb(at(14), Bitrate::ZERO));
    }

    #[test]
    fn an_estimate_that_stays_needs_less_room_for_a_climb_than_one_that_trembles() {
        let start = Instant::now();
        let rising = |estimate: fn(u64) -> u64| {
            let mut lately = Lately::default();
            (0..50_u64).map(move |tenth| {
                let kilobits = Bitrate::kilobits_per_second(estimate(tenth));
                lately.update(start + Duration::from_millis(tenth * 100), kilobits)
            })
        };
        let kilobits = Bitrate::kilobits_per_second;

        let steady: Vec<_> = rising(|_| 600).map(|room| room.lasting).collect();
        assert_eq!((steady[14], steady[30]), (Bitrate::ZERO, kilobits(600)));
        let trembling = rising(|tenth| 600 - tenth % 5 * 20).skip(30);
        assert!(trembling.clone().all(|room| room.lasting == kilobits(520)));
        let risen = rising(|tenth| if tenth < 20 { 300 } else { 600 });
        let lasting: Vec<_> = risen.map(|room| room.lasting).collect();
        assert_eq!((lasting[30], lasting[49]), (kilobits(300), kilobits(600)));

        // 550 of 600 kbit/s are more than nine tenths.
        let (layers, mut ladder) = (rates(&[150, 500]), Ladder::default());
        ladder.step(start, Rung::UpTo(step(0)), false, None);
        for (lasting, layer) in [(520, 0), (600, 1)] {
            let mut grants = Vec::new();
            let room = Room {
                present: kilobits(600),
                lasting: kilobits(lasting),
            };
            allot(
                start,
                Some(room),
                kilobits(50),
                &[camera(&layers, &ladder)],
                &mut Vec::new(),
                &mut grants,
            );
            assert_eq!(grants, [Grant::Layer(layer)], "{lasting}");
        }
    }

    #[test]
    fn without_an_estimate_all_get_what_they_can_show() {
        let (layers, ladder) = (rates(&[150, 500]), Ladder::default());
        let mut grants = Vec::new();
        let two = vec![camera(&layers, &ladder); 2];

        allot(
            Instant::now(),
            None,
            Bitrate::ZERO,
            &two,
            &mut Vec::new(),
            &mut grants,
        );

        assert_eq!(grants, [Grant::Layer(1); 2]);
    }
}
