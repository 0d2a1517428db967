//! How good a participant's connection is, in words for people.

use std::time::Duration;

/// Good or not, and why not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Rating {
    pub level: Level,
    /// What is worst; none where nothing is bad.
    pub cause: Option<Cause>,
}

/// The better, the less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Level {
    #[default]
    Good,
    /// It shows, and one can talk.
    Weak,
    /// Talking is a labour.
    Poor,
}

/// Why a connection is not good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// Of what the participant sends, much is lost.
    UplinkLoss,
    /// Of what the participant is sent, much is lost.
    DownlinkLoss,
    /// The way there and back takes long.
    Delay,
    /// Not all that the participant shows can be sent to it.
    SlowDownlink,
    /// Not all that the participant would send can be sent.
    SlowUplink,
}

/// What was measured in one round, which is about a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evidence {
    /// Shares of 1, before repair.
    pub uplink_loss: f32,
    pub downlink_loss: f32,
    pub round_trip: Option<Duration>,
    /// What the path to the participant takes of all that it shows.
    pub downlink: Capacity,
    /// What the path from it takes of all that it would send, by its own word.
    pub uplink: Capacity,
}

/// How much of what is wanted a path takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Capacity {
    #[default]
    All,
    /// Pictures are less sharp than they could be.
    Less,
    /// Some picture does not come.
    Paused,
}

/// The rating of one participant: slow to change its word, and slower for the
/// better.
#[derive(Clone, Copy, Default, Debug)]
pub struct Quality {
    told: Rating,
    uplink_loss: f32,
    downlink_loss: f32,
    worse: u8,
    better: u8,
    /// Rounds in which another cause was the worst of the same.
    other: u8,
}

impl Quality {
    /// Takes a round's evidence; gives the rating when it is another one.
    pub fn update(&mut self, evidence: &Evidence) -> Option<Rating> {
        self.uplink_loss += (evidence.uplink_loss - self.uplink_loss) * SMOOTHING;
        self.downlink_loss += (evidence.downlink_loss - self.downlink_loss) * SMOOTHING;
        let now = self.rating(evidence, 1.0);
        let cautious = self.rating(evidence, RELIEF);
        self.worse = if now.level > self.told.level {
            self.worse.saturating_add(1)
        } else {
            0
        };
        self.better = if cautious.level < self.told.level {
            self.better.saturating_add(1)
        } else {
            0
        };
        self.other = if now.level == self.told.level && now.cause != self.told.cause {
            self.other.saturating_add(1)
        } else {
            0
        };
        let next = if self.worse >= ROUNDS_WORSE || self.other >= ROUNDS_OTHER {
            now
        } else if self.better >= ROUNDS_BETTER {
            cautious
        } else {
            return None;
        };
        self.worse = 0;
        self.better = 0;
        self.other = 0;
        self.told = next;
        Some(next)
    }

    /// By bounds that are `scale` times as high as they are.
    fn rating(&self, evidence: &Evidence, scale: f32) -> Rating {
        let by = |value: f32, [weak, poor]: [f32; 2]| match value {
            value if value >= poor * scale => Level::Poor,
            value if value >= weak * scale => Level::Weak,
            _ => Level::Good,
        };
        let delay = evidence.round_trip.unwrap_or_default().as_secs_f32();
        let of = |capacity| match capacity {
            Capacity::All => Level::Good,
            Capacity::Less => Level::Weak,
            Capacity::Paused => Level::Poor,
        };
        let all = [
            (of(evidence.uplink), Cause::SlowUplink),
            (by(self.uplink_loss, LOSS), Cause::UplinkLoss),
            (by(self.downlink_loss, LOSS), Cause::DownlinkLoss),
            (of(evidence.downlink), Cause::SlowDownlink),
            (by(delay, ROUND_TRIP), Cause::Delay),
        ];
        let mut worst = Rating::default();
        for (level, cause) in all {
            if level > worst.level {
                worst = Rating {
                    level,
                    cause: Some(cause),
                };
            }
        }
        worst
    }
}

/// Shares lost at which a connection is weak, and poor.
const LOSS: [f32; 2] = [0.04, 0.12];
/// The same for round trips, in seconds.
const ROUND_TRIP: [f32; 2] = [0.35, 0.7];
const SMOOTHING: f32 = 0.4;
/// To be called better, it must be so by a margin.
const RELIEF: f32 = 0.7;
const ROUNDS_WORSE: u8 = 3;
const ROUNDS_BETTER: u8 = 5;
const ROUNDS_OTHER: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Evidence = Evidence {
        uplink_loss: 0.0,
        downlink_loss: 0.0,
        round_trip: Some(Duration::from_millis(40)),
        downlink: Capacity::All,
        uplink: Capacity::All,
    };

    /// What is told in so many rounds, with the round.
    fn told(quality: &mut Quality, evidence: Evidence, rounds: u32) -> Vec<(u32, Rating)> {
        (1..=rounds)
            .filter_map(|round| Some((round, quality.update(&evidence)?)))
            .collect()
    }

    fn rating(level: Level, cause: Cause) -> Rating {
        Rating {
            level,
            cause: Some(cause),
        }
    }

    #[test]
    fn what_is_bad_is_told_with_its_cause_and_what_is_good_again_later() {
        for (evidence, expected) in [
            (
                Evidence {
                    uplink_loss: 0.08,
                    ..FINE
                },
                rating(Level::Weak, Cause::UplinkLoss),
            ),
            (
                Evidence {
                    downlink_loss: 0.4,
                    ..FINE
                },
                rating(Level::Poor, Cause::DownlinkLoss),
            ),
            (
                Evidence {
                    round_trip: Some(Duration::from_millis(500)),
                    ..FINE
                },
                rating(Level::Weak, Cause::Delay),
            ),
            (
                Evidence {
                    downlink: Capacity::Paused,
                    ..FINE
                },
                rating(Level::Poor, Cause::SlowDownlink),
            ),
            (
                Evidence {
                    uplink: Capacity::Less,
                    ..FINE
                },
                rating(Level::Weak, Cause::SlowUplink),
            ),
            (
                // The cause of what is lost then.
                Evidence {
                    uplink: Capacity::Paused,
                    uplink_loss: 0.4,
                    ..FINE
                },
                rating(Level::Poor, Cause::SlowUplink),
            ),
        ] {
            let mut quality = Quality::default();
            assert_eq!(told(&mut quality, FINE, 10), []);

            let bad = told(&mut quality, evidence, 10);
            let good = told(&mut quality, FINE, 20);

            assert_eq!(bad.last().map(|(_, rating)| *rating), Some(expected));
            assert!(bad[0].0 <= 4, "{bad:?}");
            assert_eq!(
                good.last().map(|(_, rating)| *rating),
                Some(Rating::default())
            );
            assert!(good[0].0 >= 5, "{good:?}");
        }
    }

    #[test]
    fn another_cause_is_told_when_it_has_been_the_worst_for_a_while() {
        let mut quality = Quality::default();
        let lossy = Evidence {
            uplink_loss: 0.4,
            ..FINE
        };
        told(&mut quality, lossy, 5);
        let paused = Evidence {
            uplink: Capacity::Paused,
            ..lossy
        };

        assert_eq!(told(&mut quality, paused, 4), []);
        assert_eq!(
            told(&mut quality, paused, 10),
            [(1, rating(Level::Poor, Cause::SlowUplink))]
        );
    }

    #[test]
    fn what_passes_or_trembles_is_not_told() {
        let mut quality = Quality::default();
        let lossy = Evidence {
            downlink_loss: 0.2,
            ..FINE
        };
        assert_eq!(told(&mut quality, lossy, 1), []);
        assert_eq!(told(&mut quality, FINE, 10), []);

        let changes: usize = (0..100)
            .map(|round| {
                let narrow = Evidence {
                    downlink: if round % 4 == 0 {
                        Capacity::All
                    } else {
                        Capacity::Less
                    },
                    ..FINE
                };
                told(&mut quality, narrow, 1).len()
            })
            .sum();
        assert_eq!(changes, 1);
    }
}
