//! Servers under test: how each is started, joined and stopped.

pub mod floor;
pub mod janus;
pub mod process;
pub mod quietroom;
mod stay;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::dtls::Identity;
use crate::client::participant::Plan;
use crate::client::srtp::Profile;
use crate::scenario::{Person, Scenario};
use crate::system::namespace::Network;

/// What can be tested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// The bare forwarder: what the hardware allows.
    Floor,
    /// The same without trains, to tell a slow machine from a slow floor.
    FloorSingly,
    Quietroom,
    /// With its defaults: a thread for each participant.
    Janus,
    /// With one event loop for each core given.
    JanusEventLoops,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
            Self::FloorSingly => "floor, singly",
            Self::Quietroom => "quietroom",
            Self::Janus => "janus",
            Self::JanusEventLoops => "janus, event loops",
        })
    }
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Setting {
    pub scenario: Scenario,
    pub network: Network,
    /// The cores that the server may use.
    pub cores: Vec<usize>,
    pub identity: Identity,
    /// In the order of preference, for peers that go by it.
    pub profiles: Vec<Profile>,
    /// The part of media packets that is lost on each way.
    pub loss: f64,
    /// The `quietroom` binary; `None` to look for it.
    pub quietroom: Option<PathBuf>,
    /// How media reaches Quietroom.
    pub way: Way,
    /// Peers that Quietroom's own TURN server relays to, beside itself.
    pub peers: Vec<SocketAddr>,
}

/// How media reaches a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Over UDP.
    Straight,
    /// Through its own TURN server, over UDP.
    Relayed,
    /// Over a connection of each participant's (ICE-TCP).
    OverTcp,
}

/// Why a test could not be made.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The server is not on this machine.
    #[error("{0}")]
    Absent(String),
    #[error("the server cannot be started: {0}")]
    Start(String),
    #[error("the relay: {0}")]
    Relay(String),
    #[error("signaling: {0}")]
    Signaling(String),
    #[error("the server's session description: {0}")]
    Description(&'static str),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A server at work.
#[derive(Debug)]
pub enum Server {
    Floor(floor::Floor),
    Quietroom(quietroom::Quietroom),
    Janus(janus::Janus),
}

/// Takes transports as soon as they are negotiated: one for each participant,
/// or one each for sending and receiving.
#[derive(Clone, Debug)]
pub struct Plans {
    person: usize,
    sender: UnboundedSender<Arrival>,
}

/// A step of somebody's signaling.
#[derive(Debug)]
pub enum Arrival {
    Plan(usize, Box<Plan>),
    /// It is through, and stays in for as long as this is kept.
    Done(usize, Result<KeptOpen, TargetError>),
}

impl Plans {
    pub fn new(person: usize, sender: UnboundedSender<Arrival>) -> Self {
        Self { person, sender }
    }

    pub fn add(&self, plan: Plan) {
        // Without a listener the test is over.
        let _ = self.sender.send(Arrival::Plan(self.person, Box::new(plan)));
    }
}

/// A task, if there is one, that ends when this is dropped.
#[derive(Debug, Default)]
pub struct KeptOpen {
    task: Option<JoinHandle<()>>,
    /// Tells a task that ends by itself.
    _end: Option<oneshot::Sender<()>>,
}

impl KeptOpen {
    pub fn new(task: JoinHandle<()>) -> Self {
        Self {
            task: Some(task),
            _end: None,
        }
    }

    /// For a task that ends once the other end of this is gone.
    pub fn until_dropped(end: oneshot::Sender<()>) -> Self {
        Self {
            task: None,
            _end: Some(end),
        }
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Server {
    /// Starts the server and waits until it can be joined.
    ///
    /// # Errors
    /// It is not there, or it does not start.
    pub async fn start(target: Target, setting: &Setting) -> Result<Self, TargetError> {
        Ok(match target {
            Target::Floor => Self::Floor(floor::Floor::start(setting, floor::Sending::Trains)?),
            Target::FloorSingly => {
                Self::Floor(floor::Floor::start(setting, floor::Sending::Singly)?)
            }
            Target::Quietroom => Self::Quietroom(quietroom::Quietroom::start(setting).await?),
            Target::Janus => Self::Janus(janus::Janus::start(setting, None).await?),
            Target::JanusEventLoops => {
                let loops = setting.cores.len();
                Self::Janus(janus::Janus::start(setting, Some(loops)).await?)
            }
        })
    }

    /// Enters somebody. `is_full` says whether it checks all it receives.
    ///
    /// # Errors
    /// The server refuses, or says what cannot be understood.
    pub async fn join(
        &self,
        person: Person,
        is_full: bool,
        plans: &Plans,
    ) -> Result<KeptOpen, TargetError> {
        match self {
            Self::Floor(floor) => floor.join(person, is_full, plans),
            Self::Quietroom(quietroom) => quietroom.join(person, is_full, plans).await,
            Self::Janus(janus) => janus.join(person, is_full, plans).await,
        }
    }

    /// The end of what the server said, if it said anything.
    pub fn output(&self) -> String {
        match self {
            Self::Floor(_) => String::new(),
            Self::Quietroom(quietroom) => quietroom.output(),
            Self::Janus(janus) => janus.output(),
        }
    }

    /// Packets that the server's check of frames has dropped since the start;
    /// `None` if it has no such check.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn dropped_by_frame_check(&self) -> Result<Option<u64>, TargetError> {
        match self {
            Self::Quietroom(quietroom) => quietroom.dropped_by_frame_check().await.map(Some),
            Self::Floor(_) | Self::Janus(_) => Ok(None),
        }
    }

    pub fn process_id(&self) -> u32 {
        match self {
            Self::Floor(floor) => floor.process_id(),
            Self::Quietroom(quietroom) => quietroom.process_id(),
            Self::Janus(janus) => janus.process_id(),
        }
    }

    /// As the server itself names it.
    pub fn version(&self) -> &str {
        match self {
            Self::Floor(_) => env!("CARGO_PKG_VERSION"),
            Self::Quietroom(quietroom) => quietroom.version(),
            Self::Janus(janus) => janus.version(),
        }
    }

    /// What differs from the server's defaults.
    pub fn settings(&self) -> &str {
        match self {
            Self::Floor(floor) => floor.settings(),
            Self::Quietroom(quietroom) => quietroom.settings(),
            Self::Janus(janus) => janus.settings(),
        }
    }
}
