//! The rows of `explain`: the answer of each source, which is shown as soon as it is known.

use std::io::IsTerminal;

use crate::diagnose::examine::Event;
use crate::diagnose::sources::{Outcome, Reply, Source};
use crate::ui::screen::{Node, Progress, Style, show};

/// The answers of the sources.
#[derive(Default)]
pub(crate) struct Table {
    sources: Vec<Source>,
    replies: Vec<Option<Reply>>,
    shown: Vec<bool>,
    progress: Option<Progress>,
}

impl Table {
    pub(crate) fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Sources(sources) => {
                self.sources = sources.to_vec();
                self.replies = vec![None; sources.len()];
                self.shown = vec![false; sources.len()];
                show(&Node::styled(Style::Title, "answers").branch());
            }
            Event::Reply(number, reply) => {
                if let Some(place) = self.replies.get_mut(number) {
                    *place = Some(reply.clone());
                }
                self.show_known(self.progress.is_some());
            }
            Event::Waiting(sources, time) => {
                self.show_known(true);
                if !sources.is_empty() {
                    let progress = self.progress.get_or_insert_with(Progress::new);
                    progress.show(&sources.join(", "), time.as_secs());
                }
            }
        }
    }

    /// Shows the rows that are known and have not been shown: in order during the first second, and then, on a
    /// terminal, as they arrive.
    fn show_known(&mut self, is_late: bool) {
        let as_they_come = is_late && std::io::stdout().is_terminal();
        for number in 0..self.replies.len() {
            match self.replies.get(number) {
                Some(Some(_)) if self.shown.get(number) == Some(&true) => {}
                Some(Some(reply)) => {
                    let row = self.row(reply);
                    self.show_row(number, &row);
                }
                _ if as_they_come => {}
                _ => return,
            }
        }
    }

    fn show_row(&mut self, number: usize, row: &Node) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if let Some(shown) = self.shown.get_mut(number) {
            *shown = true;
        }
        show(&row.twig(self.shown.iter().all(|shown| *shown)));
    }

    /// Shows the remaining rows, of sources that have not answered in time.
    pub(crate) fn finish(&mut self, replies: &[Reply]) {
        for (number, reply) in replies.iter().enumerate() {
            if self.shown.get(number) == Some(&false) {
                let row = self.row(reply);
                self.show_row(number, &row);
            }
        }
    }

    fn row(&self, reply: &Reply) -> Node {
        const ANSWER: usize = 18;
        let width = self.sources.iter().map(|source| source.to_string().chars().count()).max().unwrap_or(0);
        let beside: Vec<String> = reply.time().into_iter().chain(reply.note.clone()).collect();
        let (source, answer) = (reply.source.to_string(), reply.answer.to_string());
        let row = format!("{source:width$}  {answer:ANSWER$}  {}", beside.join(", "));
        let style = match &reply.answer {
            Outcome::Found { .. } => Style::Good,
            Outcome::NotFound { .. } => Style::Plain,
            Outcome::Failed { .. } => Style::Bad,
            Outcome::Unasked { .. } => Style::Faint,
        };
        Node::styled(style, row.trim_end())
    }
}
