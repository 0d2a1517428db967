//! Janus with its videoroom plugin, over its websocket, with a configuration
//! folder of our own.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::process::{Folder, Process, find_program};
use super::quietroom::{flow, free_port, one_layer, publication, sound, three_layers};
use super::{KeptOpen, Plans, Setting, TargetError};
use crate::client::ice::{Credentials, Role};
use crate::client::participant::{PayloadTypes, Plan, Security};
use crate::client::publisher::{Camera, LayerId, Publication, Source};
use crate::random;
use crate::scenario::Person;
use crate::sdp::{self, Description, Kind, LocalEnd, OfferedSection};
use crate::system::udp::Socket;
use crate::websocket::JsonSocket;

#[derive(Debug)]
pub struct Janus {
    process: Process,
    address: SocketAddr,
    version: String,
    settings: String,
    setting: Setting,
    feeds: Feeds,
}

/// The publishers' ids, which receivers wait for.
#[derive(Debug, Default)]
struct Feeds {
    /// By room: whose, and the id.
    known: Mutex<HashMap<usize, Vec<(usize, Value)>>>,
    changed: Notify,
}

impl Janus {
    pub async fn start(setting: &Setting, event_loops: Option<usize>) -> Result<Self, TargetError> {
        let program = find_program("janus").ok_or_else(|| {
            TargetError::Absent(
                "no `janus` on the PATH; Debian has it: apt-get install janus".into(),
            )
        })?;
        if !setting.network.is_private {
            return Err(TargetError::Absent(
                "janus ignores loopback addresses, and a network of our own needs root and `ip`"
                    .into(),
            ));
        }
        let folder = Folder::new()?;
        let address = free_port()?;
        configure(folder.path(), setting, address, event_loops)?;
        let version = version(&program);
        let mut command = Command::new(program);
        command.arg("--configs-folder").arg(folder.path());
        let mut process = Process::start(command, &setting.cores, folder)?;
        process.listening(address, START).await?;
        let janus = Self {
            process,
            address,
            version,
            settings: match event_loops {
                None => "its defaults".into(),
                Some(loops) => format!("event_loops = {loops}"),
            },
            setting: setting.clone(),
            feeds: Feeds::default(),
        };
        janus.make_rooms().await?;
        Ok(janus)
    }

    pub async fn join(
        &self,
        person: Person,
        is_full: bool,
        plans: &Plans,
    ) -> Result<KeptOpen, TargetError> {
        let mut handle = Handle::open(self.address).await?;
        if person.publishes {
            plans.add(self.publish(&mut handle, person).await?);
        }
        if person.receives > 0 {
            if person.publishes {
                handle.attach().await?;
            }
            plans.add(self.subscribe(&mut handle, person, is_full).await?);
        }
        Ok(KeptOpen::new(tokio::spawn(handle.keep_open())))
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

    async fn make_rooms(&self) -> Result<(), TargetError> {
        let mut handle = Handle::open(self.address).await?;
        for room in 0..self.setting.scenario.rooms {
            let request = json!({
                "request": "create",
                "room": room + 1,
                "publishers": self.setting.scenario.publishers,
                "audiocodec": "opus",
                "videocodec": "vp8",
            });
            handle.request(request, None).await?;
        }
        Ok(())
    }

    async fn publish(&self, handle: &mut Handle, person: Person) -> Result<Plan, TargetError> {
        let scenario = &self.setting.scenario;
        let mut sources: Vec<(&str, Kind, Source, Vec<LayerId>)> = Vec::new();
        if scenario.audio {
            sources.push(("a", Kind::Audio, Source::Microphone, sound()));
        }
        let video = scenario.video;
        let layers = if video.simulcast {
            three_layers()
        } else {
            one_layer()
        };
        sources.push(("v", Kind::Video, Source::Camera(Camera(video)), layers));
        let sections: Vec<_> = sources
            .iter()
            .map(|(mid, kind, _, layers)| OfferedSection {
                mid: (*mid).to_owned(),
                kind: *kind,
                flow: flow(layers),
            })
            .collect();
        let (socket, local) = self.local_end()?;
        let offer = json!({ "type": "offer", "sdp": sdp::offer(&local, &sections) });
        let request = json!({
            "request": "joinandconfigure",
            "room": person.room + 1,
            "ptype": "publisher",
        });
        let answered = handle.request(request, Some(offer)).await?;
        let answer = description(&answered)?;
        let publications: Result<Vec<Publication>, _> = sources
            .iter()
            .map(|(mid, _, source, layers)| publication(&answer, mid, *source, layers))
            .collect();
        let id = answered["plugindata"]["data"]["id"].clone();
        self.feeds.add(person, id);
        self.plan(socket, local, &answer, Role::Controlling, person, |plan| {
            plan.publications = publications?;
            Ok(())
        })
    }

    async fn subscribe(
        &self,
        handle: &mut Handle,
        person: Person,
        is_full: bool,
    ) -> Result<Plan, TargetError> {
        let feeds = self.feeds.others(person).await?;
        let streams: Vec<_> = feeds.iter().map(|feed| json!({ "feed": feed })).collect();
        let request = json!({
            "request": "join",
            "room": person.room + 1,
            "ptype": "subscriber",
            "streams": streams,
        });
        let offered = description(&handle.request_when_ready(request).await?)?;
        let (socket, local) = self.local_end()?;
        let answer = sdp::receiving_answer(&local, &offered);
        let answer = json!({ "type": "answer", "sdp": answer });
        handle
            .request(json!({ "request": "start" }), Some(answer))
            .await?;
        if self.setting.scenario.video.simulcast {
            handle.take_middle_layers(&offered).await?;
        }
        let video = offered
            .sections
            .iter()
            .find(|section| section.kind == Kind::Video);
        self.plan(socket, local, &offered, Role::Controlled, person, |plan| {
            plan.receives = true;
            plan.is_full = is_full;
            plan.payload_types = PayloadTypes {
                video: video.and_then(|section| section.payload_type),
                repair: video.and_then(|section| section.repair_type),
            };
            plan.transport_number_id =
                video.and_then(|section| section.extensions.transport_sequence_number);
            Ok(())
        })
    }

    fn local_end(&self) -> Result<(Socket, LocalEnd), TargetError> {
        let socket = Socket::bind(self.setting.network.address)?;
        let local = LocalEnd {
            credentials: Credentials::random(),
            fingerprint: self.setting.identity.fingerprint,
            candidate: socket.local(),
        };
        Ok((socket, local))
    }

    fn plan(
        &self,
        socket: Socket,
        local: LocalEnd,
        theirs: &Description,
        role: Role,
        person: Person,
        fill: impl FnOnce(&mut Plan) -> Result<(), TargetError>,
    ) -> Result<Plan, TargetError> {
        let remote = theirs
            .candidates
            .iter()
            .find(|candidate| candidate.ip() == self.setting.network.address)
            .ok_or(TargetError::Description(
                "it has no candidate of our network",
            ))?;
        let mut plan = Plan {
            link: socket.into(),
            remote: *remote,
            relay: None,
            security: Security::Handshake {
                role,
                local: local.credentials,
                remote: theirs.credentials.clone(),
                fingerprint: theirs.fingerprint,
                profiles: self.setting.profiles.clone(),
            },
            publications: Vec::new(),
            receives: false,
            is_full: false,
            payload_types: PayloadTypes::default(),
            repairs: theirs.repairs(),
            loss: self.setting.loss,
            transport_number_id: None,
            seed: person.index as u64,
            leaf: person.leaf as u8,
        };
        fill(&mut plan)?;
        Ok(plan)
    }
}

impl Feeds {
    fn add(&self, person: Person, id: Value) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(person.room)
            .or_default()
            .push((person.index, id));
        drop(known);
        self.changed.notify_waiters();
    }

    /// The feeds that a person receives, once all are there.
    async fn others(&self, person: Person) -> Result<Vec<Value>, TargetError> {
        let all = async {
            loop {
                let changed = self.changed.notified();
                let others = self.others_now(person);
                if others.len() >= person.receives {
                    return others;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, all)
            .await
            .map_err(|_| TargetError::Signaling("not all publishers came".into()))
    }

    fn others_now(&self, person: Person) -> Vec<Value> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let room = known.get(&person.room).into_iter().flatten();
        room.filter(|(index, _)| *index != person.index)
            .map(|(_, id)| id.clone())
            .collect()
    }
}

/// A session with one plugin handle at a time.
struct Handle {
    socket: JsonSocket,
    session: Value,
    plugin: Value,
}

impl Handle {
    async fn open(address: SocketAddr) -> Result<Self, TargetError> {
        let source = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let socket = JsonSocket::connect(source, address, "/", "janus-protocol").await?;
        let mut handle = Self {
            socket,
            session: Value::Null,
            plugin: Value::Null,
        };
        let made = handle.command(json!({ "janus": "create" })).await?;
        handle.session = made["data"]["id"].clone();
        handle.attach().await?;
        Ok(handle)
    }

    async fn attach(&mut self) -> Result<(), TargetError> {
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" });
        let made = self.command(attach).await?;
        self.plugin = made["data"]["id"].clone();
        Ok(())
    }

    /// Sends a request to the plugin; gives its answer.
    async fn request(&mut self, body: Value, jsep: Option<Value>) -> Result<Value, TargetError> {
        let mut message = json!({
            "janus": "message",
            "handle_id": self.plugin,
            "body": body,
        });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        let answer = self.command(message).await?;
        let data = &answer["plugindata"]["data"];
        match data["error"].as_str() {
            Some(error) => Err(TargetError::Signaling(error.to_owned())),
            None => Ok(answer),
        }
    }

    /// Sends a request again and again while publishers have no media yet.
    async fn request_when_ready(&mut self, body: Value) -> Result<Value, TargetError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.request(body.clone(), None).await {
                Err(TargetError::Signaling(error))
                    if error.starts_with("No such feed") && Instant::now() < deadline =>
                {
                    sleep(Duration::from_millis(50)).await;
                }
                result => return result,
            }
        }
    }

    /// Sends a message and waits for what it leads to.
    async fn command(&mut self, mut message: Value) -> Result<Value, TargetError> {
        let transaction = Value::from(random::hex(6));
        message["transaction"] = transaction.clone();
        if self.session != Value::Null {
            message["session_id"] = self.session.clone();
        }
        self.socket.send(&message).await?;
        let answer = async {
            loop {
                let answer = self.socket.receive().await?;
                if answer["transaction"] != transaction {
                    continue;
                }
                match answer["janus"].as_str() {
                    // The plugin's answer comes later.
                    Some("ack") => {}
                    Some("error") => {
                        return Err(TargetError::Signaling(answer["error"].to_string()));
                    }
                    _ => return Ok(answer),
                }
            }
        };
        timeout(PATIENCE, answer)
            .await
            .map_err(|_| TargetError::Signaling("no answer".into()))?
    }

    async fn take_middle_layers(&mut self, offered: &Description) -> Result<(), TargetError> {
        let videos = offered
            .sections
            .iter()
            .filter(|section| section.kind == Kind::Video);
        let streams: Vec<_> = videos
            .map(|section| json!({ "mid": section.mid, "substream": 1 }))
            .collect();
        let request = json!({ "request": "configure", "streams": streams });
        self.request(request, None).await.map(drop)
    }

    async fn keep_open(mut self) {
        let alive = json!({
            "janus": "keepalive",
            "session_id": self.session,
            "transaction": "alive",
        });
        loop {
            match timeout(KEEP_ALIVE, self.socket.receive()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    if self.socket.send(&alive).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn description(answer: &Value) -> Result<Description, TargetError> {
    let sdp = answer["jsep"]["sdp"]
        .as_str()
        .ok_or_else(|| TargetError::Signaling(format!("no description in {answer}")))?;
    Description::parse(sdp).map_err(TargetError::Description)
}

fn configure(
    folder: &Path,
    setting: &Setting,
    address: SocketAddr,
    event_loops: Option<usize>,
) -> Result<(), TargetError> {
    let loops = event_loops.map_or_else(String::new, |loops| format!("\tevent_loops = {loops}\n"));
    let general = format!(
        "general: {{\n\tconfigs_folder = \"{folder}\"\n\tdebug_level = 2\n{loops}}}\n\
         nat: {{\n\tice_enforce_list = \"{media}\"\n}}\n\
         plugins: {{\n\tdisable = \"{OTHER_PLUGINS}\"\n}}\n\
         transports: {{\n\tdisable = \"{OTHER_TRANSPORTS}\"\n}}\n",
        folder = folder.display(),
        media = setting.network.address,
    );
    let websockets = format!(
        "general: {{\n\tjson = \"compact\"\n\tws = true\n\tws_ip = \"{}\"\n\tws_port = {}\n}}\n",
        address.ip(),
        address.port()
    );
    fs::write(folder.join("janus.jcfg"), general)?;
    fs::write(folder.join("janus.transport.websockets.jcfg"), websockets)?;
    fs::write(
        folder.join("janus.plugin.videoroom.jcfg"),
        "general: {\n}\n",
    )?;
    Ok(())
}

/// From a line such as `Janus version: 1102 (1.1.2)`, which comes before the
/// help.
fn version(program: &Path) -> String {
    let said = Command::new(program).arg("--help").output();
    let text = said.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find(|word| word.matches('.').count() == 2)
        .unwrap_or("unknown")
        .to_owned()
}

const OTHER_PLUGINS: &str = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,\
    libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,\
    libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so";
const OTHER_TRANSPORTS: &str = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,\
    libjanus_pfunix.so,libjanus_rabbitmq.so";
const START: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(20);
/// Sessions end after 60 s without a sign.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
