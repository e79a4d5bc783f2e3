//! Why the library cannot work in a program, and what would.

use std::ffi::CString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::process::elf::{Elf, Go, Machine};

/// Why a library in LD_PRELOAD does not work in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The program is set-user-ID.
    SetUser,
    /// The program is set-group-ID.
    SetGroup,
    /// The program has file capabilities.
    Capabilities,
    /// The program has no dynamic linker, so nothing can be preloaded.
    Static,
    /// The dynamic linker is musl's.
    Musl,
    /// The dynamic linker is neither glibc's nor musl's.
    OtherLoader(PathBuf),
    /// Program and library are for different machines.
    OtherMachine {
        /// The program's.
        program: Machine,
        /// The library's.
        library: Machine,
    },
    /// The program uses Go's own resolver.
    Go(Go),
}

/// A privileged program ignores the caller's variables: both ld.so and the library do.
const AS_ROOT: &str = "run \"nss-bypass enable\" as root, and write the rules to /etc/nss-bypass.conf; variables have \
                       no effect there";

impl Obstacle {
    /// Returns what would work instead.
    pub(crate) fn fix(&self) -> &'static str {
        match self {
            Self::SetUser | Self::SetGroup | Self::Capabilities => AS_ROOT,
            Self::Static => {
                "use a dynamically linked build; a static program asks nscd only if it is linked with glibc, and then \
                 an empty mount over /var/run/nscd helps"
            }
            Self::Musl | Self::OtherLoader(_) => "use a build for glibc; musl does not ask nscd about hosts",
            Self::OtherMachine { .. } => "use a library that is built for that machine, with --library",
            Self::Go(Go::Alone) => {
                "use a build with CGO_ENABLED=1 and -tags netcgo; Go's own resolver does not ask nscd, so the name \
                 must be in DNS or /etc/hosts"
            }
            Self::Go(_) => "set GODEBUG=netdns=cgo in its environment",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetUser => f.write_str("it is set-user-ID, and ld.so ignores LD_PRELOAD in such programs"),
            Self::SetGroup => f.write_str("it is set-group-ID, and ld.so ignores LD_PRELOAD in such programs"),
            Self::Capabilities => {
                f.write_str("it has file capabilities, and ld.so ignores LD_PRELOAD in such programs")
            }
            Self::Static => f.write_str("it is statically linked, and ld.so loads no libraries into it"),
            Self::Musl => f.write_str("it is linked with musl, but the library needs glibc"),
            Self::OtherLoader(loader) => {
                write!(f, "it is loaded by {}, but the library needs glibc's ld.so", loader.display())
            }
            Self::OtherMachine { program, library } => {
                write!(f, "it is built for another machine ({program}) than the library ({library})")
            }
            Self::Go(Go::Alone) => {
                f.write_str("it is a Go program without cgo: it resolves names itself, without libc")
            }
            Self::Go(_) => f.write_str("it is a Go program, which resolves most names itself, without libc"),
        }
    }
}

/// The properties of a caller on which the privileges of a program depend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    user: u32,
    group: u32,
    /// Whether exec grants no privileges (PR_SET_NO_NEW_PRIVS).
    no_new_privileges: bool,
}

impl Caller {
    /// Returns those of this process.
    pub(crate) fn own() -> Self {
        // SAFETY: no preconditions.
        let user = unsafe { libc::getuid() };
        // SAFETY: no preconditions.
        let group = unsafe { libc::getgid() };
        // SAFETY: no pointers.
        let no_new_privileges = unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 1;
        Self { user, group, no_new_privileges }
    }
}

/// Returns why a library cannot work in a program. Only the type of the program is considered: whether it looks up
/// names cannot be determined from its file.
pub(crate) fn of_program(path: &Path, program: &Elf, library: &Elf, go_debug: Option<&[u8]>) -> Vec<Obstacle> {
    let mut found = Vec::new();
    found.extend(of_kind(path, program, library, go_debug));
    // Privileges do not matter to a program without a dynamic linker.
    if program.interpreter.is_some() {
        found.extend(of_privileges(path, Caller::own()));
    }
    found
}

fn of_kind(path: &Path, program: &Elf, library: &Elf, go_debug: Option<&[u8]>) -> Option<Obstacle> {
    if program.machine != library.machine {
        return Some(Obstacle::OtherMachine { program: program.machine, library: library.machine });
    }
    match (program.go, &program.interpreter) {
        (Some(Go::Alone), _) => Some(Obstacle::Go(Go::Alone)),
        (_, None) if is_loader(path) => None,
        (_, None) => Some(Obstacle::Static),
        (_, Some(_)) if program.is_musl() => Some(Obstacle::Musl),
        (_, Some(loader)) if !program.is_glibc() => Some(Obstacle::OtherLoader(loader.clone())),
        (Some(Go::Chooses), _) if !prefers_libc(go_debug) => Some(Obstacle::Go(Go::Chooses)),
        _ => None,
    }
}

/// Returns whether this is ld.so itself, which has no dynamic linker but preloads libraries when it is run as a
/// command.
fn is_loader(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"ld-") || name.as_bytes().starts_with(b"ld64"))
}

/// Returns whether GODEBUG has `netdns=cgo`, optionally with a debug level ("cgo+1").
pub(crate) fn prefers_libc(go_debug: Option<&[u8]>) -> bool {
    let mut settings = go_debug.unwrap_or_default().split(|&byte| byte == b',');
    settings.any(|setting| {
        setting
            .strip_prefix(b"netdns=")
            .is_some_and(|value| value.split(|&byte| byte == b'+').any(|part| part == b"cgo"))
    })
}

/// Returns which privileges the file gives that the caller does not have: ld.so then ignores the environment
/// (AT_SECURE).
fn of_privileges(path: &Path, caller: Caller) -> Option<Obstacle> {
    const GROUP_EXECUTES: u32 = 0o010;
    let status = path.metadata().ok()?;
    if gives_no_rights(path) {
        return None;
    }
    if !caller.no_new_privileges {
        if status.mode() & libc::S_ISUID != 0 && status.uid() != caller.user {
            return Some(Obstacle::SetUser);
        }
        // If the group cannot execute the file, the bit means mandatory locking.
        let takes_group = status.mode() & libc::S_ISGID != 0 && status.mode() & GROUP_EXECUTES != 0;
        if takes_group && status.gid() != caller.group {
            return Some(Obstacle::SetGroup);
        }
    }
    // root has all capabilities in any case.
    (caller.user != 0 && has_capabilities(path)).then_some(Obstacle::Capabilities)
}

/// Returns whether the file system is mounted `nosuid`.
fn gives_no_rights(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut status = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: a C string, and room for the result.
    if unsafe { libc::statvfs(path.as_ptr(), status.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: statvfs succeeded and filled it in.
    let status = unsafe { status.assume_init() };
    status.f_flag & libc::ST_NOSUID != 0
}

fn has_capabilities(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let name = c"security.capability";
    // SAFETY: two C strings; with a length of 0, nothing is written, and the size of the value is returned.
    unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) > 0 }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::process::elf;

    fn own() -> Elf {
        elf::read_elf(&std::env::current_exe().unwrap()).unwrap()
    }

    fn of(change: impl FnOnce(&mut Elf)) -> Option<Obstacle> {
        let library = own();
        let mut program = own();
        change(&mut program);
        of_kind(Path::new("/bin/x"), &program, &library, None)
    }

    #[test]
    fn the_kind_of_a_program_tells() {
        assert_eq!(of(|_| {}), None);
        assert_eq!(of(|program| program.interpreter = None), Some(Obstacle::Static));
        assert_eq!(of(|program| program.interpreter = Some("/lib/ld-musl-x86_64.so.1".into())), Some(Obstacle::Musl));
        let bionic = PathBuf::from("/system/bin/linker64");
        assert_eq!(
            of(|program| program.interpreter = Some(bionic.clone())),
            Some(Obstacle::OtherLoader(bionic.clone()))
        );
        assert_eq!(of(|program| program.go = Some(Go::Alone)), Some(Obstacle::Go(Go::Alone)));
        assert_eq!(of(|program| program.go = Some(Go::Libc)), None);
        let program = Elf { go: Some(Go::Chooses), ..own() };
        for (debug, expected) in [("", false), ("a=b,netdns=cgo+2", true), ("netdns=go", false), ("netdns=2+cgo", true)]
        {
            let found = of_kind(Path::new("/bin/x"), &program, &own(), Some(debug.as_bytes()));
            assert_eq!(found.is_none(), expected, "{debug}");
        }
        let loader = Elf { interpreter: None, ..own() };
        assert_eq!(of_kind(Path::new("/nowhere/ld-linux-x86-64.so.2"), &loader, &own(), None), None);
    }

    #[test]
    fn rights_that_the_caller_lacks_are_in_the_way() {
        let path = std::env::temp_dir().join(format!("nss-bypass-obstacle-{}", std::process::id()));
        fs::write(&path, "").unwrap();
        let status = path.metadata().unwrap();
        let me = Caller { user: status.uid(), group: status.gid(), no_new_privileges: false };
        let another = Caller { user: me.user + 1, group: me.group + 1, no_new_privileges: false };
        let found = |mode, caller| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            of_privileges(&path, caller)
        };
        if !gives_no_rights(&path) {
            assert_eq!(found(0o755, another), None);
            assert_eq!(found(0o4755, another), Some(Obstacle::SetUser));
            assert_eq!(found(0o4755, me), None);
            assert_eq!(found(0o4755, Caller { no_new_privileges: true, ..another }), None);
            assert_eq!(found(0o2755, another), Some(Obstacle::SetGroup));
            assert_eq!(found(0o2745, another), None);
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn each_says_why_and_what_would_work() {
        let machine = own().machine;
        for obstacle in [
            Obstacle::SetUser,
            Obstacle::SetGroup,
            Obstacle::Capabilities,
            Obstacle::Static,
            Obstacle::Musl,
            Obstacle::OtherLoader("/x".into()),
            Obstacle::OtherMachine { program: machine, library: machine },
            Obstacle::Go(Go::Alone),
            Obstacle::Go(Go::Chooses),
        ] {
            assert!(obstacle.to_string().starts_with("it is ") || obstacle.to_string().starts_with("it has "));
            assert!(!obstacle.fix().is_empty());
        }
    }
}
