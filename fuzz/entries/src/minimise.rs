//! Making an input that fails as short and as dull as it can be.

/// The smallest input found, of those for which `fails` holds as it does for
/// `input`.
pub(crate) fn minimise(input: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut tries = MOST_TRIES;
    let mut length = best.len().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        while at < best.len() && tries > 0 {
            tries -= 1;
            let mut shorter = best.clone();
            shorter.drain(at..(at + length).min(best.len()));
            if fails(&shorter) {
                best = shorter;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    for at in 0..best.len().min(tries) {
        let mut duller = best.clone();
        duller[at] = b'0';
        if fails(&duller) {
            best = duller;
        }
    }
    best
}

const MOST_TRIES: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_it_fail_is_left() {
        let input = b"a long text with a ! and a ? in it";

        let found = minimise(input, |text| {
            text.contains(&b'!') && text.contains(&b'?') && text.len() > 2
        });

        assert_eq!(found.len(), 3);
        assert!(found.contains(&b'!') && found.contains(&b'?'), "{found:?}");
    }
}
