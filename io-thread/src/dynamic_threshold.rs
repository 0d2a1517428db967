//! One bound for the memory of many queues.

/// How much queues that share a memory may hold, each and together, by dynamic
/// thresholds (Choudhury and Hahne, 1998): a queue may hold a part of what is
/// still free. While little is used that is more than any of them needs; the
/// more is used, the less each may have, so that the longest is cut first, and
/// there is room for those that hold little.
#[derive(Debug)]
pub struct DynamicThreshold {
    most_bytes: usize,
    used: usize,
}

impl DynamicThreshold {
    /// For queues that hold some `most_bytes` together.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            used: 0,
        }
    }

    /// What one queue may hold at present.
    pub fn of_one(&self) -> usize {
        (self.most_bytes.saturating_sub(self.used) / PART).max(LEAST)
    }

    /// Takes note that a queue holds `after` bytes instead of `before`.
    pub fn change(&mut self, before: usize, after: usize) {
        self.used = (self.used + after).saturating_sub(before);
    }

    /// What all of them hold.
    pub fn used(&self) -> usize {
        self.used
    }
}

/// Of what is free.
const PART: usize = 8;
/// What each may hold in any case: answers, and a little sound.
const LEAST: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_queues_have_all_that_they_need() {
        let mut threshold = DynamicThreshold::new(64 << 20);
        threshold.change(0, 10 << 20);

        assert!(threshold.of_one() > 6 << 20);
        threshold.change(10 << 20, 0);
        assert_eq!((threshold.used(), threshold.of_one()), (0, 8 << 20));
    }

    #[test]
    fn very_many_queues_stay_within_the_bound_and_share_it() {
        const MOST: usize = 16 << 20;
        let mut threshold = DynamicThreshold::new(MOST);
        let mut queues = vec![0; 1000];
        // All want more than there is, one after the other, by and by.
        for _ in 0..200 {
            for queue in &mut queues {
                if *queue + 1000 <= threshold.of_one() {
                    threshold.change(*queue, *queue + 1000);
                    *queue += 1000;
                }
            }
        }

        let sum: usize = queues.iter().sum();
        assert_eq!(threshold.used(), sum);
        assert!((MOST / 10 * 9..=MOST).contains(&sum), "{sum}");
        let (least, most) = (queues.iter().min(), queues.iter().max());
        assert!(
            least >= Some(&10_000) && most <= Some(&20_000),
            "{least:?} {most:?}"
        );
    }

    #[test]
    fn a_long_queue_is_cut_before_short_ones() {
        let mut threshold = DynamicThreshold::new(1 << 20);
        threshold.change(0, 100_000);
        assert!(threshold.of_one() > 100_000);

        // Others come.
        threshold.change(0, 700_000);

        assert!(threshold.of_one() < 100_000, "the long one grows no more");
        assert!(threshold.of_one() > 20_000, "a short one does");
        threshold.change(0, 10 << 20);
        assert_eq!(threshold.of_one(), LEAST);
    }
}
