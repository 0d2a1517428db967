//! Orders to be hostile: a JSON object a line, and one line of answer to each.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sfu::identity::{ParticipantId, Source};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::media_plane::{HostilePlane, Publication};
use crate::outgoing::Outgoing;
use crate::recording::Recording;

/// What may be asked for. A `target` is where `subscriber` gets a publication
/// by signaling's word.
#[derive(Deserialize, Debug)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Order {
    /// Puts another publication there.
    Show { target: Target, shown: Named },
    /// Keeps what was sent there last.
    Keep { target: Target },
    /// Sends what was kept there again, behind all that was sent.
    Replay { target: Target },
    /// Sends these frames, in base64, in place of what comes.
    Forge { target: Target, frames: Vec<String> },
    /// How many packets were altered there, and how many are still to be.
    Tally { target: Target },
    /// Writes out all that was recorded.
    Flush {},
}

#[derive(Deserialize, Debug)]
struct Target {
    subscriber: String,
    of: Named,
}

/// A publication: somebody's source.
#[derive(Deserialize, Debug)]
struct Named {
    participant: String,
    source: String,
}

/// Carries out orders until there are no more.
pub(crate) async fn serve(plane: &Arc<HostilePlane>, recording: &Recording) {
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = serde_json::from_str(&line)
            .map_err(|error| error.to_string())
            .and_then(|order| carry_out(order, plane, recording))
            .unwrap_or_else(|error| json!({ "error": error }));
        println!("{answer}");
    }
    recording.flush();
}

fn carry_out(
    order: Order,
    plane: &Arc<HostilePlane>,
    recording: &Recording,
) -> Result<Value, String> {
    match order {
        Order::Show { target, shown } => {
            let subscriber = participant(&target.subscriber)?;
            plane.show(subscriber, shown.publication()?, target.of.publication()?)?;
            Ok(json!({}))
        }
        Order::Keep { target } => {
            let kept = target.meddle(plane, Outgoing::keep)?;
            Ok(json!({ "packets": kept }))
        }
        Order::Replay { target } => {
            let (subscriber, ssrc) = target.source(plane)?;
            let packets = plane
                .worker()
                .meddle(move |wire| wire.replay(subscriber, ssrc));
            Ok(json!({ "packets": packets.ok_or(NOTHING_SENT)? }))
        }
        Order::Forge { target, frames } => {
            let frames = frames.iter().map(|frame| STANDARD.decode(frame));
            let frames: Vec<_> = frames
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?;
            target.meddle(plane, |outgoing| outgoing.forge(frames))?;
            Ok(json!({}))
        }
        Order::Tally { target } => {
            let (altered, waiting) = target.meddle(plane, |outgoing| outgoing.tally())?;
            Ok(json!({ "altered": altered, "waiting": waiting }))
        }
        Order::Flush {} => {
            recording.flush();
            Ok(json!({}))
        }
    }
}

impl Target {
    fn source(&self, plane: &HostilePlane) -> Result<(ParticipantId, sfu::rtp::Ssrc), String> {
        let subscriber = participant(&self.subscriber)?;
        Ok((
            subscriber,
            plane.source(subscriber, self.of.publication()?)?,
        ))
    }

    fn meddle<T: Send + 'static>(
        &self,
        plane: &HostilePlane,
        meddle: impl FnOnce(&mut Outgoing) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (subscriber, ssrc) = self.source(plane)?;
        plane
            .worker()
            .meddle(move |wire| wire.outgoing(subscriber, ssrc).map(meddle))
            .ok_or_else(|| NOTHING_SENT.into())
    }
}

impl Named {
    fn publication(&self) -> Result<Publication, String> {
        let source = match self.source.as_str() {
            "microphone" => Source::Microphone,
            "camera" => Source::Camera,
            "screen" => Source::Screen,
            "screen-audio" => Source::ScreenAudio,
            other => return Err(format!("there is no source {other}")),
        };
        Ok((participant(&self.participant)?, source))
    }
}

fn participant(id: &str) -> Result<ParticipantId, String> {
    u64::from_str_radix(id, 16)
        .map(ParticipantId)
        .map_err(|_| format!("{id} is no participant's id"))
}

const NOTHING_SENT: &str = "nothing was sent there yet";
