//! The combinations of a lab's matrix.

use crate::error::LabError;
use crate::model::Lab;
use crate::template::Values;

/// Combinations that one lab may have.
pub const MOST_VARIANTS: usize = 20;

impl Lab {
    /// Values for each run of the lab: every combination of its matrix, with `values` in each. A value
    /// that is given replaces the list of its parameter. Without a matrix there is one run.
    ///
    /// The last parameter by name changes fastest.
    ///
    /// # Errors
    /// [`LabError::Matrix`] when there are more than [`MOST_VARIANTS`].
    pub fn variants(&self, values: &Values) -> Result<Vec<Values>, LabError> {
        let free =
            self.spec.matrix.iter().filter(|(name, list)| !values.contains_key(*name) && !list.is_empty());
        let count = free.clone().fold(1usize, |count, (_, list)| count.saturating_mul(list.len()));
        if count > MOST_VARIANTS {
            return Err(LabError::Matrix { count, limit: MOST_VARIANTS });
        }
        let mut variants = vec![values.clone()];
        for (name, list) in free {
            let with = |variant: &Values, value: &String| {
                let mut variant = variant.clone();
                variant.insert(name.clone(), value.clone());
                variant
            };
            variants =
                variants.iter().flat_map(|variant| list.iter().map(|value| with(variant, value))).collect();
        }
        Ok(variants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn lab(matrix: &str) -> Lab {
        let text = format!(
            "apiVersion: kubsets.dev/v1alpha1\nkind: Lab\n\
             metadata: {{name: x, family: demo, level: 1, minutes: 1}}\n\
             spec: {{question: q?, steps: [], expect: [], matrix: {matrix}}}\n"
        );
        parse(&text, &Values::new()).unwrap()
    }

    #[test]
    fn every_combination_in_a_fixed_order() {
        let lab = lab("{rate: [100, 200], kind: [a, b, c]}");
        let variants = lab.variants(&Values::new()).unwrap();
        let words: Vec<String> = variants.iter().map(|v| format!("{}{}", v["kind"], v["rate"])).collect();
        assert_eq!(words, ["a100", "a200", "b100", "b200", "c100", "c200"]);
        let given = Values::from([("kind".to_owned(), "z".to_owned()), ("other".to_owned(), "1".to_owned())]);
        let variants = lab.variants(&given).unwrap();
        assert_eq!(variants.len(), 2);
        assert!(variants.iter().all(|v| v["kind"] == "z" && v["other"] == "1"));
    }

    #[test]
    fn one_run_without_a_matrix_and_none_beyond_the_limit() {
        assert_eq!(lab("{}").variants(&Values::new()).unwrap(), [Values::new()]);
        let error = lab("{a: [1,2,3], b: [1,2,3], c: [1,2,3]}").variants(&Values::new()).unwrap_err();
        assert_eq!(error.to_string(), "the matrix has 27 combinations, the limit is 20");
    }
}
