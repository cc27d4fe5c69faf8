//! Objects against their state before a run.

use kubsets_report::{Cell, Table, Tone};
use kubsets_undo::Comparison;

/// What was compared, one row each.
pub(super) fn table(comparisons: &[Comparison]) -> Table {
    let heads = ["object", "compared", "before", "after", "as before"];
    let mut table = Table::with_heads("Objects against their state before", heads);
    for one in comparisons {
        table.row(row(one));
    }
    table
}

fn row(one: &Comparison) -> [Cell; 5] {
    let equal = if one.equal { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") };
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let after = one.after.as_deref();
    let (compared, before, after) = match (&one.pointer, one.before.as_deref()) {
        (None, None) => {
            let after = if after.is_some() { "still there" } else { "gone" };
            ("whether it is there", "not there".to_owned(), after.to_owned())
        }
        (pointer, before) => (
            pointer.as_deref().unwrap_or("the whole object"),
            before.map_or_else(|| "-".to_owned(), short),
            after.map_or_else(|| "gone".to_owned(), short),
        ),
    };
    [one.object.to_string().into(), compared.into(), before.into(), after.into(), equal]
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_kube::ObjectRef;

    #[test]
    fn each_way_of_comparing_is_named() {
        let object = ObjectRef::namespaced("v1", "ConfigMap", "shop", "settings");
        let comparison = |pointer: Option<&str>, before: Option<&str>, after: Option<&str>| Comparison {
            object: object.clone(),
            pointer: pointer.map(str::to_owned),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            equal: before == after,
        };
        let words = |one: &Comparison| row(one).map(|cell| cell.text)[1..].join(" | ");
        assert_eq!(
            words(&comparison(Some("/data"), Some("0123456789abcdef"), None)),
            "/data | 0123456789ab | gone | no"
        );
        assert_eq!(words(&comparison(None, None, None)), "whether it is there | not there | gone | yes");
        assert_eq!(words(&comparison(None, Some("ab"), Some("ab"))), "the whole object | ab | ab | yes");
    }
}
