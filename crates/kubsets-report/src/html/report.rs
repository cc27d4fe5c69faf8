//! The page of one run.

use maud::html;

use super::block::{caption, section};
use super::head::{command, head};
use super::page::page;
use crate::story::Story;
use crate::svg::{self, Width};

/// A report as a page of its own.
pub fn report(story: &Story) -> String {
    let timeline = &story.timeline;
    let body = html! {
        (head(story))
        @if timeline.seconds > 0.0 {
            section #timeline {
                h2 { "What happened when" }
                figure.full {
                    (caption("Everything on one clock, in seconds of the run", "", &html! {}))
                    @for width in [Width::Wide, Width::Narrow] { (svg::timeline(timeline, width)) }
                    @for chart in timeline.charts.iter().filter(|chart| !chart.note.is_empty()) {
                        p.note { b { (chart.title) ": " } (chart.note) }
                    }
                }
            }
        }
        @for one in &story.sections { (section(one, timeline.seconds)) }
        @if story.commands.len() > 1 {
            section {
                h2 { "Commands" }
                div.commands { @for one in &story.commands { (command(one)) } }
            }
        }
    };
    page(&format!("{} {}: {}", story.verdict.tone.sign(), story.verdict.word, story.title), &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::{hostile, story};

    /// The most that a page may be, in bytes.
    const LIMIT: usize = 1 << 20;

    #[test]
    fn the_page_has_everything_and_needs_nothing() {
        let story = story();
        let page = report(&story);
        for text in [&story.title, &story.verdict.word, &story.run, &story.commands[0].line] {
            assert!(page.contains(text.as_str()), "{text}");
        }
        for section in &story.sections {
            assert!(page.contains(&section.title));
        }
        for outside in ["src=", "href=", "@import", "http://", "https://", "url(h", "NaN", "inf "] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.len() < LIMIT, "{}", page.len());
    }

    #[test]
    fn hostile_values_stay_text() {
        let (story, words) = hostile();
        let page = report(&story);
        assert!(page.matches(words).count() == 0, "unescaped");
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(page.matches("<img").count(), 0);
        assert!(page.matches("&lt;/script&gt;").count() > 20);
        // No attribute is left by a quote: every quote of the words is escaped.
        assert!(!page.contains("\"' onload="));
    }

    #[test]
    fn an_empty_story_is_a_page() {
        let mut story = story();
        story.timeline = crate::Timeline::default();
        story.sections.clear();
        story.commands.clear();
        story.numbers.clear();
        assert!(report(&story).contains(&story.reason));
    }
}
