//! Nearest names for a name that does not exist.

/// Up to three candidates that resemble `wanted`, nearest first.
///
/// A candidate counts when its edit distance is at most half of the longer
/// name, or when one name contains the other.
pub fn nearest<'a, I>(wanted: &str, candidates: I) -> Vec<String>
where
    I: IntoIterator<Item = &'a str>,
{
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = edit_distance(wanted, candidate);
            let limit = wanted.len().max(candidate.len()) / 2;
            let contained = candidate.contains(wanted) || wanted.contains(candidate);
            (distance <= limit || contained).then_some((distance, candidate))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein distance in characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(edit_distance("kubsets", "kubsets"), 0);
        assert_eq!(edit_distance("kubset", "kubsets"), 1);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }

    #[test]
    fn nearest_comes_first_and_strangers_are_left_out() {
        let names = ["kind-dev", "kubsets", "production"];
        assert_eq!(nearest("kubset", names), ["kubsets"]);
        assert_eq!(nearest("prod", names), ["production"]);
        assert!(nearest("zzzzzzzzz", names).is_empty());
    }
}
