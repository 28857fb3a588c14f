//! Least-squares fit of a plane.

/// `coefficients[0] + coefficients[1] · x + coefficients[2] · y`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The constant, then the coefficient of each variable.
    pub coefficients: [f64; 3],
    /// Share of the variance that the fit explains, at most 1.
    pub r_squared: f64,
}

/// The two variables, and the measured value.
pub type Measurement = ([f64; 2], f64);

/// Fits a plane to measurements by least squares. Returns `None` if they do not determine one.
pub fn linear_fit(measurements: &[Measurement]) -> Option<Fit> {
    let count = measurements.len() as f64;
    let mean = |of: &dyn Fn(&Measurement) -> f64| measurements.iter().map(of).sum::<f64>() / count;
    let [x, y, value] = [mean(&|m| m.0[0]), mean(&|m| m.0[1]), mean(&|m| m.1)];
    // Covariances.
    let [xx, xy, yy] = [
        mean(&|m| (m.0[0] - x).powi(2)),
        mean(&|m| (m.0[0] - x) * (m.0[1] - y)),
        mean(&|m| (m.0[1] - y).powi(2)),
    ];
    let [xv, yv] = [mean(&|m| (m.0[0] - x) * (m.1 - value)), mean(&|m| (m.0[1] - y) * (m.1 - value))];
    let determinant = xx * yy - xy * xy;
    if determinant.is_nan() || determinant <= 1e-12 * xx * yy {
        return None;
    }
    let (b, c) = ((xv * yy - yv * xy) / determinant, (yv * xx - xv * xy) / determinant);
    let a = value - b * x - c * y;
    let variance = mean(&|m| (m.1 - value).powi(2));
    let residual = mean(&|m| (m.1 - a - b * m.0[0] - c * m.0[1]).powi(2));
    Some(Fit { coefficients: [a, b, c], r_squared: 1.0 - residual / variance })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_fitted_and_collinear_measurements_are_rejected() {
        let on_plane = |[x, y]: [f64; 2]| ([x, y], 2.0 + 3.0 * x - 0.5 * y);
        let fit = linear_fit(&[[0.0, 0.0], [1.0, 5.0], [4.0, 2.0], [-3.0, 1.0]].map(on_plane));
        assert!(fit.is_some_and(|fit| {
            let [a, b, c] = fit.coefficients;
            (a - 2.0).abs() + (b - 3.0).abs() + (c + 0.5).abs() < 1e-9 && (fit.r_squared - 1.0).abs() < 1e-9
        }));
        assert_eq!(linear_fit(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]].map(on_plane)), None);
        assert_eq!(linear_fit(&[]), None);
    }
}
