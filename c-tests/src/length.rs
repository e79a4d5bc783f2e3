//! How much of everything there is to be: `NSS_BYPASS_SOAK`, which `scripts/soak` sets.

use std::env;

/// The test command has seconds, the soak's two forms have minutes and more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Length {
    /// `scripts/test`
    Test,
    /// `scripts/soak --quick`
    Quick,
    /// `scripts/soak`
    Full,
}

/// What was asked for.
pub fn length() -> Length {
    match env::var("NSS_BYPASS_SOAK").as_deref() {
        Ok("full") => Length::Full,
        Ok(_) => Length::Quick,
        Err(_) => Length::Test,
    }
}

/// So many for each length.
pub fn many<T>(test: T, quick: T, full: T) -> T {
    match length() {
        Length::Test => test,
        Length::Quick => quick,
        Length::Full => full,
    }
}
