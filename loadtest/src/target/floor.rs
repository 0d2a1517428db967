//! The bare forwarder as a server under test: this program itself, once more.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::process::{end, spawn_confined};
use super::quietroom::{one_layer, three_layers};
use super::{KeptOpen, Plans, Setting, TargetError};
use crate::client::participant::{PayloadTypes, Plan, Security};
use crate::client::publisher::{Camera, LayerId, Publication, Source};
use crate::client::srtp::{MasterKey, Profile};
use crate::forwarder::{self, Order};
use crate::media::rtp::ExtensionIds;
use crate::random;
use crate::scenario::Person;
use crate::system::udp::Socket;

pub use crate::forwarder::{Cost, Sending};

#[derive(Debug)]
pub struct Floor {
    child: Child,
    orders: Mutex<Option<ChildStdin>>,
    said: Mutex<BufReader<ChildStdout>>,
    address: SocketAddr,
    sending: Sending,
    setting: Setting,
}

impl Floor {
    pub fn start(setting: &Setting, sending: Sending) -> Result<Self, TargetError> {
        let mut command = Command::new(env::current_exe()?);
        command
            .arg("forward")
            .arg(SocketAddr::new(setting.network.address, 0).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if sending == Sending::Singly {
            command.arg("--singly");
        }
        let mut child = spawn_confined(&mut command, &setting.cores)?;
        let missing = || TargetError::Start("it has no pipes".into());
        let orders = child.stdin.take().ok_or_else(missing)?;
        let mut said = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let Ok(address) = line.trim().parse() else {
            end(&mut child);
            return Err(TargetError::Start("it says no address".into()));
        };
        Ok(Self {
            child,
            orders: Mutex::new(Some(orders)),
            said: Mutex::new(said),
            address,
            sending,
            setting: setting.clone(),
        })
    }

    pub fn join(
        &self,
        person: Person,
        is_full: bool,
        plans: &Plans,
    ) -> Result<KeptOpen, TargetError> {
        let socket = Socket::bind(self.setting.network.address)?;
        let (ours, theirs) = (new_key(), new_key());
        let mut publications = Vec::new();
        if person.publishes {
            let video = self.setting.scenario.video;
            let layers = if video.simulcast {
                three_layers()
            } else {
                one_layer()
            };
            publications.push(publication("v", Source::Camera(Camera(video)), 96, layers));
            if self.setting.scenario.audio {
                publications.push(publication("a", Source::Microphone, 111, one_layer()));
            }
        }
        for publication in &publications {
            for (index, layer) in publication.layers.iter().enumerate() {
                self.order(&Order::Source(forwarder::Source {
                    room: person.room,
                    participant: person.index,
                    ssrc: layer.ssrc,
                    key: ours.key.clone(),
                    salt: ours.salt.clone(),
                    is_taken: index == publication.layers.len() / 2,
                }))?;
            }
        }
        if person.receives > 0 {
            self.order(&Order::Receiver(forwarder::Receiver {
                room: person.room,
                participant: person.index,
                address: socket.local(),
                key: theirs.key.clone(),
                salt: theirs.salt.clone(),
            }))?;
        }
        plans.add(Plan {
            link: socket.into(),
            remote: self.address,
            relay: None,
            security: Security::Preset(Profile::AeadAes256Gcm, ours, theirs),
            publications,
            receives: person.receives > 0,
            is_full,
            payload_types: PayloadTypes {
                video: Some(96),
                repair: None,
            },
            repairs: Vec::new(),
            loss: self.setting.loss,
            transport_number_id: None,
            seed: person.index as u64,
            leaf: person.leaf as u8,
        });
        Ok(KeptOpen::default())
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub fn settings(&self) -> &'static str {
        match self.sending {
            Sending::Trains => "trains",
            Sending::Singly => "64 datagrams a system call",
        }
    }

    /// Ends it, and gives what sending cost.
    ///
    /// # Errors
    /// It has ended before, with an error of its own.
    pub fn finish(&self) -> Result<Cost, TargetError> {
        drop(
            self.orders
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut line = String::new();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.read_line(&mut line)?;
        serde_json::from_str(&line)
            .map_err(|_| TargetError::Start("the bare forwarder ended too early".into()))
    }

    fn order(&self, order: &Order) -> Result<(), TargetError> {
        let mut line = serde_json::to_string(order).map_err(std::io::Error::from)?;
        line.push('\n');
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = orders.as_mut() {
            orders.write_all(line.as_bytes())?;
        }
        Ok(())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn publication(mid: &str, source: Source, payload_type: u8, layers: Vec<LayerId>) -> Publication {
    Publication {
        source,
        mid: mid.to_owned(),
        payload_type,
        // It keeps nothing that it could send again.
        repair_type: None,
        // As many bytes as a browser's packets have.
        extensions: ExtensionIds {
            transport_sequence_number: Some(3),
            ..ExtensionIds::default()
        },
        layers,
        starts_misframed: false,
    }
}

fn new_key() -> MasterKey {
    MasterKey {
        key: random::bytes::<32>().to_vec(),
        salt: random::bytes::<12>().to_vec(),
    }
}
