//! Quietroom, from its own binary. The test is the clinic: it has the key
//! that signs tokens.

use std::env;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process::{Folder, Process, find_program};
use super::stay::Stay;
use super::{KeptOpen, Plans, Setting, TargetError, Way};
use crate::client::ice::{Credentials, Role};
use crate::client::participant::{PayloadTypes, Plan, Relay, Security};
use crate::client::publisher::{Camera, LayerId, Publication, Source};
use crate::media::sframe;
use crate::random;
use crate::scenario::Person;
use crate::sdp::{self, Description, Flow, Kind, LocalEnd, OfferedSection};
use crate::system::tcp::{Framed, Link};
use crate::system::udp::{Batch, Socket};
use crate::turn::client::{Allocation, TurnError};
use crate::turn::message::Login;
use crate::turn::wire::Wire;
use crate::websocket::JsonSocket;

#[derive(Debug)]
pub struct Quietroom {
    process: Process,
    address: SocketAddr,
    metrics: SocketAddr,
    turn: SocketAddr,
    key: Ed25519KeyPair,
    version: String,
    settings: String,
    setting: Setting,
}

impl Quietroom {
    pub async fn start(setting: &Setting) -> Result<Self, TargetError> {
        let program = program(setting)?;
        let folder = Folder::new()?;
        let key = new_key()?;
        let keys = folder.path().join("keys.json");
        fs::write(&keys, public_keys(&key))?;
        let address = free_port()?;
        let metrics = free_port()?;
        let turn = free_udp_port(setting.network.address)?;
        let others: Vec<_> = setting.peers.iter().map(ToString::to_string).collect();
        let scenario = &setting.scenario;
        let people = scenario.publishers + scenario.receivers_a_publisher();
        // Somebody who begins anew may come before the server saw them go.
        let capacity = people + people / 10 + 2;
        let settings = format!(
            "workers = {}, capacity = {capacity}, encryption = \"required\"",
            setting.cores.len()
        );
        let config = format!(
            "[http]\nlisten = \"{address}\"\n\
             [media]\naddresses = [\"{}\"]\nport = 0\nworkers = {}\n\
             [turn]\nport = {}\nother_nodes = {others:?}\n\
             [access]\njwks = \"{}\"\n\
             [rooms]\ncapacity = {capacity}\nencryption = \"required\"\n\
             [metrics]\nlisten = \"{metrics}\"\n\
             [log]\nlevel = \"warn\"\n",
            setting.network.address,
            setting.cores.len(),
            turn.port(),
            keys.display(),
        );
        let file = folder.path().join("quietroom.toml");
        fs::write(&file, config)?;
        let version = version(&program);
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(file);
        let mut process = Process::start(command, &setting.cores, folder)?;
        process.listening(address, START).await?;
        Ok(Self {
            process,
            address,
            metrics,
            turn,
            key,
            version,
            settings,
            setting: setting.clone(),
        })
    }

    pub async fn join(
        &self,
        person: Person,
        is_full: bool,
        plans: &Plans,
    ) -> Result<KeptOpen, TargetError> {
        let (mut stay, joined) = self.enter(person).await?;
        let login = login(&joined);
        let slots = joined["slots"].as_u64().unwrap_or(0);
        if (person.receives as u64) > slots {
            return Err(TargetError::Signaling(format!(
                "the server has {slots} slots, and {} are wanted",
                person.receives
            )));
        }
        let media = Socket::bind(self.setting.network.address)?;
        let local = LocalEnd {
            credentials: Credentials::random(),
            fingerprint: self.setting.identity.fingerprint,
            candidate: media.local(),
        };
        let offer = Offer::new(person, &self.setting);
        let description = sdp::offer(&local, &offer.sections);
        stay.send(&offer.message(&description)).await?;
        let answer = stay.reply("answer").await?;
        let sdp = answer["sdp"].as_str().unwrap_or_default();
        let answer = Description::parse(sdp).map_err(TargetError::Description)?;
        let publications = offer.publications(&answer)?;
        if person.publishes {
            let microphone = self.setting.scenario.audio;
            let devices = json!({ "type": "media", "microphone": microphone, "camera": true });
            stay.send(&devices).await?;
        }
        if self.setting.scenario.video.simulcast && person.receives > 0 {
            stay.send(&middle_layers(person.receives)).await?;
        }
        let received = answer.section("vs0");
        let remote = answer
            .candidates
            .first()
            .ok_or(TargetError::Description("it has no candidate"))?;
        let (link, relay) = match self.setting.way {
            Way::Relayed => {
                let (media, relay) = self.relay(media, *remote, login?)?;
                (media.into(), Some(relay))
            }
            Way::OverTcp => {
                let passive = answer.tcp_candidates.first();
                let passive =
                    passive.ok_or(TargetError::Description("it has no candidate for TCP"))?;
                (Link::Frames(Framed::connect(*passive)?), None)
            }
            Way::Straight => (media.into(), None),
        };
        let plan = Plan {
            link,
            remote: *remote,
            relay,
            security: Security::Handshake {
                // It is ICE-lite.
                role: Role::Controlling,
                local: local.credentials,
                remote: answer.credentials.clone(),
                fingerprint: answer.fingerprint,
                profiles: self.setting.profiles.clone(),
            },
            publications,
            receives: person.receives > 0,
            is_full,
            payload_types: PayloadTypes {
                video: received.and_then(|section| section.payload_type),
                repair: received.and_then(|section| section.repair_type),
            },
            repairs: answer.repairs(),
            loss: self.setting.loss,
            transport_number_id: received
                .and_then(|section| section.extensions.transport_sequence_number),
            seed: person.index as u64,
            leaf: person.leaf as u8,
        };
        plans.add(plan);
        Ok(stay.keep_open())
    }

    /// Enters somebody without media; gives what they sign in to the TURN
    /// server with.
    ///
    /// # Errors
    /// The server refuses, or offers no relay.
    pub async fn relay_login(&self, person: Person) -> Result<(KeptOpen, Login), TargetError> {
        let (stay, joined) = self.enter(person).await?;
        Ok((stay.keep_open(), login(&joined)?))
    }

    /// Where its TURN server is, over UDP.
    pub fn turn_address(&self) -> SocketAddr {
        self.turn
    }

    /// Where its TURN server is, over TCP.
    pub fn http_address(&self) -> SocketAddr {
        self.address
    }

    async fn enter(&self, person: Person) -> Result<(Stay, Value), TargetError> {
        let token = self.token(person);
        let socket =
            JsonSocket::connect(source(person), self.address, "/v1/signal", SUBPROTOCOL).await?;
        let mut stay = Stay::new(socket);
        // Everybody says to be back in a group that is there already: nobody
        // commits, so that media and not the group is measured.
        let group = json!({
            "epoch": sframe::EPOCH,
            "transcriptHash": TRANSCRIPT_HASH,
            "leaf": person.leaf,
        });
        stay.send(&json!({ "type": "join", "token": token, "group": group }))
            .await?;
        let joined = stay.reply("joined").await?;
        Ok((stay, joined))
    }

    /// A way through the TURN server to `remote`.
    fn relay(
        &self,
        socket: Socket,
        remote: SocketAddr,
        login: Login,
    ) -> Result<(Socket, Relay), TargetError> {
        let failed = |error: TurnError| TargetError::Relay(error.to_string());
        let mut batch = Batch::new(ANSWER_BYTES);
        socket.connect(self.turn)?;
        let wire = Wire::Datagrams(socket);
        let mut allocation =
            Allocation::over(wire, self.turn, login, &mut batch).map_err(failed)?;
        allocation
            .bind(CHANNEL, remote, &mut batch)
            .map_err(failed)?;
        let socket = allocation.into_socket();
        let socket = socket.ok_or_else(|| TargetError::Relay("it has no socket".into()))?;
        let relay = Relay {
            server: self.turn,
            channel: CHANNEL,
        };
        Ok((socket, relay))
    }

    /// Packets that the frame check has dropped since the start.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn dropped_by_frame_check(&self) -> Result<u64, TargetError> {
        let page = timeout(PATIENCE, fetch(self.metrics))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        page.lines()
            .find_map(|line| line.strip_prefix(UNENCRYPTED)?.trim().parse().ok())
            .ok_or_else(|| TargetError::Signaling("its metrics do not count dropped frames".into()))
    }

    pub fn output(&self) -> String {
        self.process.output()
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn settings(&self) -> &str {
        &self.settings
    }

    fn token(&self, person: Person) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let role = if person.publishes { "host" } else { "client" };
        let claims = json!({
            "sub": format!("person-{}", person.index),
            "room": format!("room-{}", person.room),
            "role": role,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "jti": random::hex(8),
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": "EdDSA" })), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// What a person offers, and how the server is told what it is for.
struct Offer {
    sections: Vec<OfferedSection>,
    publications: Vec<(String, Source, Vec<LayerId>)>,
    slots: usize,
}

impl Offer {
    fn new(person: Person, setting: &Setting) -> Self {
        let mut offer = Self {
            sections: Vec::new(),
            publications: Vec::new(),
            slots: person.receives,
        };
        if person.publishes {
            if setting.scenario.audio {
                offer.publish("a", Kind::Audio, Source::Microphone, sound());
            }
            let video = setting.scenario.video;
            let layers = if video.simulcast {
                three_layers()
            } else {
                one_layer()
            };
            offer.publish("v", Kind::Video, Source::Camera(Camera(video)), layers);
        }
        for slot in 0..person.receives {
            for (name, kind) in [("as", Kind::Audio), ("vs", Kind::Video)] {
                offer.sections.push(OfferedSection {
                    mid: format!("{name}{slot}"),
                    kind,
                    flow: Flow::Receive,
                });
            }
        }
        offer
    }

    fn publish(&mut self, mid: &str, kind: Kind, source: Source, layers: Vec<LayerId>) {
        self.sections.push(OfferedSection {
            mid: mid.to_owned(),
            kind,
            flow: flow(&layers),
        });
        self.publications.push((mid.to_owned(), source, layers));
    }

    fn message(&self, sdp: &str) -> Value {
        let publications: Vec<_> = self
            .publications
            .iter()
            .map(|(mid, source, _)| {
                let source = match source {
                    Source::Microphone => "microphone",
                    Source::Camera(_) => "camera",
                };
                json!({ "mid": mid, "source": source })
            })
            .collect();
        let slots: Vec<_> = (0..self.slots)
            .map(|slot| json!({ "audio": format!("as{slot}"), "video": format!("vs{slot}") }))
            .collect();
        json!({ "type": "offer", "sdp": sdp, "publications": publications, "slots": slots })
    }

    fn publications(&self, answer: &Description) -> Result<Vec<Publication>, TargetError> {
        self.publications
            .iter()
            .map(|(mid, source, layers)| {
                let mut publication = publication(answer, mid, *source, layers)?;
                publication.starts_misframed = *source != Source::Microphone;
                Ok(publication)
            })
            .collect()
    }
}

/// The first relay's, of those that somebody who has joined was told.
fn login(joined: &Value) -> Result<Login, TargetError> {
    let servers = joined["iceServers"].as_array();
    let text = |server: &Value, name: &str| server[name].as_str().map(ToOwned::to_owned);
    let login = servers.into_iter().flatten().find_map(|server| {
        Some(Login {
            username: text(server, "username")?,
            password: text(server, "credential")?,
        })
    });
    login.ok_or_else(|| TargetError::Relay("the server offers none".into()))
}

/// What was agreed on for one section that we send on.
pub(super) fn publication(
    answer: &Description,
    mid: &str,
    source: Source,
    layers: &[LayerId],
) -> Result<Publication, TargetError> {
    let section = answer
        .section(mid)
        .ok_or(TargetError::Description("it rejects what we send"))?;
    if layers.len() > 1 && !section.takes_simulcast {
        return Err(TargetError::Description("it takes no simulcast"));
    }
    Ok(Publication {
        source,
        mid: mid.to_owned(),
        payload_type: section
            .payload_type
            .ok_or(TargetError::Description("it takes neither Opus nor VP8"))?,
        repair_type: section.repair_type,
        extensions: section.extensions,
        layers: layers.to_vec(),
        starts_misframed: false,
    })
}

pub(super) fn one_layer() -> Vec<LayerId> {
    vec![LayerId {
        ssrc: random::number(),
        repair: Some(random::number()),
        rid: None,
    }]
}

/// Sound is not sent again.
pub(super) fn sound() -> Vec<LayerId> {
    vec![LayerId {
        ssrc: random::number(),
        repair: None,
        rid: None,
    }]
}

/// Browsers' names for a quarter, half and full size.
pub(super) fn three_layers() -> Vec<LayerId> {
    ["q", "h", "f"]
        .map(|rid| LayerId {
            ssrc: random::number(),
            repair: Some(random::number()),
            rid: Some(rid.to_owned()),
        })
        .to_vec()
}

pub(super) fn flow(layers: &[LayerId]) -> Flow {
    match layers {
        [
            LayerId {
                ssrc,
                repair,
                rid: None,
            },
        ] => Flow::Send {
            ssrc: *ssrc,
            repair: *repair,
        },
        layers => Flow::SendLayers {
            rids: layers
                .iter()
                .filter_map(|layer| layer.rid.clone())
                .collect(),
        },
    }
}

/// Asks for the middle one of three layers in each slot.
fn middle_layers(slots: usize) -> Value {
    let views: Vec<_> = (0..slots)
        .map(|slot| json!({ "slot": slot, "spatial": 1 }))
        .collect();
    json!({ "type": "show", "people": views })
}

/// Each person comes from a loopback address of its own, as people do: limits
/// are counted for each address.
fn source(person: Person) -> SocketAddr {
    let [_, a, b, c] = (person.index as u32 + 2).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, a, b, c)), 0)
}

pub(super) fn free_port() -> Result<SocketAddr, TargetError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn free_udp_port(address: IpAddr) -> Result<SocketAddr, TargetError> {
    Ok(UdpSocket::bind((address, 0))?.local_addr()?)
}

fn program(setting: &Setting) -> Result<PathBuf, TargetError> {
    if let Some(named) = &setting.quietroom {
        return Ok(named.clone());
    }
    let own_folder = env::current_exe()?.parent().map(PathBuf::from);
    own_folder
        .into_iter()
        .map(|folder| folder.join("quietroom"))
        .find(|file| file.is_file())
        .or_else(|| find_program("quietroom"))
        .ok_or_else(|| {
            TargetError::Absent(
                "no quietroom binary beside this one nor on the PATH: run `cargo build`, \
                 or name it with --quietroom"
                    .into(),
            )
        })
}

fn version(program: &PathBuf) -> String {
    let said = Command::new(program).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match said {
        Ok(text) if !text.is_empty() => text.trim_start_matches("quietroom ").to_owned(),
        _ => env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn new_key() -> Result<Ed25519KeyPair, TargetError> {
    let failed = |_| TargetError::Start("no key can be made".into());
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
    Ed25519KeyPair::from_pkcs8(document.as_ref())
        .map_err(|_| TargetError::Start("no key can be made".into()))
}

/// A JWK Set (RFC 7517, RFC 8037).
fn public_keys(key: &Ed25519KeyPair) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": x }] })
        .to_string()
}

/// The page of metrics, with its header.
async fn fetch(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.take(LARGEST_PAGE).read_to_string(&mut page).await?;
    Ok(page)
}

/// Any hash will do: the server only compares it.
const TRANSCRIPT_HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const UNENCRYPTED: &str = "quietroom_datagrams_dropped_total{reason=\"unencrypted\"}";
const CHANNEL: u16 = 0x4000;
const ANSWER_BYTES: usize = 2_048;
const LARGEST_PAGE: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(5);
const SUBPROTOCOL: &str = "quietroom.v1";
const START: Duration = Duration::from_secs(10);
