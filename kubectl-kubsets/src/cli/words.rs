//! Command lines as a person types them.

use super::AS_PLUGIN;

/// Options whose values may be secret: the name of a header is kept, its value is not.
const HEADER: [&str; 2] = ["-H", "--header"];

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=,%@+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command line of this process, as the plugin is called, without the values of headers.
pub(crate) fn typed() -> String {
    command(std::env::args().skip(1))
}

fn command(words: impl Iterator<Item = String>) -> String {
    let mut line = AS_PLUGIN.to_owned();
    let mut is_header = false;
    for word in words {
        let joined = word.strip_prefix("-H").filter(|header| !header.is_empty());
        let shown = match (word.split_once('='), joined) {
            (Some((option, value)), _) if HEADER.contains(&option) => {
                format!("{option}={}", without_value(value))
            }
            (_, Some(header)) => format!("-H{}", without_value(header)),
            _ if is_header => without_value(&word),
            _ => word.clone(),
        };
        is_header = HEADER.contains(&word.as_str());
        line.push(' ');
        line.push_str(&quoted(&shown));
    }
    line
}

fn without_value(header: &str) -> String {
    format!("{}: VALUE", header.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_headers_are_not_repeated() {
        let words = ["load", "http://h/", "-H", "authorization: Bearer x", "--header=cookie: y", "-Hx-key:z"];
        let line = command(words.into_iter().map(str::to_owned));
        assert_eq!(
            line,
            "kubectl kubsets load http://h/ -H 'authorization: VALUE' '--header=cookie: VALUE' '-Hx-key: VALUE'"
        );
    }
}
