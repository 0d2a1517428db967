//! Reading the settings' file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Config;

/// Why a file of settings was refused: one line for the operator.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("--config {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{}:{line}: {setting}: {message}", path.display())]
    Setting {
        path: PathBuf,
        line: usize,
        /// With its section, such as `media.port`.
        setting: String,
        message: String,
    },
    #[error("{}: {message}", path.display())]
    Combination {
        path: PathBuf,
        message: &'static str,
    },
}

/// Reads a file. What it does not say is as by default.
///
/// # Errors
/// The file cannot be read, is not TOML, or has an unknown setting or a bad
/// value.
pub(crate) fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let line = |error: &toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        1 + text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count()
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line(&error),
        message: one_line(error.message()),
    })?;
    let config: Config =
        serde_path_to_error::deserialize(deserializer).map_err(|error| ConfigError::Setting {
            path: path.to_owned(),
            line: line(error.inner()),
            setting: error.path().to_string(),
            message: one_line(error.inner().message()),
        })?;
    let tls = &config.http.tls;
    if tls.certificate.as_os_str().is_empty() != tls.key.as_os_str().is_empty() {
        return Err(ConfigError::Combination {
            path: path.to_owned(),
            message: "http.tls: set both certificate and key, or neither",
        });
    }
    if let Some(message) = refused_turn(&config) {
        return Err(ConfigError::Combination {
            path: path.to_owned(),
            message,
        });
    }
    Ok(config)
}

/// What of the relay's settings does not go together.
fn refused_turn(config: &Config) -> Option<&'static str> {
    let (turn, media) = (&config.turn, &config.media);
    let port = turn.port.0;
    let first = media.port.0;
    // With 0 there are as many as cores, which is for the start to see.
    let last = first.saturating_add(media.workers.0.saturating_sub(1));
    let is_media_port = port != 0 && first != 0 && (first..=last).contains(&port);
    if turn.enabled && is_media_port && turn.shares_addresses(&media.addresses) {
        return Some(
            "turn.port: it is one of the workers' ports (media.port and those after it), \
             from which browsers would receive no media; choose another, or 0 for none",
        );
    }
    if turn.first_relay_port.0 > turn.last_relay_port.0 {
        return Some("turn.first_relay_port: it is after turn.last_relay_port");
    }
    if !turn.announced.is_empty()
        && !turn.addresses.is_empty()
        && turn.announced.len() != turn.addresses.len()
    {
        return Some("turn.announced: there must be one for each of turn.addresses, or none");
    }
    None
}

fn one_line(message: &str) -> String {
    message.replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use sfu::rtp::Codec;

    use super::*;

    #[test]
    fn nothing_said_is_the_defaults() {
        assert_eq!(parsed(""), Ok(Config::default()));
        assert_eq!(parsed("[media]\n"), Ok(Config::default()));
    }

    #[test]
    fn what_is_said_holds() {
        let config = parsed(
            "[http]\nlisten = \"[::]:443\"\n[rooms]\ncapacity = 25\n[log]\nlevel = \"debug\"\n",
        )
        .expect("all is good");

        assert_eq!(config.http.listen.to_string(), "[::]:443");
        assert_eq!(config.rooms.capacity.0, 25);
        assert_eq!(config.media, Config::default().media);
    }

    #[test]
    fn an_unknown_setting_is_refused_with_those_known() {
        assert_eq!(
            refusal("[media]\nprot = 1\n"),
            "f.toml:2: media.prot: unknown field `prot`, expected one of \
             `addresses`, `announced`, `port`, `workers`, `tcp`, `tcp_announced`"
        );
        assert_eq!(
            refusal("[meida]\n"),
            "f.toml:1: meida: unknown field `meida`, expected one of \
             `http`, `media`, `turn`, `access`, `roles`, `store`, `api`, `rooms`, `limits`, `metrics`, `log`"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        assert_eq!(
            refusal("[media]\nport = \"8443\"\n"),
            "f.toml:2: media.port: invalid type: string \"8443\", \
             expected a whole number from 0 to 65535"
        );
        assert_eq!(
            refusal("[http]\nbehind_tls_proxy = 1\n"),
            "f.toml:2: http.behind_tls_proxy: invalid type: integer `1`, expected a boolean"
        );
    }

    #[test]
    fn a_value_out_of_range_is_refused() {
        for value in ["1", "1025", "-1", "99999999999"] {
            assert_eq!(
                refusal(&format!("[rooms]\ncapacity = {value}\n")),
                format!(
                    "f.toml:2: rooms.capacity: invalid value: integer `{value}`, \
                     expected a whole number from 2 to 1024"
                )
            );
        }
    }

    #[test]
    fn a_bad_address_is_refused() {
        assert_eq!(
            refusal("\n[http]\nlisten = \"localhost:8080\"\n"),
            "f.toml:3: http.listen: invalid value: string \"localhost:8080\", expected an IP \
             address and a port, such as \"127.0.0.1:8080\" or \"[::]:443\""
        );
        for address in ["0.0.0.0", "example.org", "1.2.3", "ff02::1", "192.0.2.1"] {
            let list = format!("[\"192.0.2.1\", \"{address}\"]");
            let message = refusal(&format!("[media]\naddresses = {list}\n"));
            assert!(
                message.starts_with(&format!(
                    "f.toml:2: media.addresses: invalid value: string \"{address}\", \
                     expected different IP addresses"
                )),
                "{message}"
            );
        }
    }

    #[test]
    fn relays_are_named_as_browsers_want_them() {
        for good in [
            "turn:turn.example",
            "turn:turn.example:3478?transport=udp",
            "turns:192.0.2.7:443?transport=tcp",
            "turn:[fd00::1]:3478",
            "turn:[fd00::1]",
        ] {
            let config = parsed(&format!("[turn.outside]\nurls = [\"{good}\"]\n"));
            assert_eq!(config.expect(good).turn.outside.urls, [good]);
        }
        for bad in [
            "",
            "stun:turn.example",
            "https://turn.example",
            "turn:",
            "turn:turn.example:0",
            "turn:turn.example:x",
            "turn:turn.example:3478?transport=sctp",
            "turn:user@turn.example",
            "turn:fd00::1",
            "turn:[fd00::zz]",
            "turn:[fd00::1]x",
        ] {
            let message = refusal(&format!("[turn.outside]\nurls = [\"{bad}\"]\n"));
            assert!(
                message.starts_with("f.toml:2: turn.outside.urls: invalid value"),
                "{bad}: {message}"
            );
        }
    }

    #[test]
    fn a_role_keeps_what_is_not_said_of_it() {
        let config = parsed("[roles.co-host]\nmulti_factor = true\n").expect("it is good");
        let by_default = Config::default().roles;

        assert!(config.roles.co_host.multi_factor);
        assert_eq!(
            config.roles.co_host.permissions,
            by_default.co_host.permissions
        );
        assert_eq!(config.roles.host, by_default.host);
        let wrong = refusal("[roles.client]\npermissions = [\"admit\", \"fly\"]\n");
        assert!(
            wrong.starts_with("f.toml:2: roles.client.permissions[1]: unknown variant `fly`"),
            "{wrong}"
        );
    }

    #[test]
    fn keys_come_from_a_file_or_over_tls() {
        for good in [
            "",
            "keys.json",
            "/etc/keys.json",
            "https://clinic.example/jwks",
        ] {
            assert!(parsed(&format!("[access]\njwks = \"{good}\"\n")).is_ok());
        }
        for bad in [
            "http://clinic.example/jwks",
            "https://",
            "https:///a",
            "ftp://a/b",
        ] {
            let message = refusal(&format!("[access]\njwks = \"{bad}\"\n"));
            assert!(message.contains("begins with https://"), "{message}");
        }
    }

    #[test]
    fn a_bad_origin_is_refused() {
        for origin in [
            "clinic.example",
            "https://",
            "https://a/b",
            "*",
            "https://*.a",
            "https://a b",
            "https://ä.example",
            "https://a;script-src *",
            "https://a,https://b",
            "https://clinic.example:443",
        ] {
            for setting in ["allowed_origins", "frame_origins"] {
                let message = refusal(&format!("[http]\n{setting} = [\"{origin}\"]\n"));
                assert!(message.contains("https://clinic.example"), "{message}");
            }
        }
    }

    #[test]
    fn a_room_has_vp8_and_no_codec_twice() {
        let config = parsed("[rooms]\nvideo_codecs = [\"AV1\", \"VP8\"]\n").expect("it is good");
        assert_eq!(
            config.rooms.video_codecs.0.as_slice(),
            [Codec::Av1, Codec::Vp8]
        );

        for list in ["", "\"VP9\"", "\"VP8\", \"VP8\"", "\"VP8\", \"H264\""] {
            let message = refusal(&format!("[rooms]\nvideo_codecs = [{list}]\n"));
            assert!(
                message.starts_with("f.toml:2: rooms.video_codecs: invalid value")
                    && message.contains("VP8 among them"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_bad_level_is_refused_with_those_known() {
        assert_eq!(
            refusal("[log]\nlevel = \"loud\"\n"),
            "f.toml:2: log.level: unknown variant `loud`, expected one of \
             `error`, `warn`, `info`, `debug`, `trace`"
        );
    }

    #[test]
    fn a_bad_proxy_is_refused() {
        for proxy in ["proxy.example", "10.0.0.0/33", ""] {
            assert_eq!(
                refusal(&format!("[http]\ntrusted_proxies = [\"{proxy}\"]\n")),
                format!(
                    "f.toml:2: http.trusted_proxies: invalid value: string \"{proxy}\", \
                     expected IP addresses or networks, such as \"10.0.0.7\" or \"10.0.0.0/8\""
                )
            );
        }
    }

    #[test]
    fn media_over_tcp_is_announced_at_whole_addresses() {
        let config = parsed("[media]\ntcp_announced = [\"[2001:db8::1]:443\"]\n");
        let address = "[2001:db8::1]:443".parse().expect("an address");
        assert_eq!(config.expect("it is good").media.tcp_announced, [address]);
        for bad in ["203.0.113.7", "0.0.0.0:443", "203.0.113.7:0", "host:443"] {
            assert_eq!(
                refusal(&format!("[media]\ntcp_announced = [\"{bad}\"]\n")),
                format!(
                    "f.toml:2: media.tcp_announced: invalid value: string \"{bad}\", \
                     expected IP addresses and ports, such as \"203.0.113.7:443\""
                )
            );
        }
    }

    #[test]
    fn limits_have_limits() {
        for (name, wrong, expected) in [
            ("rooms", "0", "1 to 65535"),
            ("message_burst", "64", "65 to 65535"),
            ("offer_kilobytes", "1024", "64 to 1023"),
            ("message_kilobytes", "8", "9 to 64"),
            ("publications", "5", "1 to 4"),
        ] {
            assert_eq!(
                refusal(&format!("[limits]\n{name} = {wrong}\n")),
                format!(
                    "f.toml:2: limits.{name}: invalid value: integer `{wrong}`, \
                     expected a whole number from {expected}"
                )
            );
        }
    }

    #[test]
    fn metrics_can_be_turned_off() {
        let config = parsed("[metrics]\nlisten = \"\"\n").expect("it is good");
        assert_eq!(config.metrics.listen, None);

        assert!(refusal("[metrics]\nlisten = \"9464\"\n").contains("or \"\" for none"));
    }

    #[test]
    fn half_a_certificate_is_refused() {
        assert_eq!(
            refusal("[http.tls]\nkey = \"a\"\n"),
            "f.toml: http.tls: set both certificate and key, or neither"
        );
    }

    #[test]
    fn a_relay_on_a_port_of_media_is_refused() {
        for refused in [
            "[media]\nport = 443\n[turn]\nport = 443\n",
            "[media]\nport = 440\nworkers = 4\n[turn]\nport = 443\n",
            "[turn]\nport = 8443\n",
            "[media]\naddresses = [\"10.0.0.1\"]\n\
             [turn]\nport = 8443\naddresses = [\"10.0.0.2\", \"10.0.0.1\"]\n",
        ] {
            let message = refusal(refused);
            assert!(message.starts_with("f.toml: turn.port: "), "{message}");
        }
        for good in [
            "[media]\nport = 440\nworkers = 3\n[turn]\nport = 443\n",
            "[turn]\nport = 8443\nenabled = false\n",
            "[media]\nport = 0\n[turn]\nport = 443\n",
            "[media]\naddresses = [\"10.0.0.1\"]\n\
             [turn]\nport = 8443\naddresses = [\"10.0.0.2\"]\n",
        ] {
            assert!(parsed(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn relay_ports_are_a_range() {
        let wrong = "[turn]\nfirst_relay_port = 50000\nlast_relay_port = 49999\n";
        assert_eq!(
            refusal(wrong),
            "f.toml: turn.first_relay_port: it is after turn.last_relay_port"
        );
        assert!(parsed(&wrong.replace("49999", "50000")).is_ok());
    }

    #[test]
    fn a_relay_is_announced_by_an_address_for_each_of_its_own() {
        let addresses = "[turn]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n";
        let announced = |list: &str| format!("{addresses}announced = [{list}]\n");

        assert!(parsed(&announced("\"192.0.2.1\", \"192.0.2.2\"")).is_ok());
        let message = refusal(&announced("\"192.0.2.1\""));
        assert!(message.starts_with("f.toml: turn.announced: "), "{message}");
    }

    #[test]
    fn other_nodes_are_addresses_with_ports() {
        let nodes = |list: &str| format!("[turn]\nother_nodes = [{list}]\n");
        let config = parsed(&nodes("\"192.0.2.8:8443\", \"[2001:db8::8]:8443\""));
        assert_eq!(config.map(|of| of.turn.other_nodes.len()), Ok(2));

        for bad in ["192.0.2.8", "0.0.0.0:8443", "192.0.2.8:0", "node:8443"] {
            let message = refusal(&nodes(&format!("\"{bad}\"")));
            assert!(message.contains("such as \"192.0.2.8:8443\""), "{message}");
        }
        let twice = refusal(&nodes("\"192.0.2.8:8443\", \"192.0.2.8:8443\""));
        assert!(twice.contains("different IP addresses"), "{twice}");
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line() {
        assert!(refusal("[http]\n= 1").starts_with("f.toml:2: "));
        assert!(refusal("[http").starts_with("f.toml:1: "));
        let message = refusal("a = 1\na = 2");
        assert!(message.contains("duplicate key"), "{message}");
    }

    fn parsed(text: &str) -> Result<Config, String> {
        parse(text, Path::new("f.toml")).map_err(|error| error.to_string())
    }

    fn refusal(text: &str) -> String {
        parsed(text).expect_err("the text is wrong")
    }
}
