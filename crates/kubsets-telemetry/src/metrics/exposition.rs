//! The two text forms of metrics.

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as text with their media type.
#[derive(Debug, Clone)]
pub struct Exposition {
    /// Media type of the text.
    pub content_type: &'static str,
    /// The metrics.
    pub text: String,
}

impl Exposition {
    /// Keeps `OpenMetrics` for those who accept it; others get the older form, which knows neither
    /// exemplars nor units nor an end mark.
    pub(super) fn negotiate(openmetrics: String, accept: Option<&str>) -> Self {
        if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            return Self { content_type: OPENMETRICS, text: openmetrics };
        }
        let mut text = String::with_capacity(openmetrics.len());
        for line in openmetrics.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
            push_plain(&mut text, line);
            text.push('\n');
        }
        Self { content_type: PLAIN, text }
    }
}

fn push_plain(text: &mut String, line: &str) {
    // The older form names a counter with its suffix also in the comments.
    if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
        text.push_str("# TYPE ");
        text.push_str(name);
        text.push_str("_total counter");
    } else if line.starts_with('#') {
        text.push_str(line);
    } else {
        // ` # {` starts an exemplar; inside label values a quote would have to come before it.
        text.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_openmetrics_words() {
        let open =
            "# HELP a A.\n# TYPE a counter\n# UNIT a seconds\na_total 1 # {trace_id=\"x\"} 1.0\n# EOF\n";
        let plain = Exposition::negotiate(open.to_owned(), Some("text/plain"));
        assert_eq!(plain.text, "# HELP a A.\n# TYPE a_total counter\na_total 1\n");
        assert!(plain.content_type.starts_with("text/plain"));
        let kept = Exposition::negotiate(open.to_owned(), Some("application/openmetrics-text"));
        assert_eq!(kept.text, open);
    }
}
