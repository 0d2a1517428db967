//! A thread that sleeps, and those who wake it.
//!
//! A wake costs some twenty microseconds, as much as ten packets, so a thread
//! says when it is about to sleep, and whoever has work for it wakes it only
//! then: what comes while it is busy waits until it looks.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Wakes one thread.
#[derive(Clone, Debug)]
pub struct Waker {
    pipe: Arc<UnixStream>,
    sleeps: Arc<AtomicBool>,
}

/// The side of the thread that is woken. It polls the descriptor.
#[derive(Debug)]
pub struct Sleep {
    pipe: UnixStream,
    sleeps: Arc<AtomicBool>,
}

/// Both sides.
///
/// # Errors
/// There are no descriptors left.
pub fn pair() -> io::Result<(Waker, Sleep)> {
    let (input, output) = UnixStream::pair()?;
    input.set_nonblocking(true)?;
    output.set_nonblocking(true)?;
    let sleeps = Arc::new(AtomicBool::new(false));
    let waker = Waker {
        pipe: Arc::new(input),
        sleeps: sleeps.clone(),
    };
    let sleep = Sleep {
        pipe: output,
        sleeps,
    };
    Ok((waker, sleep))
}

impl Waker {
    /// Has the thread's next wait end at once.
    pub fn wake(&self) {
        // A full pipe means that it is about to wake already, and a closed one
        // that it has ended.
        let _ = (&*self.pipe).write(&[0]);
    }

    /// Wakes the thread if it sleeps. Whatever it is to find must be where it
    /// looks after [`Sleep::begin`].
    pub fn wake_sleeping(&self) {
        if self.sleeps.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }
}

impl Sleep {
    /// The thread is about to wait: it must look once more for work, and not
    /// wait if there is any.
    pub fn begin(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
    }

    /// The thread is awake, and will look for work before it waits again.
    pub fn end(&self) {
        self.sleeps.store(false, Ordering::SeqCst);
    }

    /// Forgets wakes. To be called when the descriptor can be read, before
    /// looking for work.
    pub fn clear(&self) {
        let mut bytes = [0; 256];
        while matches!((&self.pipe).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }
}

impl AsFd for Sleep {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::udp::Poll;

    fn is_woken(sleep: &Sleep) -> bool {
        let mut poll = Poll::new(std::iter::once(sleep.as_fd()));
        poll.wait(1, Some(Duration::ZERO)).expect("a descriptor");
        poll.is_ready(0)
    }

    #[test]
    fn only_a_thread_that_sleeps_is_woken_for_work() {
        let (waker, sleep) = pair().expect("descriptors");
        waker.wake_sleeping();
        assert!(!is_woken(&sleep), "it is awake");

        sleep.begin();
        waker.wake_sleeping();
        assert!(is_woken(&sleep));

        sleep.end();
        sleep.clear();
        waker.wake_sleeping();
        assert!(!is_woken(&sleep), "it is awake again");

        waker.wake();
        assert!(is_woken(&sleep), "this one is not to be missed");
    }

    #[test]
    fn one_wake_is_enough_for_a_sleeper() {
        let (waker, sleep) = pair().expect("descriptors");
        sleep.begin();
        for _ in 0..1000 {
            waker.wake_sleeping();
        }

        let mut bytes = [0; 8];
        let count = (&sleep.pipe).read(&mut bytes).expect("a wake");
        assert_eq!(count, 1);
    }

    #[test]
    fn wakes_that_nobody_reads_block_nobody() {
        let (waker, sleep) = pair().expect("descriptors");
        for _ in 0..100_000 {
            waker.wake();
        }
        sleep.clear();
        while is_woken(&sleep) {
            sleep.clear();
        }
    }
}
