//! The top of a report: verdict, reason, numbers, and the command that repeats it.

use maud::{Markup, html};

use crate::story::{Command, Number, Story, Tone, Unit};

/// Class of a tone in the style sheet.
pub(super) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Plain => "plain",
    }
}

/// Everything that is seen without scrolling.
pub(super) fn head(story: &Story) -> Markup {
    html! {
        header {
            p.run { "kubsets report · run " b { (story.run) } (when(story)) }
            h1 { (story.title) }
            @if let Some(question) = &story.question { p.question { (question) } }
            (verdict(story))
            @if !story.numbers.is_empty() { div #numbers .numbers { @for one in &story.numbers { (number(one)) } } }
            @if let Some(first) = story.commands.first() { div #repeat { (command(first)) } }
        }
    }
}

/// Word, meaning and reason.
pub(super) fn verdict(story: &Story) -> Markup {
    let verdict = &story.verdict;
    html! {
        div class={ "verdict " (tone(verdict.tone)) } {
            p #verdict .word {
                @if !verdict.tone.sign().is_empty() { span.sign aria-hidden="true" { (verdict.tone.sign()) } " " }
                (verdict.word) " " span.meaning { (verdict.meaning) }
            }
            p #reason .reason { (story.reason) }
        }
    }
}

/// Start and length.
pub(super) fn when(story: &Story) -> Markup {
    html! {
        @if let Some(at) = &story.started_at {
            " · " time datetime=(at) { (at.get(..19).unwrap_or(at).replace('T', " ")) " UTC" }
        }
        @if let Some(seconds) = story.seconds { " · " (Unit::Seconds.text(seconds)) }
    }
}

fn number(number: &Number) -> Markup {
    html! {
        div class={ "number " (tone(number.tone)) } {
            p.label { (number.label) }
            p.value {
                (number.value)
                @if !number.tone.sign().is_empty() { span.sign { (number.tone.sign()) } }
            }
            p.note { (number.note) }
        }
    }
}

/// A command with a button that copies it.
pub(super) fn command(command: &Command) -> Markup {
    html! {
        div.command {
            span.purpose { (command.purpose) }
            code { (command.line) }
            button type="button" data-copy=(command.line) hidden { "Copy" }
        }
    }
}
