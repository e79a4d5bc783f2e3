//! A command that runs as a child and yet looks like this process: it gets the signals that are sent to us, stops and goes
//! on with us, and we end as it ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this status.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

/// What somebody may send to the command and sends to us. Those that nobody can catch are not among them.
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

/// The signals that were blocked before ours were: the command begins with these.
pub(crate) struct Held(libc::sigset_t);

impl Held {
    /// As it was.
    pub(crate) fn release(self) {
        // SAFETY: a set that lives as long as the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// From now on these signals wait, in every thread that is started later too.
pub(crate) fn hold_signals() -> Held {
    let signals = set(&FORWARDED);
    let mut before = set(&[]);
    // SAFETY: two sets that live as long as the call.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, &raw mut before) };
    Held(before)
}

/// Runs a command to its end. An error is one of starting it.
pub(crate) fn run(mut command: Command, held: &Held) -> io::Result<End> {
    // Inherited where somebody ignored it: then nobody could be waited for.
    // SAFETY: no function of ours is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    begin_like_us(&mut command, held.0);
    let child = command.spawn()?.id().cast_signed();
    std::thread::spawn(move || forward(child));
    loop {
        let mut status = 0;
        // SAFETY: a child of ours that is waited for here only, and a place for its status.
        let waited = unsafe { libc::waitpid(child, &raw mut status, libc::WUNTRACED) };
        if waited == -1 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
            continue;
        }
        if waited == child && libc::WIFSTOPPED(status) {
            // SAFETY: a signal to this process, which then stops too.
            unsafe { libc::raise(libc::SIGSTOP) };
            // SAFETY: the child is not waited for yet, so that its number is its own.
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

/// Ends this process by a signal, as the child did; comes back only where that signal does not end a process.
pub(crate) fn end_by(signal: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // One core is enough.
    // SAFETY: a limit that lives as long as the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    // SAFETY: the default action is installed, and no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let one = set(&[signal]);
    // SAFETY: a set that lives as long as the call.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const one, std::ptr::null_mut()) };
    // SAFETY: a signal to this process.
    unsafe { libc::raise(signal) };
}

fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: there is room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set was made empty.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: sigemptyset has filled it in.
    unsafe { set.assume_init() }
}

/// As if the command were this process: who kills one kills the other, and it gets the signals that we would have got.
#[allow(unsafe_code)]
fn begin_like_us(command: &mut Command, blocked: libc::sigset_t) {
    let begin = move || {
        // SAFETY: no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: a set that lives as long as the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const blocked, std::ptr::null_mut()) };
        Ok(())
    };
    // SAFETY: two system calls between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(begin) };
}

/// Hands signals on that somebody sent to us. Those of the kernel, as for Ctrl-C, went to the child as well.
fn forward(child: i32) {
    let signals = set(&FORWARDED);
    loop {
        let mut facts = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: a set, and room for what is known of the signal.
        let signal = unsafe { libc::sigwaitinfo(&raw const signals, facts.as_mut_ptr()) };
        if signal <= 0 {
            continue;
        }
        // SAFETY: sigwaitinfo has filled it in.
        let is_from_kernel = unsafe { facts.assume_init() }.si_code > 0;
        if !is_from_kernel {
            // SAFETY: a signal to a process that is our child; when it has ended, so will we.
            unsafe { libc::kill(child, signal) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_as_the_command_does() {
        let held = hold_signals();
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
