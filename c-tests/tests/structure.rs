//! The structure of the sources: no import cycles, short functions without deep nesting, and fault points only in code
//! that can leave inconsistent state. The files are parsed, and nothing is built or run. Code for tests is ignored.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use c_tests::artefacts::home;
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Block, ExprMatch, Ident, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Macro, Signature, UseTree,
    Visibility,
};

/// The root files of the crates.
const CORE: &str = "src/core/lib.rs";
const PRELOAD: &str = "src/preload/lib.rs";
const CLI: &str = "src/cli/main.rs";

/// Functions must have fewer lines than this, from `fn` to the closing brace.
const LINES: usize = 60;

/// The nesting depth of blocks must be less than this; see `Nesting`.
const DEPTH: usize = 5;

/// Prefixes of the paths of all files that have state, allocate memory, or make system calls. In other code, a panic
/// cannot leave inconsistent state.
const MAY_HAVE_FAULT_POINTS: [&str; 8] = [
    "src/core/cache/",
    "src/core/sys/",
    "src/core/tables/mod",
    "src/preload/idn",
    "src/preload/layout",
    "src/preload/log",
    "src/preload/memory",
    "src/preload/state",
];

// ---- Reading ----

/// A parsed file of a crate.
struct Source {
    /// Relative to the top of the repository.
    path: PathBuf,
    /// The path of the module: `["dns", "exchange"]`.
    module: Vec<String>,
    syntax: syn::File,
}

/// The files of a crate, as declared by its `mod` items, except tests.
fn sources(root: &str) -> Vec<Source> {
    let mut found = Vec::new();
    read(PathBuf::from(root), Vec::new(), &mut found);
    assert!(found.len() > 5, "{root} has only {} files", found.len());
    found
}

fn read(path: PathBuf, module: Vec<String>, found: &mut Vec<Source>) {
    let shown = path.display();
    let text = fs::read_to_string(home().join("..").join(&path)).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{shown}: {error}"));
    for item in &syntax.items {
        let Item::Mod(declared @ ItemMod { content: None, .. }) = item else { continue };
        if !is_for_tests(&declared.attrs) {
            let name = declared.ident.to_string();
            read(file_of(&path, &name), [&module[..], &[name]].concat(), found);
        }
    }
    found.push(Source { path, module, syntax });
}

/// The file of a module, relative to the file that declares it.
fn file_of(declared_in: &Path, name: &str) -> PathBuf {
    let below = match declared_in.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => declared_in.with_file_name(name),
        _ => declared_in.with_extension("").join(name),
    };
    let file = below.with_extension("rs");
    if home().join("..").join(&file).exists() { file } else { below.join("mod.rs") }
}

/// Whether an item exists only in builds for tests.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg_test = || attribute.parse_args::<Ident>().is_ok_and(|word| word == "test");
        attribute.path().is_ident("test") || (attribute.path().is_ident("cfg") && is_cfg_test())
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

// ---- Paths ----

/// A path in the code, such as `["super", "exchange", "ask"]`, and its line.
struct Named {
    words: Vec<String>,
    line: usize,
    /// The number of enclosing inline modules, to which the first `super` refer.
    depth: usize,
}

/// All paths in a file: in `use` items, in the code, and in the arguments of macros.
#[derive(Default)]
struct Paths {
    found: Vec<Named>,
    /// `pub use` in lib.rs or mod.rs re-exports names, and is not counted as a use.
    skips_re_exports: bool,
    depth: usize,
}

impl Paths {
    fn of(source: &Source) -> Vec<Named> {
        let is_re_exporter = source.path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        let mut paths = Self { skips_re_exports: is_re_exporter, ..Self::default() };
        paths.visit_file(&source.syntax);
        paths.found
    }

    fn push(&mut self, words: Vec<String>, line: usize) {
        self.found.push(Named { words, line, depth: self.depth });
    }

    fn push_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |word: &Ident| [before, &[word.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.push_tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.push_tree(before, tree)),
            UseTree::Name(name) => self.push(with(&name.ident), name.span().start().line),
            UseTree::Rename(name) => self.push(with(&name.ident), name.span().start().line),
            UseTree::Glob(glob) => self.push(before.to_vec(), glob.span().start().line),
        }
    }

    /// Words separated by "::" anywhere in the tokens. A single word, as in `pub(crate)`, is not a path.
    fn push_tokens(&mut self, tokens: TokenStream) {
        let (mut words, mut line, mut colons) = (Vec::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !words.is_empty() => colons += 1,
                TokenTree::Ident(word) if colons == 2 => {
                    words.push(word.to_string());
                    colons = 0;
                }
                other => {
                    self.push_longer(std::mem::take(&mut words), line);
                    colons = 0;
                    line = other.span().start().line;
                    match other {
                        TokenTree::Ident(word) => words.push(word.to_string()),
                        TokenTree::Group(group) => self.push_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.push_longer(words, line);
    }

    fn push_longer(&mut self, words: Vec<String>, line: usize) {
        if words.len() > 1 {
            self.push(words, line);
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, inline: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, inline);
        self.depth -= 1;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, line: &'ast ItemUse) {
        if !self.skips_re_exports || matches!(line.vis, Visibility::Inherited) {
            self.push_tree(&[], &line.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.push(words, path.span().start().line);
        visit::visit_path(self, path);
    }

    /// `pub(super)` is not a use.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.push_tokens(call.tokens.clone());
    }
}

// ---- Imports ----

/// The file of the crate that a path refers to, if any: the longest prefix of the path that is a file.
fn target(sources: &[Source], from: &Source, named: &Named) -> Option<usize> {
    let is_child = |word: &str| {
        let parts = |source: &Source| {
            source.module.split_last().is_some_and(|(last, above)| last == word && above == from.module)
        };
        sources.iter().any(parts)
    };
    let mut words = named.words.iter().map(String::as_str).peekable();
    let mut module: Vec<&str> = from.module.iter().map(String::as_str).collect();
    match words.peek().copied()? {
        "crate" => {
            words.next();
            module.clear();
        }
        "self" => {
            words.next();
        }
        "super" => {
            let mut inline = named.depth;
            while words.next_if(|word| *word == "super").is_some() {
                if inline == 0 {
                    module.pop();
                }
                inline = inline.saturating_sub(1);
            }
        }
        first if named.words.len() > 1 && is_child(first) => {}
        _ => return None,
    }
    let index_of = |module: &[&str]| sources.iter().position(|source| source.module == module);
    let mut found = index_of(&module);
    for word in words {
        module.push(word);
        match index_of(&module) {
            Some(index) => found = Some(index),
            None => break,
        }
    }
    found
}

/// The imports of each file: pairs of indices, with the line of the first such import.
fn imports(sources: &[Source]) -> Vec<(usize, usize, usize)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        for named in Paths::of(source) {
            let Some(target) = target(sources, source, &named) else { continue };
            if target != index && seen.insert((index, target)) {
                found.push((index, target, named.line));
            }
        }
    }
    found
}

/// For each file, all files that can be reached through imports.
fn reached(count: usize, imports: &[(usize, usize, usize)]) -> Vec<BTreeSet<usize>> {
    let mut reached = vec![BTreeSet::new(); count];
    for (index, here) in reached.iter_mut().enumerate() {
        let mut open = vec![index];
        while let Some(from) = open.pop() {
            let next = imports.iter().filter(|import| import.0 == from).map(|import| import.1);
            open.extend(next.filter(|to| here.insert(*to)));
        }
    }
    reached
}

/// The import cycles of a crate, each with its files and the imports between them.
fn cycles(root: &str) -> Vec<String> {
    let sources = sources(root);
    let imports = imports(&sources);
    assert!(imports.len() > sources.len(), "{root}: only {} imports", imports.len());
    let reached = reached(sources.len(), &imports);
    let mut cycles = BTreeSet::new();
    for index in 0..sources.len() {
        let cycle: BTreeSet<usize> =
            reached[index].iter().copied().filter(|other| reached[*other].contains(&index)).collect();
        if cycle.len() > 1 {
            cycles.insert(cycle);
        }
    }
    let shown = |index: usize| sources[index].path.display();
    let describe = |cycle: &BTreeSet<usize>| {
        let files: Vec<String> = cycle.iter().map(|index| shown(*index).to_string()).collect();
        let inside = imports.iter().filter(|(from, to, _)| cycle.contains(from) && cycle.contains(to));
        let lines: String =
            inside.map(|(from, to, line)| format!("\n    {}:{line}: {}", shown(*from), shown(*to))).collect();
        format!("{} files import each other: {}{lines}", files.len(), files.join(", "))
    };
    cycles.iter().map(describe).collect()
}

#[test]
fn core_has_no_import_cycle() {
    none(&cycles(CORE));
}

#[test]
fn preload_has_no_import_cycle() {
    none(&cycles(PRELOAD));
}

#[test]
fn the_command_has_no_import_cycle() {
    none(&cycles(CLI));
}

// ---- Functions ----

/// The nesting depth of blocks in a body. A level is an indentation by rustfmt at the beginning of a block: of `if`,
/// `else`, `while`, `for`, `loop`, `unsafe`, `let ... else`, a closure, or a block on its own; the arms of a `match`;
/// and the block of an arm. `else if` has the same depth as its `if`. Code on one line does not count as a level, and
/// neither do the fields of a structure, the elements of an array, and wrapped arguments. Items within a function are
/// counted separately.
#[derive(Default)]
struct Nesting {
    current: usize,
    deepest: usize,
}

impl Nesting {
    fn of(body: &Block) -> usize {
        let mut nesting = Self::default();
        body.stmts.iter().for_each(|statement| nesting.visit_stmt(statement));
        nesting.deepest
    }

    fn within(&mut self, is_level: bool, visit: impl FnOnce(&mut Self)) {
        self.current += usize::from(is_level);
        self.deepest = self.deepest.max(self.current);
        visit(self);
        self.current -= usize::from(is_level);
    }
}

/// Whether an element extends over several lines.
fn has_lines(spanned: &impl Spanned) -> bool {
    let span = spanned.span();
    span.start().line != span.end().line
}

impl<'ast> Visit<'ast> for Nesting {
    fn visit_block(&mut self, block: &'ast Block) {
        self.within(has_lines(block), |nesting| visit::visit_block(nesting, block));
    }

    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        self.visit_expr(&expression.expr);
        let visit_arms = |nesting: &mut Self| expression.arms.iter().for_each(|arm: &Arm| nesting.visit_arm(arm));
        self.within(has_lines(expression), visit_arms);
    }

    fn visit_item(&mut self, _: &'ast Item) {}
}

/// Problems of the functions in a file.
struct Functions<'a> {
    source: &'a Source,
    count: usize,
    faults: Vec<String>,
}

impl Functions<'_> {
    fn look_at(&mut self, signature: &Signature, body: &Block) {
        self.count += 1;
        let begin = signature.fn_token.span.start().line;
        let lines = body.span().end().line - begin + 1;
        let depth = Nesting::of(body);
        let place = format!("{}:{begin}: {}", self.source.path.display(), signature.ident);
        if lines >= LINES {
            self.faults.push(format!("{place} has {lines} lines"));
        }
        if depth >= DEPTH {
            self.faults.push(format!("{place} nests {depth} deep"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.look_at(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            self.look_at(&function.sig, &function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.look_at(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn functions_are_short_and_flat() {
    let (mut count, mut faults) = (0, Vec::new());
    for source in [CORE, PRELOAD, CLI].into_iter().flat_map(sources) {
        let mut functions = Functions { source: &source, count: 0, faults: Vec::new() };
        functions.visit_file(&source.syntax);
        count += functions.count;
        faults.append(&mut functions.faults);
    }
    assert!(count > 300, "only {count} functions");
    none(&faults);
}

#[test]
fn nesting_is_counted_as_defined() {
    for (depth, body) in [
        (0, "{ call(\n Point {\n x: [\n 1,\n ],\n },\n ) }"),
        (0, "{ if one { two } else { three } }"),
        (1, "{ if one {\n two\n } else if three {\n four\n } else {\n five\n } }"),
        (1, "{ match one {\n Two => three,\n } }"),
        (2, "{ match one {\n Two => {\n three\n }\n } }"),
        (2, "{ each(|one| {\n let Some(two) = one else {\n return\n };\n }) }"),
        (3, "{ loop {\n unsafe {\n while one {\n two\n }\n }\n } }"),
        (0, "{ fn inside() {\n if one {\n two\n }\n } }"),
    ] {
        assert_eq!(Nesting::of(&syn::parse_str(body).unwrap()), depth, "{body}");
    }
}

// ---- Fault points ----

#[test]
fn fault_points_are_only_in_code_that_can_leave_inconsistent_state() {
    let mut count = 0;
    let mut faults = BTreeSet::new();
    for source in [CORE, PRELOAD, CLI].into_iter().flat_map(sources) {
        let is_point = |named: &&Named| named.words.ends_with(&["fault".to_owned(), "point".to_owned()]);
        let path = source.path.to_str().expect("a UTF-8 path");
        let may = MAY_HAVE_FAULT_POINTS.iter().any(|beginning| path.starts_with(beginning));
        let points = Paths::of(&source);
        for point in points.iter().filter(is_point) {
            count += 1;
            if !may {
                faults.insert(format!("{path}:{}", point.line));
            }
        }
    }
    assert!(count > 0, "there are no fault points");
    none(&faults.into_iter().collect::<Vec<_>>());
}
