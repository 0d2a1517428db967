//! Options that several commands have.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::client::dtls::Identity;
use crate::client::srtp::Profile;
use crate::outcome::Outcome;
use crate::report::html::{self, Course};
use crate::report::json::{self, Record};
use crate::report::live::Live;
use crate::scenario::{Arrival, Scenario, Video};
use crate::system::namespace::Network;
use crate::system::{affinity, descriptors};
use crate::target::Way;
use crate::trial::Machine;

/// What publishers send.
#[derive(Args, Clone, Debug)]
pub struct MediaOptions {
    /// Send three layers, of which the middle one is taken
    #[arg(long)]
    pub simulcast: bool,
    /// Send audio too, a packet every 20 ms
    #[arg(long)]
    pub audio: bool,
    /// Video's bits a second, such as 800k or 2.2m, of the largest layer
    #[arg(long, value_name = "RATE", default_value = "2.2m", value_parser = bitrate)]
    pub bitrate: u64,
    /// Frames a second
    #[arg(long, value_name = "NUMBER", default_value = "30", value_parser = positive)]
    pub fps: f64,
    /// Send a frame's packets 1 ms apart instead of all at once
    #[arg(long)]
    pub paced: bool,
    /// The part of frames that name another epoch than the group's: a server
    /// that checks frames drops them
    #[arg(long, value_name = "PART", default_value = "0", value_parser = part)]
    pub misframed: f64,
    /// How long media is measured, such as 10s or 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
}

/// Who is there.
#[derive(Args, Clone, Debug)]
pub struct PeopleOptions {
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = people)]
    pub rooms: usize,
    /// Publishers in each room
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = people)]
    pub publishers: usize,
    /// Receivers in each room; as many as publishers, and more than one, means
    /// that everybody sends and receives
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = people)]
    pub subscribers: usize,
}

/// Where and how tests run.
#[derive(Args, Clone, Debug)]
pub struct MachineOptions {
    /// The core of the server; the last one we may use when absent
    #[arg(long, value_name = "NUMBER")]
    pub server_core: Option<usize>,
    /// The part of receivers that decrypt and check every packet; the others
    /// count
    #[arg(long, value_name = "PART", default_value = "0.05", value_parser = part)]
    pub full: f64,
    /// Joins started in a second
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = positive)]
    pub join_rate: f64,
    /// The one SRTP profile to offer; all, GCM first, when absent
    #[arg(long, value_name = "NAME")]
    pub srtp: Option<ProfileName>,
    /// The part of media packets to lose on purpose on each way: from
    /// publishers to the server, and from there to receivers
    #[arg(long, value_name = "PART", default_value = "0", value_parser = part)]
    pub loss: f64,
    /// Stay on loopback even where a network of our own could be had
    #[arg(long)]
    pub loopback: bool,
    /// The quietroom binary; else the one beside this program or on the PATH
    #[arg(long, value_name = "FILE")]
    pub quietroom: Option<PathBuf>,
    /// Show results only
    #[arg(long)]
    pub quiet: bool,
}

/// Where results go besides the screen.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// Write the results as a JSON array
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProfileName {
    Gcm256,
    Gcm128,
    Sha1,
}

impl MediaOptions {
    pub fn scenario(&self, rooms: usize, publishers: usize, subscribers: usize) -> Scenario {
        Scenario {
            rooms,
            publishers,
            subscribers,
            video: Video {
                bitrate: self.bitrate,
                frames_a_second: self.fps,
                simulcast: self.simulcast,
                arrival: if self.paced {
                    Arrival::Paced
                } else {
                    Arrival::Burst
                },
                misframed: self.misframed,
            },
            audio: self.audio,
            duration: self.duration,
        }
    }
}

impl PeopleOptions {
    pub fn scenario(&self, media: &MediaOptions) -> Scenario {
        media.scenario(self.rooms, self.publishers, self.subscribers)
    }
}

impl MachineOptions {
    /// Moves into a network of our own where that can be had, and shares out
    /// the cores. To be called before any thread exists.
    ///
    /// # Errors
    /// The server's core is not ours to use.
    pub fn prepare(&self) -> Result<Machine, Box<dyn Error>> {
        let network = if self.loopback {
            Network::LOOPBACK
        } else {
            Network::enter()
        };
        let cores = affinity::allowed_cores()?;
        let server = self
            .server_core
            .or(cores.last().copied())
            .filter(|core| cores.contains(core))
            .ok_or_else(|| format!("--server-core: choose one of {cores:?}"))?;
        let mut load: Vec<_> = cores
            .iter()
            .copied()
            .filter(|core| *core != server)
            .collect();
        if load.is_empty() {
            eprintln!("loadtest: only one core: the server and the load share it");
            load.push(server);
        }
        affinity::confine_to(&load)?;
        // Two sockets a participant; where there are too few, that join says so.
        let _ = descriptors::raise_limit();
        Ok(Machine {
            network,
            server_cores: vec![server],
            load_cores: load,
            identity: Identity::generate()?,
            profiles: match self.srtp {
                None => vec![
                    Profile::AeadAes256Gcm,
                    Profile::AeadAes128Gcm,
                    Profile::Aes128CmSha1_80,
                ],
                Some(ProfileName::Gcm256) => vec![Profile::AeadAes256Gcm],
                Some(ProfileName::Gcm128) => vec![Profile::AeadAes128Gcm],
                Some(ProfileName::Sha1) => vec![Profile::Aes128CmSha1_80],
            },
            quietroom: self.quietroom.clone(),
            full_part: self.full,
            joins_a_second: self.join_rate,
            loss: self.loss,
            way: Way::Straight,
        })
    }

    pub fn live(&self) -> Live {
        Live::new(self.quiet)
    }
}

impl ReportOptions {
    /// `shown` are the tests whose course over time is plotted.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write<'a>(
        &self,
        records: &[Record],
        shown: impl IntoIterator<Item = &'a Outcome>,
    ) -> Result<(), Box<dyn Error>> {
        let at = |path: &PathBuf, error| format!("{}: {error}", path.display());
        if let Some(path) = &self.json {
            json::write(path, records).map_err(|error| at(path, error))?;
        }
        if let Some(path) = &self.html {
            let courses: Vec<_> = shown.into_iter().map(course).collect();
            html::write(path, records, &courses).map_err(|error| at(path, error))?;
        }
        Ok(())
    }
}

fn course(outcome: &Outcome) -> Course {
    let samples = outcome.samples.iter();
    Course {
        name: format!("{}, {}", outcome.target, outcome.scenario.name()),
        samples: samples
            .map(|sample| (sample.at.as_secs_f64(), sample.packets_a_second, sample.cpu))
            .collect(),
    }
}

/// Runs a test's future on this thread.
///
/// # Errors
/// The runtime cannot be made.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}

/// A number of bits a second: `800k`, `2.2m`, `64000`.
pub fn bitrate(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * factor)
        .filter(|rate| (1_000.0..=1e9).contains(rate))
        .map(|rate| rate as u64)
        .ok_or_else(|| "write a rate such as 800k or 2.2m, from 1k to 1000m".into())
}

/// `500ms`, `10s` or `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time such as 500ms, 10s or 2m, up to 60m".to_owned();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * seconds)
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(wrong)
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| (0.1..=10_000.0).contains(number))
        .ok_or_else(|| "write a number from 0.1 to 10000".into())
}

fn part(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=1.0).contains(number))
        .ok_or_else(|| "write a number from 0 to 1".into())
}

fn people(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=5_000).contains(number))
        .ok_or_else(|| "write a whole number from 1 to 5000".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_numbers_with_units() {
        assert_eq!(bitrate("2.2m"), Ok(2_200_000));
        assert_eq!(bitrate("800k"), Ok(800_000));
        assert_eq!(bitrate("64000"), Ok(64_000));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "k", "-1k", "0", "é"] {
            assert!(bitrate(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "s", "10", "-1s", "61m", "1h", "1é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
