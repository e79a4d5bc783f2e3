//! One thing that `doctor` looked at.

use std::borrow::Cow;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ui::screen::{Node, Style};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Good,
    /// Nothing is wrong, but it is worth knowing.
    Note,
    Unknown,
    Trouble,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Which check it is of.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    pub(crate) what: String,
    pub(crate) why: Option<Cow<'static, str>>,
    /// What to type.
    pub(crate) fix: Vec<String>,
    topic: Option<String>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 6)?;
        fields.serialize_field("check", self.check)?;
        fields.serialize_field("state", &self.state)?;
        fields.serialize_field("what", &self.what)?;
        fields.serialize_field("why", &self.why)?;
        fields.serialize_field("fix", &self.fix)?;
        fields.serialize_field("mend", &self.fix)?; // Its older name.
        fields.end()
    }
}

impl Finding {
    pub(crate) fn new(check: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { check, state, what: what.into(), why: None, fix: Vec::new(), topic: None }
    }

    pub(crate) fn why(self, why: &'static str) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    pub(crate) fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// What to call it above the lines of its fix.
    pub(crate) fn about(self, topic: String) -> Self {
        Self { topic: Some(topic), ..self }
    }

    pub(crate) fn topic(&self) -> &str {
        self.topic.as_deref().unwrap_or(self.check)
    }

    pub(crate) fn is_fine(&self) -> bool {
        matches!(self.state, State::Good | State::Note)
    }

    /// Whether people are told the lines: of what is wrong only.
    pub(crate) fn has_shown_fix(&self) -> bool {
        !self.is_fine() && !self.fix.is_empty()
    }

    pub(crate) fn node(&self) -> Node {
        let (mark, style) = match self.state {
            State::Good => ("ok", Style::Good),
            State::Note => ("note", Style::Plain),
            State::Unknown => ("cannot tell", Style::Unsure),
            State::Trouble => ("trouble", Style::Bad),
        };
        let why = self.why.iter().map(|why| Node::new(format!("why: {why}")));
        let fix = self.has_shown_fix().then(|| Node::new("fix: below"));
        Node::styled(style, format!("{mark}: {}", self.what)).with(why).with(fix)
    }
}
