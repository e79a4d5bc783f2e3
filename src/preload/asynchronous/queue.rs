//! The requests that are not complete, and the callers that wait for them.
//!
//! This is shared by threads, so it has a lock. A fork in another thread may leave the lock held in the child, and the
//! contents inconsistent. Therefore, a queue belongs to one generation of the process (see `sys::fork`): a child
//! creates a new queue and never uses the old one, which leaks a few hundred bytes. The requests in the old queue are
//! never completed in the child, where the threads that would process them do not exist.
//!
//! Signals are blocked while the lock is held, so that a signal handler can call these functions too.

use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use libc::c_int;
use nss_bypass_core::sys::signal::Blocked;
use nss_bypass_core::sys::{Errno, errno, fork, futex, set_errno};

use super::notice::Notice;
use super::request;
use crate::netdb::{EAI_INPROGRESS, Gaicb};

/// The number of waiting callers for which memory is reserved: gai_suspend should not allocate, since a signal handler
/// may call it.
const WATCHES: usize = 16;

/// The maximum number of threads.
const MOST_THREADS: usize = 20;

/// How long an idle thread waits for another request.
const IDLE: Duration = Duration::from_secs(1);

/// Starts a thread that processes the queue. Signals must be blocked.
type Start = fn(&'static Queue) -> Result<(), Errno>;

/// The queue of one process.
pub(super) struct Queue {
    generation: u32,
    start: Start,
    state: Mutex<State>,
    /// Signalled when there is a job for an idle thread.
    arrived: Condvar,
}

static QUEUE: AtomicPtr<Queue> = AtomicPtr::new(ptr::null_mut());

#[derive(Default)]
struct State {
    /// In the order in which they were submitted.
    jobs: VecDeque<Job>,
    /// The number of jobs that no thread has been given.
    waiting: usize,
    batches: VecDeque<Batch>,
    watches: Vec<Watch>,
    threads: usize,
    idle: usize,
    /// The number of the next job.
    next: u64,
}

// SAFETY: the pointers in it are dereferenced only under the lock, and only while their owners keep the targets valid.
unsafe impl Send for State {}

/// A request that is not complete.
#[derive(Clone, Copy)]
pub(super) struct Job {
    number: u64,
    /// The number of the first job of the same call.
    batch: u64,
    pub(super) request: *mut Gaicb,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It can be cancelled.
    Waiting,
    /// A thread has been started for it.
    Reserved,
    Running,
}

/// A call with GAI_NOWAIT.
struct Batch {
    number: u64,
    left: usize,
    notice: Notice,
}

/// A caller that waits until `left` is 0.
struct Watch {
    goal: Goal,
    left: *const AtomicU32,
}

enum Goal {
    All {
        batch: u64,
    },
    /// The requests of a caller's list that were submitted before this number.
    One {
        list: *const [*const Gaicb],
        before: u64,
    },
}

impl Goal {
    fn includes(&self, job: &Job) -> bool {
        match *self {
            Self::All { batch } => job.batch == batch,
            // SAFETY: the list is an argument of a caller that is waiting.
            Self::One { list, before } => job.number < before && unsafe { &*list }.contains(&job.request.cast_const()),
        }
    }
}

/// The numbers of requests of a list that are in progress, for this queue and for libc.
#[derive(Clone, Copy)]
pub(super) struct InProgress {
    pub(super) ours: usize,
    pub(super) others: usize,
}

impl Queue {
    /// Returns the queue of this process, if it has one.
    pub(super) fn existing() -> Option<&'static Self> {
        // SAFETY: null, or a queue; a queue that has been published is never freed.
        unsafe { QUEUE.load(Ordering::Acquire).as_ref() }.filter(|queue| queue.is_this_process())
    }

    /// Returns the queue of this process, which is created if necessary.
    pub(super) fn current(start: Start) -> &'static Self {
        loop {
            let old = QUEUE.load(Ordering::Acquire);
            if let Some(queue) = Self::existing() {
                return queue;
            }
            let (state, arrived) = (Mutex::default(), Condvar::new());
            let new = Box::into_raw(Box::new(Self { generation: fork::generation(), start, state, arrived }));
            if QUEUE.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // SAFETY: the box was leaked above, and has not been published.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }

    /// Returns whether the process has not forked since the queue was created.
    pub(super) fn is_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    fn locked<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let _blocked = Blocked::all();
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Submits a caller's requests. Returns how many were accepted, and the errno if one was not. `left` is the number
    /// of requests that are not complete, until `leave` is called; without it, `notice` is sent when all are complete.
    pub(super) fn submit(
        &'static self,
        list: &[*mut Gaicb],
        left: Option<&AtomicU32>,
        notice: Notice,
    ) -> (usize, Option<Errno>) {
        self.locked(|state| {
            if state.watches.try_reserve(WATCHES).is_err() || state.batches.try_reserve(1).is_err() {
                return (0, Some(Errno(libc::EAGAIN)));
            }
            let number = state.next;
            let (mut accepted, mut failure) = (0, None);
            for &request in list.iter().filter(|request| !request.is_null()) {
                match state.accept(self, request, number) {
                    Ok(()) => accepted += 1,
                    Err(error) => failure = Some(error),
                }
            }
            if accepted > 0 {
                match left {
                    Some(left) => {
                        left.store(accepted as u32, Ordering::Release);
                        state.watches.push(Watch { goal: Goal::All { batch: number }, left });
                    }
                    None => state.batches.push_back(Batch { number, left: accepted, notice }),
                }
            }
            (accepted, failure)
        })
    }

    /// Sets `left` to 1 until one of those requests in the list completes that are now in progress. Returns `None` if
    /// none of them is in this queue.
    pub(super) fn watch(&self, list: &[*const Gaicb], left: &AtomicU32) -> Option<InProgress> {
        self.locked(|state| {
            let mut found = InProgress { ours: 0, others: 0 };
            for &request in list {
                // SAFETY: NULL or a request, according to the contract of gai_suspend.
                if unsafe { request::is_in_progress(request) } {
                    let ours = state.jobs.iter().any(|job| ptr::eq(job.request, request));
                    *(if ours { &mut found.ours } else { &mut found.others }) += 1;
                }
            }
            if found.ours == 0 {
                return None;
            }
            left.store(1, Ordering::Release);
            state.watches.push(Watch { goal: Goal::One { list, before: state.next }, left });
            Some(found)
        })
    }

    /// Removes a caller that has finished waiting.
    pub(super) fn leave(&self, left: &AtomicU32) {
        self.locked(|state| state.watches.retain(|watch| !ptr::eq(watch.left, left)));
    }

    /// Cancels a request. Returns whether that was possible, since no thread had been given it; `None` if it is
    /// complete or not in this queue.
    pub(super) fn cancel(&self, request: *const Gaicb) -> Option<bool> {
        self.locked(|state| {
            let place = state.jobs.iter().position(|job| ptr::eq(job.request, request))?;
            let job = *state.jobs.get(place)?;
            if job.stage != Stage::Waiting {
                return Some(false);
            }
            state.jobs.remove(place);
            state.waiting -= 1;
            // As in glibc, the notification of a call is never sent if one of its requests has been cancelled. A caller
            // that waits for the request is woken, so that it does not wait forever.
            state.batches.retain(|batch| batch.number != job.batch);
            state.wake(&job);
            Some(true)
        })
    }

    /// Returns the next job for a thread, after waiting for a while if there is none. With `None`, the thread must end.
    pub(super) fn next_job(&'static self) -> Option<Job> {
        let _blocked = Blocked::all();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = state.take();
        if found.is_none() {
            state.idle += 1;
            (state, _) = self.arrived.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            found = state.take();
        }
        match found {
            None => state.threads -= 1,
            Some(_) if state.waiting > 0 => {
                if state.idle > 0 {
                    self.arrived.notify_one();
                } else {
                    let _ = state.start_thread(self); // This thread will get to it.
                }
            }
            Some(_) => {}
        }
        found
    }

    /// Completes a job, and wakes all callers that wait for it. This is done under the lock, so that a caller that
    /// takes the lock afterwards can rely on all others having been woken.
    pub(super) fn finish(&self, job: &Job, code: c_int) {
        self.locked(|state| {
            // SAFETY: programs keep a request valid until it is complete.
            unsafe { request::set_code(job.request, code) };
            if let Some(place) = state.jobs.iter().position(|other| other.number == job.number) {
                state.jobs.remove(place);
            }
            state.wake(job);
            let Some(place) = state.batches.iter().position(|batch| batch.number == job.batch) else { return };
            let Some(batch) = state.batches.get_mut(place) else { return };
            batch.left -= 1;
            if batch.left == 0 {
                let notice = batch.notice;
                state.batches.remove(place);
                notice.send();
            }
        });
    }
}

impl State {
    fn accept(&mut self, queue: &'static Queue, request: *mut Gaicb, batch: u64) -> Result<(), Errno> {
        self.jobs.try_reserve(1).map_err(|_| Errno(libc::EAGAIN))?;
        // SAFETY: a request, according to the contract of getaddrinfo_a.
        unsafe { request::set_code(request, EAI_INPROGRESS) };
        let mut stage = Stage::Waiting;
        if self.idle == 0 && self.threads < MOST_THREADS {
            match self.start_thread(queue) {
                Ok(()) => stage = Stage::Reserved,
                Err(error) if self.threads == 0 => return Err(error),
                Err(_) => {} // One of the existing threads will get to it.
            }
        }
        self.jobs.push_back(Job { number: self.next, batch, request, stage });
        self.next += 1;
        if stage == Stage::Waiting {
            self.waiting += 1;
            if self.idle > 0 {
                queue.arrived.notify_one();
            }
        }
        Ok(())
    }

    /// If it fails, the result is the errno that pthread_create leaves, as in glibc.
    fn start_thread(&mut self, queue: &'static Queue) -> Result<(), Errno> {
        if self.threads >= MOST_THREADS {
            return Err(Errno(libc::EAGAIN));
        }
        let before = errno();
        let started = (queue.start)(queue).map_err(|_| errno());
        set_errno(before);
        if started.is_ok() {
            self.threads += 1;
        }
        started
    }

    /// Takes the first job for which a thread has been started or, if there is none, the first that no thread has been
    /// given.
    fn take(&mut self) -> Option<Job> {
        let place = |stage| self.jobs.iter().position(|job| job.stage == stage);
        let job = self.jobs.get_mut(place(Stage::Reserved).or_else(|| place(Stage::Waiting))?)?;
        if job.stage == Stage::Waiting {
            self.waiting -= 1;
        }
        job.stage = Stage::Running;
        Some(*job)
    }

    /// Wakes the callers that waited for this job.
    fn wake(&self, job: &Job) {
        for watch in self.watches.iter().filter(|watch| watch.goal.includes(job)) {
            // SAFETY: a variable of a caller, which is valid until `leave`.
            let left = unsafe { &*watch.left };
            let counted = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
            if counted == Ok(1) {
                futex::wake(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue whose threads are all busy, so that none is started.
    fn queue() -> &'static Queue {
        let state = State { threads: MOST_THREADS, ..State::default() };
        let (state, arrived) = (Mutex::new(state), Condvar::new());
        Box::leak(Box::new(Queue {
            generation: fork::generation(),
            start: |_| Err(Errno(libc::EAGAIN)),
            state,
            arrived,
        }))
    }

    fn requests() -> [Gaicb; 3] {
        // SAFETY: pointers and numbers, which may be zero.
        [(); 3].map(|()| unsafe { std::mem::zeroed() })
    }

    fn left(word: &AtomicU32) -> u32 {
        word.load(Ordering::SeqCst)
    }

    #[test]
    fn who_waits_hears_of_each_request_once() {
        let (queue, mut requests, words) = (queue(), requests(), [0; 3].map(AtomicU32::new));
        let [first, second, third] = requests.each_mut().map(ptr::from_mut);
        let accepted = queue.submit(&[first, ptr::null_mut(), second], Some(&words[0]), Notice::None);
        assert_eq!((accepted, left(&words[0])), ((2, None), 2));
        let list = [second.cast_const(), third, ptr::null()];
        let found = queue.watch(&list, &words[1]).unwrap();
        assert_eq!((found.ours, found.others, left(&words[1])), (1, 0, 1));
        assert!(queue.watch(&[third], &words[2]).is_none());

        let job = queue.next_job().unwrap();
        assert!(ptr::eq(job.request, first));
        assert_eq!(queue.cancel(first), Some(false));
        queue.finish(&job, 0);
        assert_eq!((left(&words[0]), left(&words[1])), (1, 1));
        assert_eq!(queue.cancel(second), Some(true));
        assert_eq!((left(&words[0]), left(&words[1])), (0, 0));
        assert_eq!((queue.cancel(first), queue.cancel(second)), (None, None));
        queue.leave(&words[0]);
        queue.leave(&words[1]);
        assert!(queue.locked(|state| state.jobs.is_empty() && state.watches.is_empty() && state.waiting == 0));
    }

    #[test]
    fn a_request_made_again_is_not_the_one_that_is_waited_for() {
        let (queue, mut requests, word) = (queue(), requests(), AtomicU32::new(0));
        let [first, second, _] = requests.each_mut().map(ptr::from_mut);
        queue.submit(&[first], None, Notice::None);
        let list = [first.cast_const(), second];
        assert!(queue.watch(&list, &word).is_some());
        queue.submit(&[second], None, Notice::None);
        assert_eq!(queue.cancel(second), Some(true));
        assert_eq!(left(&word), 1);
        let job = queue.next_job().unwrap();
        queue.finish(&job, 0);
        assert_eq!(left(&word), 0);
        queue.leave(&word);
        assert!(queue.locked(|state| state.batches.is_empty()));
    }
}
