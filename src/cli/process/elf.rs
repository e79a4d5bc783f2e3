//! The properties of a program or a library that determine whether one can be loaded into the other.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{ElfFile, ElfFile32, ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSection, ObjectSymbol, ReadCache, ReadRef};

/// The functions of libc that look up hosts.
const LOOKUPS: [&str; 9] = [
    "getaddrinfo",
    "getaddrinfo_a",
    "gethostbyname",
    "gethostbyname2",
    "gethostbyname_r",
    "gethostbyname2_r",
    "gethostbyaddr",
    "gethostbyaddr_r",
    "getnameinfo",
];

/// The machine and class of ELF files: a program and its libraries have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    machine: u16,
    is_64: bool,
    is_little_endian: bool,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match elf::Machine(self.machine) {
            elf::EM_386 => "i386",
            elf::EM_X86_64 if self.is_64 => "x86-64",
            elf::EM_X86_64 => "x32",
            elf::EM_AARCH64 => "aarch64",
            elf::EM_ARM => "arm",
            elf::EM_RISCV => "riscv",
            elf::EM_PPC64 => "ppc64",
            elf::EM_S390 => "s390x",
            elf::EM_MIPS => "mips",
            elf::EM_LOONGARCH => "loongarch",
            _ => "",
        };
        match name {
            "" => write!(f, "machine {}", self.machine)?,
            name => f.write_str(name)?,
        }
        write!(f, ", {} bits", if self.is_64 { 64 } else { 32 })
    }
}

/// How a Go program resolves names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    /// Always with its own resolver: it was built without cgo, or with `netgo`.
    Alone,
    /// Usually with its own resolver, and with libc if GODEBUG has `netdns=cgo`.
    Chooses,
    /// With libc: it was built with `netcgo`.
    Libc,
}

/// An ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elf {
    /// What can run it.
    pub(crate) machine: Machine,
    /// The dynamic linker (PT_INTERP); `None` in a static program and in most libraries.
    pub(crate) interpreter: Option<PathBuf>,
    /// Whether it is a shared object (ET_DYN), as libraries and position-independent programs are.
    pub(crate) is_shared: bool,
    /// How it resolves names, if it is a Go program.
    pub(crate) go: Option<Go>,
    /// Whether it calls libc's lookup functions itself. If not, one of its libraries may do so.
    pub(crate) asks_libc: bool,
    /// The libraries that it is linked against (DT_NEEDED).
    pub(crate) needed: Vec<String>,
    /// Whether it defines lookup functions, as libc and libraries to be preloaded do.
    pub(crate) defines_lookups: bool,
}

impl Elf {
    /// Returns whether its dynamic linker is musl's.
    pub(crate) fn is_musl(&self) -> bool {
        self.loader_begins_with("ld-musl")
    }

    /// Returns whether its dynamic linker is glibc's, the only one that resolves the library's symbols.
    pub(crate) fn is_glibc(&self) -> bool {
        ["ld-linux", "ld64.so", "ld.so"].iter().any(|begin| self.loader_begins_with(begin))
    }

    fn loader_begins_with(&self, begin: &str) -> bool {
        let name = self.interpreter.as_deref().and_then(Path::file_name);
        name.is_some_and(|name| name.as_bytes().starts_with(begin.as_bytes()))
    }
}

/// What execve(2) finds in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A program or a library.
    Elf(Elf),
    /// A script with an interpreter (`#!`).
    Script {
        /// Its path.
        interpreter: PathBuf,
        /// The rest of the line, as one argument.
        argument: Option<Vec<u8>>,
    },
    /// Anything else. A shell, and execvp(3), run it with /bin/sh.
    Text,
}

/// The maximum length of a `#!` line in bytes (the kernel's BINPRM_BUF_SIZE).
const LINE: usize = 256;

/// Determines what a file is. A malformed ELF file is an error of the kind `InvalidData`.
pub(crate) fn read(path: &Path) -> io::Result<Form> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let cache = ReadCache::new(file);
    let head = (&cache).read_bytes_at(0, size.min(LINE as u64)).unwrap_or_default();
    if let Some(line) = head.strip_prefix(b"#!") {
        return Ok(script(line));
    }
    if !head.starts_with(&elf::ELFMAG) {
        return Ok(Form::Text);
    }
    let wrong = |error: object::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    match FileKind::parse(&cache).map_err(wrong)? {
        FileKind::Elf32 => describe(&ElfFile32::parse(&cache).map_err(wrong)?, &cache).map_err(wrong),
        FileKind::Elf64 => describe(&ElfFile64::parse(&cache).map_err(wrong)?, &cache).map_err(wrong),
        _ => Ok(Form::Text),
    }
}

/// Reads an ELF file; any other file is an error.
pub(crate) fn read_elf(path: &Path) -> io::Result<Elf> {
    match read(path)? {
        Form::Elf(elf) => Ok(elf),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not an ELF file")),
    }
}

fn script(line: &[u8]) -> Form {
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
    let (interpreter, argument) = match line.iter().position(u8::is_ascii_whitespace) {
        Some(end) => line.split_at_checked(end).unwrap_or_default(),
        None => (line, &[][..]),
    };
    let argument = argument.trim_ascii_start();
    Form::Script {
        interpreter: Path::new(std::ffi::OsStr::from_bytes(interpreter)).to_owned(),
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    }
}

fn describe<'data, H, R>(file: &ElfFile<'data, H, R>, data: R) -> object::Result<Form>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let (header, endian) = (file.elf_header(), file.endian());
    let mut interpreter = None;
    for segment in file.elf_program_headers() {
        if let Some(path) = segment.interpreter(endian, data)? {
            interpreter = Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)));
        }
    }
    let (mut asks_libc, mut defines_lookups) = (false, false);
    for symbol in file.dynamic_symbols() {
        if symbol.name().is_ok_and(|name| LOOKUPS.contains(&name)) {
            asks_libc |= symbol.is_undefined();
            defines_lookups |= symbol.is_definition();
        }
    }
    Ok(Form::Elf(Elf {
        machine: Machine {
            machine: header.e_machine(endian).0,
            is_64: header.is_class_64(),
            is_little_endian: header.is_little_endian(),
        },
        interpreter,
        is_shared: header.e_type(endian) == elf::ET_DYN,
        go: go(file, asks_libc),
        asks_libc,
        needed: needed(file)?,
        defines_lookups,
    }))
}

fn needed<'data, H, R>(file: &ElfFile<'data, H, R>) -> object::Result<Vec<String>>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let table = file.elf_dynamic_table()?;
    let needed = table.iter().filter(|entry| entry.tag == elf::DT_NEEDED);
    needed.map(|entry| table.string(entry).map(|name| String::from_utf8_lossy(name).into_owned())).collect()
}

fn go<'data, H, R>(file: &ElfFile<'data, H, R>, asks_libc: bool) -> Option<Go>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let facts = file.section_by_name(".go.buildinfo");
    if facts.is_none() && file.section_by_name(".note.go.buildid").is_none() {
        return None;
    }
    let facts = facts.and_then(|section| section.data().ok()).unwrap_or_default();
    Some(match () {
        () if !asks_libc => Go::Alone,
        () if has_tag(facts, "netcgo") => Go::Libc,
        () => Go::Chooses,
    })
}

/// Returns whether a Go program was built with this tag, according to its line "build\t-tags=one,other".
fn has_tag(facts: &[u8], tag: &str) -> bool {
    let lines = facts.split(|&byte| byte == b'\n');
    let tags = lines.filter_map(|line| line.strip_prefix(b"build\t-tags="));
    tags.flat_map(|tags| tags.split(|&byte| byte == b',')).any(|one| one == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter_and_one_argument() {
        let form = |line: &[u8]| match script(line) {
            Form::Script { interpreter, argument } => (interpreter.display().to_string(), argument),
            other => panic!("{other:?}"),
        };
        assert_eq!(form(b"/bin/sh\necho"), ("/bin/sh".to_owned(), None));
        assert_eq!(form(b" /usr/bin/env  python3 -E \n"), ("/usr/bin/env".to_owned(), Some(b"python3 -E".to_vec())));
        assert_eq!(form(b"\n"), (String::new(), None));
    }

    #[test]
    fn this_test_is_a_program_of_glibc() {
        let own = read_elf(&std::env::current_exe().unwrap()).unwrap();
        assert!(own.is_glibc() && !own.is_musl() && own.go.is_none() && !own.defines_lookups, "{own:?}");
        assert_eq!(own.machine.is_64, cfg!(target_pointer_width = "64"));
    }

    #[test]
    fn what_is_no_program_says_so() {
        let path = std::env::temp_dir().join(format!("nss-bypass-elf-{}", std::process::id()));
        for (content, expected) in [(&b""[..], "text"), (b"echo x", "text"), (b"\x7fELF\x02\x01\x01junk", "error")] {
            std::fs::write(&path, content).unwrap();
            match read(&path) {
                Ok(form) => assert!(expected == "text" && form == Form::Text, "{form:?}"),
                Err(error) => assert!(expected == "error" && error.kind() == io::ErrorKind::InvalidData, "{error}"),
            }
            assert!(read_elf(&path).is_err());
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_tags_of_a_go_program_are_read() {
        assert!(has_tag(b"path\tx\nbuild\t-tags=a,netcgo\n", "netcgo"));
        assert!(!has_tag(b"build\t-tags=netcgox\nnetcgo\n", "netcgo"));
    }
}
