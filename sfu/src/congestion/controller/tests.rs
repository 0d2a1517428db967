use std::collections::VecDeque;

use super::super::REPEATED_AFTER;
use super::*;
use crate::rtcp::{self, ArrivalRecorder, Received};
use crate::rtp::Ssrc;

#[test]
fn of_a_receiver_that_takes_no_numbers_its_own_estimate_is_what_is_shared_out() {
    let start = Instant::now();
    let mut controller = Controller::new(start);
    let own = Bitrate::kilobits_per_second(300);
    controller.sent_unnumbered(start, 1000);
    let later = start + Duration::from_secs(5);
    assert_eq!(controller.settled_estimate(later), None);

    controller.remb(later, own);

    assert_eq!(controller.settled_estimate(later), Some(own));
}

/// Tells of all that has arrived, if anything has.
pub(crate) fn report(
    recorder: &mut ArrivalRecorder,
    controller: &mut Controller,
    now: Instant,
) -> bool {
    let Some(report) = recorder.report(Ssrc(1), Ssrc(2)) else {
        return false;
    };
    rtcp::read(&report, |received| match received {
        Received::Arrival { number, at } => controller.packet_feedback(number, at),
        Received::ArrivalsEnd => controller.feedback_end(now),
        _ => {}
    });
    true
}

/// Packets of 1,172 bytes at 1 Mbit/s, and what `arrival` makes of each,
/// by when it was sent; reports each 60 ms. Gives the estimates in between.
fn estimates(
    controller: &mut Controller,
    start: Instant,
    arrival: impl Fn(Duration) -> Duration,
) -> Vec<(Duration, Bitrate)> {
    let mut recorder = ArrivalRecorder::new(start);
    let mut due = VecDeque::<(Instant, u16)>::new();
    let mut estimates = Vec::new();
    for millisecond in 0..6000 {
        let elapsed = Duration::from_millis(millisecond);
        let now = start + elapsed;
        if millisecond % 10 == 0 {
            let number = controller.sent(now, 1172);
            due.push_back((start + arrival(elapsed), number));
        }
        while let Some((at, number)) = due.front().copied()
            && at <= now
        {
            due.pop_front();
            recorder.record(at, number);
        }
        if millisecond % 60 == 0 && report(&mut recorder, controller, now) {
            let estimate = controller.estimate(now).expect("feedback came");
            estimates.push((elapsed, estimate));
        }
    }
    estimates
}

#[test]
fn a_rise_of_the_delay_in_which_a_probe_has_part_says_nothing() {
    for (has_probe, is_told) in [(false, true), (true, false)] {
        let start = Instant::now();
        let mut controller = Controller::new(start);
        for group in 0..8 {
            controller
                .delay
                .record(20_000 * group, 60_000 * group, 2_000);
        }
        if has_probe {
            let most = Bitrate::kilobits_per_second(3000);
            controller.probing.start_due(start, FIRST_ESTIMATE, most);
        }
        let number = controller.sent(start, 1172);
        let mut recorder = ArrivalRecorder::new(start);
        recorder.record(start, number);
        let report = recorder.report(Ssrc(1), Ssrc(2)).expect("an arrival");
        rtcp::read(&report, |received| {
            if let Received::Arrival { number, at } = received {
                controller.packet_feedback(number, at);
            }
        });

        assert_eq!(controller.delay.take_rise().is_some(), is_told);
    }
}

#[test]
fn a_radio_that_holds_packets_up_for_a_moment_has_not_become_narrower() {
    let start = Instant::now();
    let mut controller = Controller::new(start);
    let away = Duration::from_secs(4)..Duration::from_millis(4250);

    let found = estimates(&mut controller, start, |sent| {
        let at = sent + Duration::from_millis(50);
        if away.contains(&at) { away.end } else { at }
    });

    let least = found.iter().skip(60).map(|(_, estimate)| *estimate).min();
    let before = found[60].1;
    assert!(least >= Some(before.scaled(0.8)), "{least:?} of {before}");
}

#[test]
fn anothers_burst_leaves_room_for_sound_that_is_sent_twice() {
    let start = Instant::now();
    let mut controller = Controller::new(start);
    let mut recorder = ArrivalRecorder::new(start);
    // While that lasts, the queue grows.
    let burst = Duration::from_secs(5)..Duration::from_millis(6500);
    let mut again = VecDeque::new();
    let mut due = Vec::<(Instant, u16)>::new();
    let mut estimates = Vec::new();
    for millisecond in 0..8000 {
        let elapsed = Duration::from_millis(millisecond);
        let now = start + elapsed;
        if millisecond % 20 == 0 {
            let number = controller.sent(now, 110);
            controller.will_repeat(number);
            again.push_back(now + REPEATED_AFTER);
            // Of each tenth the first is lost.
            let is_lost = millisecond % 200 == 0;
            let later = if is_lost {
                REPEATED_AFTER
            } else {
                Duration::ZERO
            };
            let queue = elapsed.min(burst.end).saturating_sub(burst.start) / 10;
            let drained = elapsed.saturating_sub(burst.end) / 2;
            let queue = queue.saturating_sub(drained);
            let at = elapsed + later + queue + Duration::from_millis(50);
            // And of one of those the second too.
            if millisecond % 1000 != 0 {
                due.push((start + at, number));
            }
        }
        while again.front().is_some_and(|at| *at <= now) {
            again.pop_front();
            controller.sent_again(now, 110);
        }
        due.retain(|(at, number)| {
            let has_come = *at <= now;
            if has_come {
                recorder.record(*at, *number);
            }
            !has_come
        });
        if millisecond % 60 == 0 && report(&mut recorder, &mut controller, now) {
            let estimate = controller.estimate(now).expect("feedback came");
            estimates.push((elapsed, estimate));
        }
    }

    // Both take 110 kbit/s.
    let settled = estimates.iter().filter(|(at, _)| *at >= burst.start);
    let least = settled.map(|(_, estimate)| *estimate).min();
    assert!(
        least >= Some(Bitrate::kilobits_per_second(100)),
        "{least:?}"
    );
}

#[test]
fn a_receivers_own_estimate_does_not_outlive_it() {
    let start = Instant::now();
    let mut controller = Controller::new(start);
    controller.sent_unnumbered(start, 1000);
    let told = start + Duration::from_secs(5);

    controller.remb(told, Bitrate::kilobits_per_second(300));

    assert!(controller.estimate(told + REMB_LASTS / 2).is_some());
    assert_eq!(controller.estimate(told + REMB_LASTS), None);
}

#[test]
fn a_probe_that_arrives_unevenly_says_nothing_against_what_flows() {
    let start = Instant::now();
    let mut controller = Controller::new(start);
    controller.set_wanted(Bitrate::kilobits_per_second(2000));
    let mut recorder = ArrivalRecorder::new(start);
    let mut late = Duration::ZERO;
    for millisecond in 1..3000 {
        let now = start + Duration::from_millis(millisecond);
        // Pictures that no burst has a part of.
        if millisecond % 20 == 18 {
            for _ in 0..4 {
                let number = controller.sent(now, 1172);
                recorder.record(now, number);
            }
        }
        let padding = controller.release_probe(now);
        // Each part of a burst somewhat later than the one before.
        late = match padding {
            0 if controller.current_probe().is_none() => Duration::ZERO,
            0 => late,
            _ => late + Duration::from_millis(2),
        };
        for _ in 0..padding.div_ceil(300) {
            let number = controller.sent(now, 272);
            recorder.record(now + late, number);
        }
        if millisecond.is_multiple_of(20) {
            controller.handle_timeout(now);
        }
        if millisecond.is_multiple_of(70) {
            report(&mut recorder, &mut controller, now);
        }

        let settled = controller.settled_estimate(now);
        let flowing = Bitrate::kilobits_per_second(1900);
        if now < start + SETTLING {
            assert_eq!(settled, None, "after {millisecond} ms");
        } else {
            assert!(settled.is_none_or(|estimate| estimate >= flowing));
        }
    }
    assert!(
        controller
            .settled_estimate(start + Duration::from_secs(3))
            .is_some()
    );
}
