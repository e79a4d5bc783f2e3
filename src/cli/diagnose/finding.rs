//! A finding of `doctor`.

use std::borrow::Cow;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ui::screen::{Node, Style};

/// Its severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Good,
    /// There is no problem, but the user should know it.
    Note,
    Unknown,
    Trouble,
}

/// A finding.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// The check that resulted in it.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    pub(crate) what: String,
    pub(crate) why: Option<Cow<'static, str>>,
    /// Commands that fix it.
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

    /// Sets the topic, which is shown above the commands of the fix.
    pub(crate) fn about(self, topic: String) -> Self {
        Self { topic: Some(topic), ..self }
    }

    pub(crate) fn topic(&self) -> &str {
        self.topic.as_deref().unwrap_or(self.check)
    }

    pub(crate) fn is_fine(&self) -> bool {
        matches!(self.state, State::Good | State::Note)
    }

    /// Returns whether the commands are shown, which is so for problems only.
    pub(crate) fn has_shown_fix(&self) -> bool {
        !self.is_fine() && !self.fix.is_empty()
    }

    pub(crate) fn node(&self) -> Node {
        let (mark, style) = match self.state {
            State::Good => ("ok", Style::Good),
            State::Note => ("note", Style::Plain),
            State::Unknown => ("unknown", Style::Unsure),
            State::Trouble => ("problem", Style::Bad),
        };
        let why = self.why.iter().map(|why| Node::new(format!("why: {why}")));
        let fix = self.has_shown_fix().then(|| Node::new("fix: below"));
        Node::styled(style, format!("{mark}: {}", self.what)).with(why).with(fix)
    }
}
