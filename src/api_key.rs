//! `quietroom api-key`: keys for the clinic's backend.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use signaling::access::UnixTime;
use signaling::clinic::Scope;
use signaling::store::User;

use crate::{config, store, token};

/// Makes, lists and revokes keys with which the clinic's backend calls the API.
///
/// They are good at once, and no longer, also while a server runs.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Prints a new key, which is shown this once only
    Create {
        /// The file of settings (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// What it is for, such as backend
        #[arg(long, value_name = "NAME", value_parser = name)]
        name: String,
        /// What it allows: sessions:read, sessions:write, participants:read or
        /// participants:write; may stand several times
        #[arg(long, value_name = "SCOPE", required = true)]
        scope: Vec<Scope>,
        /// How long it is good for, such as 90d; for good when absent
        #[arg(long, value_name = "TIME", value_parser = token::duration)]
        ttl: Option<Duration>,
    },
    /// Lists the keys, without their secrets
    List {
        /// The file of settings (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Makes a key worthless
    Revoke {
        /// The file of settings (TOML)
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The key's id, as the list shows it
        id: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let (Action::Create { config, .. } | Action::List { config } | Action::Revoke { config, .. }) =
        &arguments.action;
    let config = config::read(config)?;
    let store = store::open_file(&config.store, User::Visitor)?;
    let now = UnixTime::now();
    match &arguments.action {
        Action::Create {
            name, scope, ttl, ..
        } => {
            let expires = ttl.map(|ttl| UnixTime(now.0.saturating_add(ttl.as_secs())));
            let key = store.create_api_key(name, scope, now, expires)?;
            eprintln!("Made the API key {}. It is shown this once:", key.id);
            writeln!(io::stdout(), "{}", *key.text)?;
        }
        Action::List { .. } => {
            for key in store.api_keys()? {
                let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.name()).collect();
                let until = match key.expires {
                    Some(expires) if expires <= now => "expired".to_owned(),
                    Some(expires) => format!("{} s left", expires.0 - now.0),
                    None => "for good".to_owned(),
                };
                writeln!(
                    io::stdout(),
                    "{}  {}  {}  {until}",
                    key.id,
                    key.name,
                    scopes.join(" ")
                )?;
            }
        }
        Action::Revoke { id, .. } => {
            if !store.revoke_api_key(id)? {
                return Err(format!("there is no API key {id}; `api-key list` shows all").into());
            }
            eprintln!("The API key {id} is worthless now.");
        }
    }
    Ok(())
}

fn name(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 64 printable characters".into())
    }
}
