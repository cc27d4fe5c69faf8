//! A share between nothing and everything: `0.05` or `5%`.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

/// A text or number that is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a rate: write a number from 0 to 1 or a percentage such as 5%")]
pub struct InvalidRate {
    /// What was given.
    pub text: String,
}

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// Everything.
    pub const ONE: Self = Self(1.0);

    /// A rate from a number.
    ///
    /// # Errors
    /// When the number is not within 0 and 1.
    pub fn new(share: f64) -> Result<Self, InvalidRate> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(InvalidRate { text: share.to_string() })
        }
    }

    /// The share, from 0 to 1.
    pub fn share(self) -> f64 {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 <= 0.0
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRate { text: text.to_owned() };
        let trimmed = text.trim();
        let (number, divisor) = match trimmed.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (trimmed, 1.0),
        };
        let number: f64 = number.trim().parse().map_err(|_| invalid())?;
        Self::new(number / divisor).map_err(|_| invalid())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six digits hide the binary tail of numbers such as 0.07 * 100.
        write!(f, "{}%", (self.0 * 100.0 * 1e6).round() / 1e6)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shares_and_percentages() {
        for (text, share) in
            [("5%", 0.05), ("0.05", 0.05), ("100%", 1.0), ("1", 1.0), ("0", 0.0), (" 2.5 % ", 0.025)]
        {
            assert!((text.parse::<Rate>().unwrap().share() - share).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for text in ["", "5", "101%", "-1%", "half", "NaN"] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.to_string().contains("0 to 1 or a percentage"), "{text}: {error}");
        }
    }

    #[test]
    fn prints_a_percentage() {
        assert_eq!("0.07".parse::<Rate>().unwrap().to_string(), "7%");
        assert_eq!("2.5%".parse::<Rate>().unwrap().to_string(), "2.5%");
    }
}
