//! `loadtest link`: a bad network for other tests.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::options::{bitrate, block_on, duration};
use crate::link::impairment::Quality;
use crate::link::relay::{LONGEST, Relay};

/// Relays UDP and TCP over a link that loses, delays and throttles, each way.
///
/// It prints the address to use instead of the server's, and ends by itself.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The server; an address of this machine
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Where clients connect, with the same port for UDP and TCP; 0: any
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// The part of packets lost, such as 5%; TCP gets them later instead
    #[arg(long, value_name = "PART", default_value = "0%", value_parser = percentage)]
    loss: f64,
    /// How many packets in a row are lost at a time, a mean; 1: each by itself
    #[arg(long, value_name = "PACKETS", default_value = "1", value_parser = burst)]
    burst: f64,
    /// From one end to the other
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = duration)]
    delay: Duration,
    /// How far delays differ, either way; packets keep their order
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = duration)]
    jitter: Duration,
    /// Bits a second, such as 1mbit or 300kbit; unlimited when absent
    #[arg(long, value_name = "RATE", value_parser = link_rate)]
    rate: Option<u64>,
    /// How long a packet may wait for its turn before it is dropped
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    queue: Duration,
    /// The same seed and packets have the same fate
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u32,
    /// How long to serve
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
    time: Duration,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let quality = Quality {
        loss: arguments.loss,
        burst: arguments.burst,
        delay: arguments.delay,
        jitter: arguments.jitter,
        rate: arguments.rate,
        queue: arguments.queue,
    };
    block_on(async {
        let seed = u64::from(arguments.seed) << 32;
        let relay = Relay::bind(arguments.listen, arguments.to, quality, seed).await?;
        writeln!(io::stdout(), "{}", relay.address()?)?;
        match tokio::time::timeout(arguments.time.min(LONGEST), relay.run()).await {
            Ok(result) => result?,
            Err(_) => return Ok(ExitCode::SUCCESS),
        }
        Ok(ExitCode::SUCCESS)
    })?
}

/// `5%` or `0.05`.
fn percentage(text: &str) -> Result<f64, String> {
    let (number, factor) = match text.strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * factor)
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| "write a part such as 5% or 0.05".into())
}

/// From 1 to 1000.
fn burst(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|packets| (1.0..=1000.0).contains(packets))
        .ok_or_else(|| "write a number from 1 to 1000".into())
}

/// As [`bitrate`], and with `tc`'s words.
fn link_rate(text: &str) -> Result<u64, String> {
    bitrate(text.strip_suffix("bit").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_rates_are_read_as_people_write_them() {
        assert_eq!(percentage("5%"), Ok(0.05));
        assert_eq!(percentage("0.5"), Ok(0.5));
        assert!(percentage("101%").is_err());
        assert!(percentage("-1%").is_err());
        assert_eq!(burst("2.5"), Ok(2.5));
        assert!(burst("0").is_err());
        assert_eq!(link_rate("1mbit"), Ok(1_000_000));
        assert_eq!(link_rate("300k"), Ok(300_000));
    }
}
