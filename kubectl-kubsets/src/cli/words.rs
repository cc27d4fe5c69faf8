//! Command lines as a person types them.

use kubsets_load::shown;

use super::AS_PLUGIN;

/// Short options with a value: what follows them in a word is that value, as in `-XHEAD`.
const VALUED: [char; 6] = ['X', 'c', 'd', 'n', 'o', 'r'];

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=,%@+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command line of this process, as the plugin is called, without the values of headers and bodies, and of what
/// may be secret in addresses.
pub(crate) fn typed() -> String {
    command(std::env::args().skip(1))
}

fn command(words: impl Iterator<Item = String>) -> String {
    let mut line = AS_PLUGIN.to_owned();
    let mut awaited: Option<Secret> = None;
    for word in words {
        let shown = match (awaited.take(), Secret::of(&word)) {
            (Some(secret), _) => secret.masked(&word),
            (None, Some((secret, option, ""))) => {
                awaited = Some(secret);
                option.to_owned()
            }
            (None, Some((secret, option, value))) => format!("{option}{}", secret.masked(value)),
            (None, None) => address(word),
        };
        line.push(' ');
        line.push_str(&quoted(&shown));
    }
    line
}

/// A word as it is told where it is an address, or an option with one.
fn address(word: String) -> String {
    let option = word.split_once('=').filter(|(name, _)| name.starts_with("--"));
    match option {
        Some((name, value)) if value.contains("://") => format!("{name}={}", shown(value)),
        None if word.contains("://") => shown(&word),
        _ => word,
    }
}

/// An option whose value may be secret.
#[derive(Clone, Copy)]
enum Secret {
    Header,
    Body,
}

impl Secret {
    /// The option in a word, as it stands there, and the value that follows it in the same word, if one does.
    fn of(word: &str) -> Option<(Self, &str, &str)> {
        for (secret, name) in [(Self::Header, "--header"), (Self::Body, "--body")] {
            match word.strip_prefix(name) {
                Some("") => return Some((secret, word, "")),
                Some(rest) if rest.starts_with('=') => {
                    return Some((secret, &word[..=name.len()], &rest[1..]));
                }
                _ => {}
            }
        }
        // Short options share a word: `-qH`.
        let short = word.strip_prefix('-').filter(|short| !short.starts_with('-'))?;
        let end = short.find('H').filter(|end| !short[..*end].contains(VALUED))? + 2;
        let end = end + usize::from(word[end..].starts_with('='));
        Some((Self::Header, &word[..end], &word[end..]))
    }

    /// What is told of a value: the name of a header, nothing of a body.
    fn masked(self, value: &str) -> String {
        match self {
            Self::Header => format!("{}: VALUE", value.split(':').next().unwrap_or_default()),
            Self::Body => "BODY".to_owned(),
        }
    }
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

    #[test]
    fn short_options_in_one_word_hide_nothing_else_and_leave_nothing() {
        for (words, line) in [
            (&["-qH", "authorization: x"][..], "-qH 'authorization: VALUE'"),
            (&["-qHauthorization: x"], "'-qHauthorization: VALUE'"),
            (&["-vvH=authorization: x"], "'-vvH=authorization: VALUE'"),
            (&["-H", "a: -H", "-q"], "-H 'a: VALUE' -q"),
            (&["-XHEAD", "-X", "HEAD", "-nHome"], "-XHEAD -X HEAD -nHome"),
        ] {
            let told = command(words.iter().map(|word| (*word).to_owned()));
            assert_eq!(told, format!("kubectl kubsets {line}"));
        }
    }

    #[test]
    fn what_may_be_secret_in_an_address_is_not_repeated() {
        let words =
            ["load", "https://u:p@h/a?token=s3cret", "--proxy=http://h/?x=s3cret", "--fail-if", "p99>1ms"];
        let line = command(words.into_iter().map(str::to_owned));
        let told = "'https://VALUE@h/a?token=VALUE' '--proxy=http://h/?x=VALUE' --fail-if 'p99>1ms'";
        assert_eq!(line, format!("kubectl kubsets load {told}"));
    }

    #[test]
    fn bodies_are_not_repeated_and_their_files_are() {
        let words = [
            "load",
            "--body",
            "{\"password\": 1}",
            "--body=x",
            "--body-file",
            "b.json",
            "--body-file=b.json",
        ];
        let line = command(words.into_iter().map(str::to_owned));
        assert_eq!(
            line,
            "kubectl kubsets load --body BODY --body=BODY --body-file b.json --body-file=b.json"
        );
    }
}
