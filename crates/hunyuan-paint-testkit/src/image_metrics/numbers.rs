use burn::tensor::Tensor;

use super::MetricError;

/// Differences of two lists of numbers, computed in double precision. A pair with a NaN or an
/// infinity adds nothing to them; it is counted in `non_finite`, unless both sides are identical.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differences {
    /// The largest absolute difference.
    pub max: f64,
    /// The mean absolute difference.
    pub mean: f64,
    /// Root mean square of the differences, relative to that of the expected values; 0 if nothing
    /// differs.
    pub relative_rms: f64,
    /// Largest absolute expected value.
    pub expected_max: f64,
    /// Number of pairs with a NaN or an infinity on one side only, or with different ones.
    pub non_finite: usize,
    /// Number of pairs.
    pub count: usize,
}

/// Compares two lists number by number.
///
/// # Errors
/// If the lists differ in length.
pub fn compare_values(expected: &[f32], found: &[f32]) -> Result<Differences, MetricError> {
    if expected.len() != found.len() {
        return Err(MetricError::mismatch("values to compare", expected.len(), found.len()));
    }
    let mut differences = Differences { count: expected.len(), ..Differences::default() };
    let (mut sum, mut squares, mut expected_squares) = (0.0, 0.0, 0.0);
    for (&expected, &found) in expected.iter().zip(found) {
        if expected.is_finite() && found.is_finite() {
            let (expected, found) = (f64::from(expected), f64::from(found));
            let difference = (found - expected).abs();
            differences.max = differences.max.max(difference);
            differences.expected_max = differences.expected_max.max(expected.abs());
            sum += difference;
            squares += difference * difference;
            expected_squares += expected * expected;
        } else if expected != found && !(expected.is_nan() && found.is_nan()) {
            differences.non_finite += 1;
        }
    }
    differences.mean = sum / (differences.count.max(1) as f64);
    differences.relative_rms = if squares == 0.0 { 0.0 } else { (squares / expected_squares).sqrt() };
    Ok(differences)
}

/// Compares two tensors, on any devices, value by value.
///
/// # Errors
/// If the shapes differ, or a tensor cannot be read back from its device.
pub fn compare_tensors<const D: usize>(
    expected: Tensor<D>,
    found: Tensor<D>,
) -> Result<Differences, MetricError> {
    let (expected_shape, found_shape) = (expected.dims(), found.dims());
    if expected_shape != found_shape {
        let (expected, found) = (format!("{expected_shape:?}"), format!("{found_shape:?}"));
        return Err(MetricError::mismatch("shape of the tensor to compare", expected, found));
    }
    compare_values(&values(expected)?, &values(found)?)
}

/// Returns a tensor's values on the host, in row-major order.
fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, MetricError> {
    let unreadable =
        |reason| MetricError::mismatch("tensor to compare", "readable floating-point values", reason);
    let data = tensor.try_into_data().map_err(|error| unreadable(error.to_string()))?;
    data.convert::<f32>().try_into_vec().map_err(|error| unreadable(format!("{error:?}")))
}

/// Returns Pearson's correlation of two lists of numbers, −1 to 1, or 0 if one is constant.
///
/// # Errors
/// If the lists differ in length.
pub fn correlation(a: &[f32], b: &[f32]) -> Result<f64, MetricError> {
    if a.len() != b.len() {
        return Err(MetricError::mismatch("values to correlate", a.len(), b.len()));
    }
    let mean =
        |values: &[f32]| values.iter().map(|&x| f64::from(x)).sum::<f64>() / (values.len().max(1) as f64);
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut products, mut squares_a, mut squares_b) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        products += a * b;
        squares_a += a * a;
        squares_b += b * b;
    }
    let norm = (squares_a * squares_b).sqrt();
    Ok(if norm == 0.0 { 0.0 } else { products / norm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_known_lists() -> Result<(), MetricError> {
        let found = compare_values(&[3.0, -4.0, 0.0, 0.0], &[3.0, -4.0, 0.0, 0.5])?;
        assert_eq!(
            found,
            Differences {
                max: 0.5,
                mean: 0.125,
                relative_rms: 0.1,
                expected_max: 4.0,
                non_finite: 0,
                count: 4
            }
        );
        assert!(compare_values(&[1.0], &[]).is_err());
        Ok(())
    }

    #[test]
    fn non_finite_values_are_counted_and_excluded() -> Result<(), MetricError> {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let found = compare_values(&[inf, nan, nan, inf, 1.0], &[inf, nan, 1.0, -inf, 2.0])?;
        assert_eq!((found.non_finite, found.max), (2, 1.0));
        Ok(())
    }

    #[test]
    fn correlation_is_that_of_straight_lines() -> Result<(), MetricError> {
        let a = [1.0, 2.0, 3.0, 4.0];
        assert!((correlation(&a, &a.map(|x| 5.0 - 2.0 * x))? + 1.0).abs() < 1e-12);
        assert!((correlation(&a, &a.map(|x| x * x))? - 0.984_374_038_697_600_4).abs() < 1e-12);
        assert_eq!(correlation(&a, &[7.0; 4])?, 0.0);
        assert_eq!(correlation(&[1.0, -1.0, 1.0, -1.0], &[1.0, 1.0, -1.0, -1.0])?, 0.0);
        Ok(())
    }
}
