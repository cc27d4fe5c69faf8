//! Patterns of paths: `*` is any part of one name, `**` any part of a path.

/// Whether one of the patterns matches the path or a folder above it.
pub(super) fn any_covers(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| covers(pattern.trim_matches('/'), path))
}

fn covers(pattern: &str, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| matches(pattern.as_bytes(), &path.as_bytes()[..end]))
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=path.len()).any(|at| matches(rest, &path[at..])),
        [b'*', rest @ ..] => {
            let name_end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
            (0..=name_end).any(|at| matches(rest, &path[at..]))
        }
        [first, rest @ ..] => path.first() == Some(first) && matches(rest, &path[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_paths_and_what_is_below() {
        for (pattern, path, expected) in [
            ("/usr/share/doc", "usr/share/doc/x/y", true),
            ("usr/share/doc", "usr/share/docs", false),
            ("usr/lib/*/perl*", "usr/lib/x86_64-linux-gnu/perl-base/a.pm", true),
            ("usr/*/doc", "usr/a/b/doc", false),
            ("**/*.a", "usr/lib/x/libc.a", true),
            ("**/*.a", "usr/lib/x/libc.so", false),
            ("**/libLLVM*", "usr/lib/libLLVM-14.so.1", true),
        ] {
            assert_eq!(any_covers(&[pattern.to_owned()], path), expected, "{pattern} {path}");
        }
    }
}
