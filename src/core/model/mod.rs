//! The vocabulary: plain data types that all layers share.

mod answer;
mod diagnostic;
mod miss;
pub mod name;
mod subject;

pub use answer::{Address, Answer, Family, Source};
pub use diagnostic::Diagnostic;
pub use miss::{Failure, Miss, Status};
pub use name::Name;
pub use subject::Subject;
