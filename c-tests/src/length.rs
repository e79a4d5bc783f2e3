//! The numbers of repetitions, which depend on `NSS_BYPASS_SOAK` (set by `scripts/soak`).

use std::env;

/// Tests take seconds. The two modes of the soak test take minutes or more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Length {
    /// `scripts/test`
    Test,
    /// `scripts/soak --quick`
    Quick,
    /// `scripts/soak`
    Full,
}

/// The requested length.
pub fn length() -> Length {
    match env::var("NSS_BYPASS_SOAK").as_deref() {
        Ok("full") => Length::Full,
        Ok(_) => Length::Quick,
        Err(_) => Length::Test,
    }
}

/// Selects the value for the requested length.
pub fn many<T>(test: T, quick: T, full: T) -> T {
    match length() {
        Length::Test => test,
        Length::Quick => quick,
        Length::Full => full,
    }
}
