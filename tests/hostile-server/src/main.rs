//! A server that does what ours promises to be harmless: it records everything
//! that it can read, and alters what it passes on when it is told to.
//!
//! Rooms, sockets and the media plane are the real ones. Between the worker
//! and its participants stands [`wire`], which has the worker's keys; between
//! the pages and the websocket service stands [`relay`]. Orders come on
//! standard input, answers go to standard output (see [`order`]).

mod media_plane;
mod order;
mod outgoing;
mod pages;
mod recording;
mod relay;
mod wire;
mod worker_thread;

use std::error::Error;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::{Parser, ValueEnum};
use signaling::access::{AccessPolicy, KeySet};
use signaling::limits::{Limits, Rate, TrustedProxies};
use signaling::relays::NoRelays;
use signaling::room::{RoomSize, SecondDevice};
use signaling::sdp::VideoCodecs;
use signaling::socket::{AllowedOrigins, Encryption, Service, Settings, Timing};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use media_plane::HostilePlane;
use recording::Recording;
use relay::Relay;
use worker_thread::WorkerThread;

#[derive(Parser, Debug)]
struct Arguments {
    /// The folder with the built client
    #[arg(long)]
    client: PathBuf,
    /// The public keys (JWK Set) that tokens are signed with
    #[arg(long)]
    jwks: PathBuf,
    /// The file to record to, one JSON object a line
    #[arg(long)]
    recording: PathBuf,
    /// As rooms.encryption of the server's settings
    #[arg(long, value_enum, default_value_t = RoomEncryption::Required)]
    encryption: RoomEncryption,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum RoomEncryption {
    Required,
    Optional,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let recording = Recording::create(&arguments.recording)?;
    let keys = KeySet::from_json(&fs::read_to_string(&arguments.jwks)?)?;

    let (events, mut received) = mpsc::unbounded_channel();
    let worker = WorkerThread::start(recording.clone(), events)?;
    let plane = Arc::new(HostilePlane::new(worker, recording.clone()));
    let service = Service::new(settings(arguments.encryption), keys, plane.clone());
    tokio::spawn({
        let service = service.clone();
        async move {
            while let Some(event) = received.recv().await {
                service.handle_media_event(event);
            }
        }
    });

    let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let relay = Relay::new(behind.local_addr()?, recording.clone());
    tokio::spawn(async move { axum::serve(behind, service.router()).await });
    let pages = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = pages.local_addr()?.port();
    let router = Router::new()
        .route("/v1/signal", get(relay::open).with_state(relay))
        .fallback_service(pages::router(arguments.client, recording.clone()));
    tokio::spawn(async move { axum::serve(pages, router).await });

    println!("{}", serde_json::json!({ "port": port }));
    order::serve(&plane, &recording).await;
    Ok(())
}

fn settings(encryption: RoomEncryption) -> Settings {
    Settings {
        allowed_origins: AllowedOrigins::new(Vec::new()),
        trusted_proxies: TrustedProxies::default(),
        room_size: RoomSize {
            people: 4,
            screens: 1,
        },
        video_codecs: VideoCodecs::default(),
        encryption: match encryption {
            RoomEncryption::Required => Encryption::Required,
            RoomEncryption::Optional => Encryption::Optional,
        },
        access: AccessPolicy::default(),
        second_device: SecondDevice::Allow,
        limits: Limits {
            joins: Rate {
                per_second: 100,
                burst: 1_000,
            },
            ..Limits::default()
        },
        timing: Timing::default(),
        relays: Arc::new(NoRelays),
    }
}
