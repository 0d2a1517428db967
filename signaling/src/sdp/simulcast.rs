//! Simulcast (RFC 8853): the layers of a section and their stream ids
//! (RFC 8851).

use super::InvalidOffer;
use super::section::Section;

/// The stream ids that a section offers to send at once, in its order, which
/// is from the least layer up; none without simulcast. More than
/// [`MOST_LAYERS`] are left out.
///
/// # Errors
/// A malformed line, or an id that no `a=rid` describes.
pub(super) fn sent<'a>(section: &Section<'a>) -> Result<Vec<&'a str>, InvalidOffer> {
    let malformed = || InvalidOffer::in_section(section.mid, "its a=simulcast is malformed");
    let Some(line) = section.value("simulcast") else {
        return Ok(Vec::new());
    };
    let mut words = line.split_ascii_whitespace();
    let mut list = None;
    while let Some(direction) = words.next() {
        let ids = words.next().ok_or_else(malformed)?;
        match direction {
            "send" if list.is_none() => list = Some(ids),
            "recv" => {}
            _ => return Err(malformed()),
        }
    }
    let mut ids: Vec<&str> = Vec::new();
    for layer in list.into_iter().flat_map(|list| list.split(';')) {
        // Of alternatives the first is the best one (RFC 8853 §5.1), and `~`
        // only says that a layer begins paused.
        let id = layer.split(',').next().unwrap_or_default();
        let id = id.strip_prefix('~').unwrap_or(id);
        if !is_stream_id(id) || ids.contains(&id) || !is_described(section, id) {
            return Err(malformed());
        }
        ids.push(id);
        if ids.len() == MOST_LAYERS {
            break;
        }
    }
    Ok(ids)
}

fn is_described(section: &Section, id: &str) -> bool {
    section.values("rid").any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some(id) && words.next() == Some("send")
    })
}

/// RFC 8852 §3.1: letters and digits; in a one-byte header extension, up to 16.
fn is_stream_id(id: &str) -> bool {
    (1..=16).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Layers of one publication at most.
const MOST_LAYERS: usize = sfu::worker::statistics::LAYERS;
