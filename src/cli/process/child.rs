//! A child process that behaves as if it were this process: it receives the signals that are sent to this process, both
//! stop and continue together, and this process ends as the child has ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How the child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It exited with this status.
    Exited(u8),
    /// It was killed by this signal.
    Killed(i32),
}

/// The signals to forward, except those that cannot be caught.
const FORWARDED: [i32; 10] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGCONT,
    libc::SIGWINCH,
    libc::SIGTSTP,
];

/// The signals that were blocked before [`block_signals`]: the child starts with these.
pub(crate) struct SignalMask(libc::sigset_t);

impl SignalMask {
    /// Restores the signal mask.
    pub(crate) fn release(self) {
        // SAFETY: a set that is valid during the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Blocks these signals in this thread, and in all that it starts.
pub(crate) fn block_signals() -> SignalMask {
    let signals = set(&FORWARDED);
    let mut before = set(&[]);
    // SAFETY: two sets that are valid during the call.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, &raw mut before) };
    SignalMask(before)
}

/// Runs a command to its end. Fails if it cannot be started.
pub(crate) fn run(mut command: Command, held: &SignalMask) -> io::Result<End> {
    // If SIGCHLD is ignored, which is inherited, the status of the child is not available.
    // SAFETY: no handler of this program is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    begin_like_us(&mut command, held.0);
    let child = command.spawn()?.id().cast_signed();
    std::thread::spawn(move || forward(child));
    loop {
        let mut status = 0;
        // SAFETY: a child of this process that is waited for here only, and a place for its status.
        let waited = unsafe { libc::waitpid(child, &raw mut status, libc::WUNTRACED) };
        if waited == -1 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        if waited == child && libc::WIFSTOPPED(status) {
            // SAFETY: a signal to this process, which then stops too.
            unsafe { libc::raise(libc::SIGSTOP) };
            // SAFETY: the child has not been waited for, so its process ID has not been reused.
            unsafe { libc::kill(child, libc::SIGCONT) };
            continue;
        }
        return Ok(if libc::WIFSIGNALED(status) {
            End::Killed(libc::WTERMSIG(status))
        } else {
            End::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
        });
    }
}

/// Ends this process by a signal, as the child has ended. Returns only if that signal does not end a process.
pub(crate) fn end_by(signal: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // The child may have dumped core already, and its core dump is the one of interest.
    // SAFETY: a limit that is valid during the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    // SAFETY: the default action is installed, and no handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let one = set(&[signal]);
    // SAFETY: a set that is valid during the call.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const one, std::ptr::null_mut()) };
    // SAFETY: a signal to this process.
    unsafe { libc::raise(signal) };
}

fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: there is room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set has been initialised.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: sigemptyset has filled it in.
    unsafe { set.assume_init() }
}

/// Makes the child similar to this process: it is killed if this process is killed, and has the original signal mask.
#[allow(unsafe_code)]
fn begin_like_us(command: &mut Command, blocked: libc::sigset_t) {
    let begin = move || {
        // SAFETY: no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: a set that is valid during the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const blocked, std::ptr::null_mut()) };
        Ok(())
    };
    // SAFETY: two system calls between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(begin) };
}

/// Forwards signals that were sent to this process by other processes. Signals from the kernel, as for Ctrl-C, are sent
/// to the child as well.
fn forward(child: i32) {
    let signals = set(&FORWARDED);
    loop {
        let mut facts = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: a set, and room for the information about the signal.
        let signal = unsafe { libc::sigwaitinfo(&raw const signals, facts.as_mut_ptr()) };
        if signal <= 0 {
            continue;
        }
        // SAFETY: sigwaitinfo has filled it in.
        let is_from_kernel = unsafe { facts.assume_init() }.si_code > 0;
        if !is_from_kernel {
            // SAFETY: a signal to a child of this process, which ends when the child has ended.
            unsafe { libc::kill(child, signal) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_as_the_command_does() {
        let held = block_signals();
        let sh = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            run(command, &held).unwrap()
        };
        assert_eq!(sh("exit 42"), End::Exited(42));
        assert_eq!(sh("kill -TERM $$"), End::Killed(libc::SIGTERM));
        assert!(run(Command::new("/nowhere/x"), &held).is_err());
        held.release();
    }
}
