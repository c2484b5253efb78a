//! Statistics of values.

/// How the values of several data sources become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The largest, and where it is.
    Max,
    /// The smallest, and where it is.
    Min,
    /// The sum.
    Sum,
    /// The mean.
    Avg,
    /// The variance of a sample (n − 1); 0 for a single value.
    Var,
    /// The square root of it.
    Sdev,
    /// The median.
    Med,
    /// The first quartile.
    Q1,
    /// The second quartile, which is the median.
    Q2,
    /// The third quartile.
    Q3,
    /// The third quartile minus the first.
    Iqr,
    /// One of them: that of the first agent and data source in order.
    Any,
}

impl Statistic {
    const WORDS: [(&str, Self); 12] = [
        ("max", Self::Max),
        ("min", Self::Min),
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("var", Self::Var),
        ("sdev", Self::Sdev),
        ("med", Self::Med),
        ("q1", Self::Q1),
        ("q2", Self::Q2),
        ("q3", Self::Q3),
        ("iqr", Self::Iqr),
        ("any", Self::Any),
    ];

    /// The statistic that a word begins with, and the rest of the word. A name may have a colon of its own.
    pub fn prefix(word: &str) -> (Option<Self>, &str) {
        let Some((prefix, rest)) = word.split_once(':') else {
            return (None, word);
        };
        let found = Self::WORDS.iter().find(|(w, _)| *w == prefix);
        found.map_or((None, word), |(_, statistic)| (Some(*statistic), rest))
    }

    /// Whether it is the value of one data source, which can be named.
    pub const fn selects(self) -> bool {
        matches!(self, Self::Max | Self::Min | Self::Any)
    }

    /// The statistic of `values`, which are in order; `None` when there are none.
    ///
    /// Quantiles are interpolated linearly between the two nearest values (Hyndman and Fan's type 7, as NumPy and R have
    /// it by default). Sums are compensated, so that the order in which shards answered does not show.
    pub fn of(self, values: &[f64]) -> Option<f64> {
        let (first, last) = (*values.first()?, *values.last()?);
        let n = values.len() as f64;
        Some(match self {
            Self::Max => last,
            Self::Min | Self::Any => first,
            Self::Sum => sum(values.iter().copied()),
            Self::Avg => sum(values.iter().copied()) / n,
            Self::Var => variance(values, n),
            Self::Sdev => variance(values, n).sqrt(),
            Self::Med | Self::Q2 => quantile(values, 0.5)?,
            Self::Q1 => quantile(values, 0.25)?,
            Self::Q3 => quantile(values, 0.75)?,
            Self::Iqr => quantile(values, 0.75)? - quantile(values, 0.25)?,
        })
    }
}

fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let place = q * (values.len().checked_sub(1)? as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let below = place as usize;
    let low = *values.get(below)?;
    let high = values.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * place.fract())
}

fn variance(values: &[f64], n: f64) -> f64 {
    if n < 2.0 {
        return 0.0;
    }
    let mean = sum(values.iter().copied()) / n;
    sum(values.iter().map(|v| (v - mean).powi(2))) / (n - 1.0)
}

/// Neumaier's compensated sum.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    sum + lost
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_examples_by_hand() {
        let values = [1.0, 2.0, 3.0, 4.0];
        for (word, expected) in [
            ("max", 4.0),
            ("min", 1.0),
            ("sum", 10.0),
            ("avg", 2.5),
            ("var", 5.0 / 3.0),
            ("med", 2.5),
            ("q1", 1.75),
            ("q2", 2.5),
            ("q3", 3.25),
            ("iqr", 1.5),
            ("any", 1.0),
        ] {
            let (statistic, rest) = Statistic::prefix(&format!("{word}:x"))
                .0
                .map_or_else(|| panic!("{word}"), |statistic| (statistic, "x"));
            assert_eq!((statistic.of(&values), rest), (Some(expected), "x"), "{word}");
            assert_eq!(statistic.of(&[]), None);
        }
        assert_eq!(Statistic::Sdev.of(&[7.0]), Some(0.0));
        assert_eq!(Statistic::prefix("flow:x"), (None, "flow:x"));
    }

    proptest! {
        #[test]
        fn quartiles_divide_as_they_say(mut values in prop::collection::vec(-1e6_f64..1e6, 1..200)) {
            values.sort_by(f64::total_cmp);
            for (statistic, q) in [(Statistic::Q1, 0.25), (Statistic::Med, 0.5), (Statistic::Q3, 0.75)] {
                let found = statistic.of(&values).unwrap();
                // The definition: at least q of the values, but for the interpolated one, are not above.
                let below = values.iter().filter(|v| **v <= found).count() as f64;
                let above = values.iter().filter(|v| **v >= found).count() as f64;
                let n = values.len() as f64;
                prop_assert!(below >= (q * (n - 1.0)).floor() + 1.0, "{found} {below} {n}");
                prop_assert!(above >= ((1.0 - q) * (n - 1.0)).floor() + 1.0 - f64::EPSILON, "{found} {above} {n}");
            }
        }

        #[test]
        fn moments_are_those_of_the_definition(mut values in prop::collection::vec(-1e3_f64..1e3, 2..100)) {
            values.sort_by(f64::total_cmp);
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
            prop_assert!((Statistic::Avg.of(&values).unwrap() - mean).abs() < 1e-9);
            prop_assert!((Statistic::Var.of(&values).unwrap() - variance).abs() < 1e-6);
            prop_assert!((Statistic::Sdev.of(&values).unwrap() - variance.sqrt()).abs() < 1e-6);
        }
    }
}
