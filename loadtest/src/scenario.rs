//! What a test does to a server.

use std::fmt;
use std::time::Duration;

/// Rooms, the people in them, and what they send.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub rooms: usize,
    /// In each room.
    pub publishers: usize,
    /// In each room. When as many as there are publishers, and more than one,
    /// everybody is both; else receivers send nothing.
    pub subscribers: usize,
    pub video: Video,
    pub audio: bool,
    /// How long media is measured.
    pub duration: Duration,
}

/// The video of each publisher.
#[derive(Clone, Copy, Debug)]
pub struct Video {
    /// Bits a second of the largest layer, without headers.
    pub bitrate: u64,
    pub frames_a_second: f64,
    /// Three layers, of which the middle one is taken.
    pub simulcast: bool,
    pub arrival: Arrival,
    /// The part of frames, key frames apart, that name an epoch which the
    /// group is not in.
    pub misframed: f64,
}

/// How the packets of a frame are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// All at once.
    Burst,
    /// One each millisecond.
    Paced,
}

/// Somebody in a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person {
    pub room: usize,
    /// Counted over all rooms.
    pub index: usize,
    /// Its leaf in the tree of its room's group.
    pub leaf: usize,
    pub publishes: bool,
    /// How many others' media it receives.
    pub receives: usize,
}

impl Scenario {
    /// The people, publishers first, so that receivers find them there.
    pub fn people(&self) -> Vec<Person> {
        let mut people = Vec::new();
        let mut leaves = vec![0; self.rooms];
        let mut add = |room: usize, publishes, receives| {
            let leaf = leaves[room];
            leaves[room] += 1;
            people.push(Person {
                room,
                index: people.len(),
                leaf,
                publishes,
                receives,
            });
        };
        for room in 0..self.rooms {
            let own = if self.is_meeting() {
                self.publishers - 1
            } else {
                0
            };
            (0..self.publishers).for_each(|_| add(room, true, own));
        }
        if !self.is_meeting() {
            for room in 0..self.rooms {
                (0..self.subscribers).for_each(|_| add(room, false, self.publishers));
            }
        }
        people
    }

    /// How many receivers each publisher has.
    pub fn receivers_a_publisher(&self) -> usize {
        if self.is_meeting() {
            self.publishers - 1
        } else {
            self.subscribers
        }
    }

    /// Whether everybody sends and receives.
    pub fn is_meeting(&self) -> bool {
        self.publishers > 1 && self.publishers == self.subscribers
    }

    /// What a table calls the scenario, such as `1x50`.
    pub fn name(&self) -> String {
        let mut name = format!("{}x{}", self.publishers, self.subscribers);
        if self.rooms > 1 {
            name = format!("{}*{name}", self.rooms);
        }
        if self.video.arrival == Arrival::Paced {
            name.push_str("-paced");
        }
        name
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { video, .. } = self;
        write!(
            f,
            "{}: {} kbit/s at {} frames a second",
            self.name(),
            video.bitrate / 1000,
            video.frames_a_second
        )?;
        if video.simulcast {
            f.write_str(" in three layers")?;
        }
        if video.arrival == Arrival::Paced {
            f.write_str(", packets 1 ms apart")?;
        }
        if self.audio {
            f.write_str(", with audio")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(publishers: usize, subscribers: usize) -> Scenario {
        Scenario {
            rooms: 2,
            publishers,
            subscribers,
            video: Video {
                bitrate: 1_000_000,
                frames_a_second: 30.0,
                simulcast: false,
                arrival: Arrival::Burst,
                misframed: 0.0,
            },
            audio: false,
            duration: Duration::from_secs(1),
        }
    }

    #[test]
    fn in_a_broadcast_publishers_and_receivers_are_apart() {
        let people = scenario(1, 3).people();

        assert_eq!(people.len(), 8);
        assert!(people[..2].iter().all(|p| p.publishes && p.receives == 0));
        assert!(people[2..].iter().all(|p| !p.publishes && p.receives == 1));
        let leaves = |room| {
            people
                .iter()
                .filter(move |p| p.room == room)
                .map(|p| p.leaf)
        };
        assert!(leaves(0).eq(0..4));
        assert!(leaves(1).eq(0..4));
    }

    #[test]
    fn in_a_meeting_everybody_sends_and_receives() {
        let people = scenario(4, 4).people();

        assert_eq!(people.len(), 8);
        assert!(people.iter().all(|p| p.publishes && p.receives == 3));
        assert!(people.iter().enumerate().all(|(at, p)| p.index == at));
    }
}
