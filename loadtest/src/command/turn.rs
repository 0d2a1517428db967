//! `loadtest turn`: what relaying costs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::options::{MachineOptions, MediaOptions, PeopleOptions, block_on, duration};
use crate::measure::memory::Memory;
use crate::measure::quantile::median;
use crate::report::live::Live;
use crate::target::{Target, TargetError, Way};
use crate::trial::{self, Machine};
use crate::turn::relay::{self, Burst, Load, Peers, Relayed};
use crate::turn::server::TurnServer;
use crate::turn::wire::Transport;

/// Measures a TURN server.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    Relay(RelayArguments),
    Media(MediaArguments),
    Memory(MemoryArguments),
}

/// Loads Quietroom with people whose media comes straight over UDP, through its
/// own TURN server, or over TCP connections, by turns, and shows medians.
#[derive(Args, Debug)]
struct MediaArguments {
    #[command(flatten)]
    people: PeopleOptions,
    #[command(flatten)]
    media: MediaOptions,
    /// How often each is measured
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    #[command(flatten)]
    machine: MachineOptions,
}

/// Measures what allocations that are held cost Quietroom in memory.
#[derive(Args, Debug)]
struct MemoryArguments {
    /// Allocations, each from a port of its own
    #[arg(long, value_name = "NUMBER", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    allocations: u32,
    #[command(flatten)]
    machine: MachineOptions,
}

/// Relays data to peers outside of the server, both ways, beside Debian's
/// coturn, by turns, and shows medians.
#[derive(Args, Debug)]
struct RelayArguments {
    /// How clients reach the server
    #[arg(long, default_value = "udp")]
    transport: Transport,
    /// Clients, each with a peer of its own
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=500))]
    clients: u16,
    /// Bursts a second of each client, and of each peer; packets are as many
    /// when they come singly
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    bursts: u16,
    /// Packets in a burst
    #[arg(long, value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u16).range(2..=40))]
    packets: u16,
    /// Bytes of data in each packet
    #[arg(long, value_name = "BYTES", default_value = "1100", value_parser = clap::value_parser!(u16).range(16..=1400))]
    size: u16,
    /// How often each is measured
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long each is measured, such as 4s
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = duration)]
    duration: Duration,
    #[command(flatten)]
    machine: MachineOptions,
}

/// A server to be measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Server {
    Quietroom,
    Coturn,
}

/// How packets come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shape {
    Bursts,
    Trains,
    Single,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    match &arguments.action {
        Action::Relay(arguments) => relay(arguments),
        Action::Media(arguments) => media(arguments),
        Action::Memory(arguments) => memory(arguments),
    }
}

fn media(arguments: &MediaArguments) -> Result<ExitCode, Box<dyn Error>> {
    let mut machine = arguments.machine.prepare()?;
    let scenario = arguments.people.scenario(&arguments.media);
    let mut live = arguments.machine.live();
    let mut costs = [const { Vec::new() }; WAYS.len()];
    let mut losses = [const { Vec::new() }; WAYS.len()];
    for _ in 0..arguments.rounds {
        for (at, (way, _)) in WAYS.into_iter().enumerate() {
            machine.way = way;
            let outcome = block_on(trial::run(
                Target::Quietroom,
                &scenario,
                &machine,
                &mut live,
            ))??;
            costs[at].push(outcome.nanoseconds_a_packet());
            losses[at].push(outcome.loss());
        }
    }
    println!("{scenario}");
    let costs = costs.each_ref().map(|of| median(of).unwrap_or_default());
    for (at, (_, name)) in WAYS.into_iter().enumerate() {
        let loss = median(&losses[at]).unwrap_or_default() * 100.0;
        println!(
            "  {name:<14} {:>6.0} ns a forwarded packet  {:.2} of straight  {loss:.3} % lost",
            costs[at],
            costs[at] / costs[0]
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn memory(arguments: &MemoryArguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let allocations = arguments.allocations as usize;
    let runtime = runtime()?;
    let people = allocations.div_ceil(ALLOCATIONS_A_PERSON);
    let server = runtime.block_on(TurnServer::quietroom(&machine, people, Vec::new()))?;
    let before = Memory::of(server.process_id())?;
    let held = relay::hold(&server, allocations)
        .map_err(|error| format!("{error}\nthe server said:\n{}", server.output()))?;
    let after = Memory::of(server.process_id())?;
    let grown = after.resident.saturating_sub(before.resident);
    println!(
        "{} allocations of {people} people: {:.1} MB in memory, {:.1} MB before ({} bytes each)",
        held.len(),
        after.resident as f64 / 1e6,
        before.resident as f64 / 1e6,
        grown / allocations as u64
    );
    Ok(ExitCode::SUCCESS)
}

/// One that goes on beside this thread, for the stays of people.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

fn relay(arguments: &RelayArguments) -> Result<ExitCode, Box<dyn Error>> {
    let machine = arguments.machine.prepare()?;
    let mut live = arguments.machine.live();
    let mut results: BTreeMap<(Shape, Server), Vec<Relayed>> = BTreeMap::new();
    let mut versions = BTreeMap::new();
    for round in 1..=arguments.rounds {
        for server in SERVERS {
            if versions.get(&server) == Some(&None) {
                continue;
            }
            live.say(&format!("round {round} of {}: {server}", arguments.rounds));
            match measure(arguments, server, &machine, &mut live) {
                Ok((version, relayed)) => {
                    versions.insert(server, Some(version));
                    for (shape, relayed) in relayed {
                        results.entry((shape, server)).or_default().push(relayed);
                    }
                }
                Err(error) if error.is::<TargetError>() => {
                    println!("{server}: absent: {error}");
                    versions.insert(server, None);
                }
                Err(error) => return Err(error),
            }
        }
    }
    live.done();
    println!(
        "{} clients over {}, {} bytes a packet, {} bursts a second each way",
        arguments.clients,
        arguments.transport.name(),
        arguments.size,
        arguments.bursts
    );
    for shape in SHAPES {
        print(shape, arguments, &results);
    }
    for (server, version) in versions {
        println!("{server} {}", version.unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}

type Measured = (String, Vec<(Shape, Relayed)>);

fn measure(
    arguments: &RelayArguments,
    server: Server,
    machine: &Machine,
    live: &mut Live,
) -> Result<Measured, Box<dyn Error>> {
    let peers = Peers::new(arguments.clients.into(), machine.network.address)?;
    let runtime = runtime()?;
    let running = runtime.block_on(server.start(machine, &peers))?;
    let mut all = Vec::new();
    for shape in SHAPES {
        live.update(&format!("{server}: {shape}"));
        let packets = usize::from(arguments.packets);
        let load = Load {
            transport: arguments.transport,
            clients: arguments.clients.into(),
            bursts_a_second: match shape {
                Shape::Single => f64::from(arguments.bursts) * packets as f64 / 2.0,
                Shape::Bursts | Shape::Trains => arguments.bursts.into(),
            },
            burst: match shape {
                Shape::Bursts => Burst::Singly(packets),
                Shape::Trains => Burst::Trains(packets),
                Shape::Single => Burst::Singly(1),
            },
            size: arguments.size.into(),
            duration: arguments.duration,
        };
        let relayed =
            relay::measure(&running, &peers, &load, &machine.server_cores).map_err(|error| {
                format!("{server}: {error}\nthe server said:\n{}", running.output())
            })?;
        all.push((shape, relayed));
    }
    Ok((running.version().to_owned(), all))
}

fn print(
    shape: Shape,
    arguments: &RelayArguments,
    results: &BTreeMap<(Shape, Server), Vec<Relayed>>,
) {
    println!("{}", shape.title(arguments));
    let cost = |server| {
        let of = results.get(&(shape, server))?;
        let costs: Vec<_> = of.iter().map(Relayed::nanoseconds_a_packet).collect();
        median(&costs)
    };
    for server in SERVERS {
        let (Some(of), Some(own)) = (results.get(&(shape, server)), cost(server)) else {
            continue;
        };
        let over = |figure: fn(&Relayed) -> f64| {
            median(&of.iter().map(figure).collect::<Vec<_>>()).unwrap_or_default()
        };
        let ratio = match cost(Server::Coturn) {
            Some(coturn) if server != Server::Coturn => {
                format!("{:.2} of coturn's", own / coturn)
            }
            _ => String::new(),
        };
        println!(
            "  {server:<10} {own:>7.0} ns a packet  {:>3.0} % of a core  {:.3} % lost  {ratio}",
            over(Relayed::server_part) * 100.0,
            over(Relayed::loss) * 100.0
        );
        let wrong: u64 = of.iter().map(|relayed| relayed.wrong).sum();
        if wrong > 0 {
            println!("    {wrong} packets had other data than was sent");
        }
        let foreign = over(Relayed::foreign_part);
        if foreign > MOST_FOREIGN {
            println!("    others took {:.0} % of its core", foreign * 100.0);
        }
    }
}

impl Server {
    async fn start(self, machine: &Machine, peers: &Peers) -> Result<TurnServer, TargetError> {
        match self {
            Self::Quietroom => {
                let peers = peers.addresses();
                TurnServer::quietroom(machine, peers.len(), peers).await
            }
            Self::Coturn => TurnServer::coturn(machine.network, &machine.server_cores).await,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Quietroom => "quietroom",
            Self::Coturn => "coturn",
        })
    }
}

impl Shape {
    fn title(self, arguments: &RelayArguments) -> String {
        let packets = arguments.packets;
        match self {
            Self::Bursts => format!("bursts of {packets} both ways"),
            Self::Trains => "the same, and peers send each burst as one train (UDP GSO)".into(),
            Self::Single => "single packets both ways".into(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bursts => "bursts",
            Self::Trains => "trains",
            Self::Single => "single packets",
        })
    }
}

const WAYS: [(Way, &str); 3] = [
    (Way::Straight, "straight, UDP"),
    (Way::Relayed, "relayed, UDP"),
    (Way::OverTcp, "over TCP"),
];
const SERVERS: [Server; 2] = [Server::Quietroom, Server::Coturn];
const SHAPES: [Shape; 3] = [Shape::Bursts, Shape::Trains, Shape::Single];
/// What the settings let one have.
const ALLOCATIONS_A_PERSON: usize = 24;
const MOST_FOREIGN: f64 = 0.05;
