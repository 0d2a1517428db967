//! One microphone's voice.

use std::time::{Duration, Instant};

/// What is known of a microphone by its packets' levels.
#[derive(Clone, Copy, Default, Debug)]
pub struct Voice {
    /// It goes to those who listen: not all do where many are.
    pub is_heard: bool,
    /// The noise behind the voice, in dBov; unknown before the first packet.
    floor: Option<f32>,
    /// Of what is voice, smoothed, in dBov.
    loudness: f32,
    last_packet: Option<Instant>,
    spoke_at: Option<Instant>,
    /// Packets of voice in a row, or nearly.
    run: u8,
    since: Option<Instant>,
}

/// What a packet was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    pub is_voice: bool,
    /// It is the one by which somebody is known to speak.
    pub is_onset: bool,
}

impl Voice {
    /// Takes a packet's level as its header extension has it (RFC 6464 §3).
    pub fn record(&mut self, now: Instant, level: u8) -> Heard {
        let level = -f32::from(level & 0x7F);
        let elapsed = self
            .last_packet
            .replace(now)
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let floor = match self.floor {
            Some(floor) => level.min(floor + FLOOR_RISE * elapsed.min(LONGEST_GAP).as_secs_f32()),
            // The first packet may be voice already.
            None => level.min(HIGHEST_FIRST_FLOOR),
        };
        let floor = floor.max(LOWEST_FLOOR);
        self.floor = Some(floor);
        let is_voice = level >= QUIETEST && level >= floor + ABOVE_FLOOR;
        if !is_voice {
            self.run = self.run.saturating_sub(1);
            return Heard {
                is_voice,
                is_onset: false,
            };
        }
        let is_fresh = !self.spoke_within(now, HANGOVER);
        self.loudness = if is_fresh {
            level
        } else {
            self.loudness + (level - self.loudness) * SMOOTHING
        };
        self.spoke_at = Some(now);
        self.run = (self.run + 1).min(LONGEST_RUN);
        let is_onset = self.since.is_none() && self.run >= ONSET;
        if is_onset {
            self.since = Some(now);
        }
        Heard { is_voice, is_onset }
    }

    /// Notes that time has passed; whether speaking has ended with it.
    pub fn settle(&mut self, now: Instant) -> bool {
        let has_ended = self.since.is_some() && !self.spoke_within(now, HANGOVER);
        if has_ended {
            self.since = None;
            self.run = 0;
        }
        has_ended
    }

    /// Since when it speaks, pauses between words left out.
    pub fn speaking_since(&self) -> Option<Instant> {
        self.since
    }

    /// When there was voice in it last.
    pub fn last_voice(&self) -> Option<Instant> {
        self.spoke_at
    }

    /// Of what it last said, in dBov.
    pub fn loudness(&self) -> f32 {
        self.loudness
    }

    pub fn spoke_within(&self, now: Instant, duration: Duration) -> bool {
        self.spoke_at
            .is_some_and(|at| now.saturating_duration_since(at) < duration)
    }

    /// Whether its packets have levels at all.
    pub fn has_levels(&self) -> bool {
        self.floor.is_some()
    }
}

/// Below this nothing is voice, in dBov.
const QUIETEST: f32 = -50.0;
/// How far voice stands out of what is behind it.
const ABOVE_FLOOR: f32 = 8.0;
/// In dB a second: noise that begins and stays is noise soon, and a breath in
/// between keeps a long sentence from being it.
const FLOOR_RISE: f32 = 2.0;
const LONGEST_GAP: Duration = Duration::from_millis(200);
const LOWEST_FLOOR: f32 = -70.0;
const HIGHEST_FIRST_FLOOR: f32 = -30.0;
/// About a fifth of a second, at 50 packets a second.
const SMOOTHING: f32 = 0.1;
/// Packets: a click is shorter.
const ONSET: u8 = 3;
const LONGEST_RUN: u8 = 5;
/// Pauses between words are shorter.
const HANGOVER: Duration = Duration::from_millis(800);

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    struct Microphone {
        now: Instant,
        voice: Voice,
    }

    impl Microphone {
        fn new() -> Self {
            Self {
                now: Instant::now(),
                voice: Voice::default(),
            }
        }

        /// Packets of one level; after how many ms of them it first spoke.
        fn hear(&mut self, level: u8, packets: u32) -> Option<u32> {
            let mut spoke = None;
            for packet in 0..packets {
                self.now += Duration::from_millis(20);
                self.voice.settle(self.now);
                if self.voice.record(self.now, level).is_onset {
                    spoke.get_or_insert((packet + 1) * 20);
                }
            }
            spoke
        }
    }

    #[test]
    fn a_voice_is_known_within_60_ms_and_a_click_is_none() {
        let mut microphone = Microphone::new();
        microphone.hear(127, 50);

        assert_eq!(microphone.hear(30, 2), None);
        assert_eq!(microphone.hear(127, 10), None);
        assert_eq!(microphone.hear(0x80 | 0x1E, 50), Some(60));
    }

    #[test]
    fn pauses_between_words_are_part_of_speaking_and_its_end_is_not_missed() {
        let mut microphone = Microphone::new();
        microphone.hear(60, 50);
        assert_eq!(microphone.hear(30, 20), Some(60));

        assert_eq!(microphone.hear(60, 30), None);
        assert_eq!(microphone.hear(30, 20), None);
        assert!(microphone.voice.speaking_since().is_some());
        microphone.hear(60, 45);
        assert!(microphone.voice.speaking_since().is_none());
    }

    #[test]
    fn noise_that_stays_is_soon_no_voice_but_a_voice_in_it_is() {
        let mut microphone = Microphone::new();
        microphone.hear(70, 50);
        microphone.hear(45, 50 * 15);
        assert!(microphone.voice.speaking_since().is_none());

        assert!(microphone.hear(30, 10).is_some());
    }

    #[test]
    fn a_long_speech_with_breaths_stays_speech() {
        let mut microphone = Microphone::new();
        for _ in 0..60 {
            microphone.hear(28, 75);
            microphone.hear(65, 10);
        }
        assert!(microphone.voice.speaking_since().is_some());
    }

    #[test]
    fn whoever_speaks_from_the_first_packet_on_is_known() {
        assert_eq!(Microphone::new().hear(20, 10), Some(60));
    }

    #[test]
    fn silence_and_what_is_too_quiet_are_no_voice() {
        for level in [127, 51, 0xFF] {
            assert_eq!(Microphone::new().hear(level, 500), None);
        }
    }
}
