//! Comparison of an output with its recording, within the limits of the case.

use std::fmt;

use serde::Deserialize;

use crate::case::{Array, Case, CaseError, Values};

/// Limits of a case, from `tolerance` in `case.json`. Limits that are absent are not checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    u8_max_abs: Option<f64>,
    u8_fraction_differing: Option<f64>,
    max_abs: Option<f64>,
    relative_rms: Option<f64>,
    relative_max: Option<f64>,
    ulp_max: Option<f64>,
    face_fraction_differing: Option<f64>,
    barycentric_max_abs: Option<f64>,
    barycentric_fraction_differing: Option<f64>,
    float_max_abs: Option<f64>,
    fraction_differing: Option<f64>,
    interior_u8_max_abs: Option<f64>,
    border_fraction_differing: Option<f64>,
}

impl Tolerance {
    /// Returns whether the case has no limits for floats.
    fn has_byte_limits_only(&self) -> bool {
        let floats = [self.max_abs, self.relative_rms, self.relative_max, self.ulp_max, self.float_max_abs];
        floats.iter().all(Option::is_none)
    }
}

/// One line of the report.
#[derive(Clone, Debug)]
pub struct Line {
    /// Case folder.
    pub case: String,
    /// Kind of the case.
    pub kind: String,
    /// Name of the output.
    pub output: String,
    /// Name of the metric.
    pub metric: String,
    /// Measured value.
    pub value: f64,
    /// Largest value that passes.
    pub limit: f64,
}

impl Line {
    /// Returns whether the value is within its limit; a NaN is not.
    pub fn passed(&self) -> bool {
        self.value <= self.limit
    }

    /// Returns the value as a share of its limit; more than 1 fails.
    fn share_of_limit(&self) -> f64 {
        match self.value {
            0.0 => 0.0,
            value if value.is_nan() => f64::INFINITY,
            value => value / self.limit,
        }
    }
}

impl Line {
    /// Returns a failing line for an output that could not be measured.
    pub(crate) fn error(case: &str, kind: &str, output: &str, reason: &dyn fmt::Display) -> Self {
        Self {
            case: case.to_owned(),
            kind: kind.to_owned(),
            output: output.to_owned(),
            metric: format!("error[{}]", reason.to_string().replace(char::is_whitespace, "_")),
            value: f64::NAN,
            limit: 0.0,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "PASS" } else { "FAIL" };
        let Self { case, kind, output, metric, value, limit } = self;
        write!(f, "{verdict} {case} {kind} {output} {metric}={value:.6e} limit={limit:e}")
    }
}

/// Outcome of one case, with one line per output.
#[derive(Debug)]
pub struct Report {
    case: String,
    kind: String,
    tolerance: Tolerance,
    lines: Vec<Line>,
}

impl Report {
    /// Returns an empty report with the limits of the case. If `gpu` is set and the case has limits
    /// for GPUs (`tolerance_gpu`), these replace all others.
    ///
    /// # Errors
    /// If the tolerance has unknown keys, or is missing.
    pub fn new(case: &Case, gpu: bool) -> Result<Self, CaseError> {
        #[derive(Deserialize)]
        struct Limits {
            tolerance: Tolerance,
            tolerance_gpu: Option<Tolerance>,
        }
        let Limits { tolerance, tolerance_gpu } = case.parameters()?;
        let tolerance = match tolerance_gpu {
            Some(gpu_tolerance) if gpu => gpu_tolerance,
            _ => tolerance,
        };
        Ok(Self { case: case.name(), kind: case.kind().to_owned(), tolerance, lines: Vec::new() })
    }

    /// Returns the lines so far.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Adds a measurement. Of several metrics of an output, only the one closest to its limit is
    /// kept.
    fn push(&mut self, output: &str, metric: &str, value: f64, limit: f64) {
        self.push_line(Line {
            case: self.case.clone(),
            kind: self.kind.clone(),
            output: output.to_owned(),
            metric: metric.to_owned(),
            value,
            limit,
        });
    }

    fn push_line(&mut self, line: Line) {
        match self.lines.iter_mut().find(|other| other.output == line.output) {
            Some(other) if line.share_of_limit() > other.share_of_limit() => *other = line,
            Some(_) => {}
            None => self.lines.push(line),
        }
    }

    /// Adds a failure that prevented any measurement.
    pub fn push_error(&mut self, output: &str, reason: &str) {
        self.push_line(Line::error(&self.case, &self.kind, output, &reason));
    }

    /// Compares `actual` with the recording `output`, by every limit of the case that applies to
    /// its type.
    ///
    /// # Errors
    /// If the case has no such recording.
    pub fn compare(&mut self, case: &Case, output: &str, actual: &Array) -> Result<(), CaseError> {
        let expected = case.array(output)?;
        if expected.shape != actual.shape {
            self.push_error(output, &format!("shape {:?} instead of {:?}", actual.shape, expected.shape));
            return Ok(());
        }
        let before = self.lines.len();
        match (&expected.values, &actual.values) {
            (Values::U8(expected_values), Values::U8(actual_values)) => {
                self.compare_bytes(output, &expected.shape, expected_values, actual_values);
            }
            (Values::U8(_), _) | (_, Values::U8(_)) => {
                self.push_error(output, "bytes compared with numbers");
            }
            (Values::I64(_) | Values::I32(_), _) => {
                let differing = fraction(&expected.to_f64(), &actual.to_f64(), |e, a| e != a);
                self.push(output, "integers_differing", differing, 0.0);
            }
            _ => self.compare_floats(output, &expected.to_f64(), &actual.to_f64()),
        }
        if self.lines.len() == before {
            self.push_error(output, "no tolerance of the case fits this output");
        }
        Ok(())
    }

    /// Compares a number recorded in `case.json`, by the limits for floats.
    pub fn compare_number(&mut self, output: &str, expected: f64, actual: f64) {
        let before = self.lines.len();
        self.compare_floats(output, &[expected], &[actual]);
        if self.lines.len() == before {
            self.push_error(output, "no tolerance of the case fits this output");
        }
    }

    fn compare_bytes(&mut self, output: &str, shape: &[usize], expected: &[u8], actual: &[u8]) {
        let tolerance = self.tolerance.clone();
        let off = |limit: f64| move |e: &u8, a: &u8| f64::from(e.abs_diff(*a)) > limit;
        if let Some(limit) = tolerance.u8_max_abs {
            match tolerance.u8_fraction_differing {
                Some(allowed) => {
                    let value = fraction(expected, actual, off(limit));
                    self.push(output, "u8_fraction_differing", value, allowed);
                }
                None => self.push(output, "u8_max_abs", max_byte_difference(expected, actual), limit),
            }
        } else if let Some(allowed) = tolerance.fraction_differing {
            self.push(output, "fraction_differing", fraction(expected, actual, off(1.0)), allowed);
        }
        if let Some(limit) = tolerance.interior_u8_max_abs {
            let border = border_mask(shape, 4);
            let select = |values: &[u8], of_border: bool| -> Vec<u8> {
                values.iter().zip(&border).filter(|(_, b)| **b == of_border).map(|(v, _)| *v).collect()
            };
            let value = max_byte_difference(&select(expected, false), &select(actual, false));
            self.push(output, "interior_u8_max_abs", value, limit);
            let value = fraction(&select(expected, true), &select(actual, true), off(limit));
            let allowed = tolerance.border_fraction_differing.unwrap_or(0.0);
            self.push(output, "border_fraction_differing", value, allowed);
        }
    }

    fn compare_floats(&mut self, output: &str, expected: &[f64], actual: &[f64]) {
        let tolerance = self.tolerance.clone();
        if let Some(limit) = tolerance.max_abs {
            self.push(output, "max_abs", max_difference(expected, actual), limit);
        }
        if let Some(limit) = tolerance.relative_rms {
            let squares = expected.iter().zip(actual).map(|(e, a)| (e - a) * (e - a)).sum::<f64>();
            let norm = expected.iter().map(|e| e * e).sum::<f64>();
            self.push(output, "relative_rms", ratio(squares.sqrt(), norm.sqrt()), limit);
        }
        if let Some(limit) = tolerance.relative_max {
            let largest = expected.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
            self.push(output, "relative_max", ratio(max_difference(expected, actual), largest), limit);
        }
        if let Some(limit) = tolerance.ulp_max {
            let ulps = expected.iter().zip(actual).map(|(&e, &a)| ulp_distance(e as f32, a as f32));
            self.push(output, "ulp_max", ulps.max().unwrap_or(0) as f64, limit);
        }
        if let (Some(limit), true) = (tolerance.u8_max_abs, tolerance.has_byte_limits_only()) {
            // In a case with limits for bytes only, floats are measured in steps of 1/255.
            let value = fraction(expected, actual, |e, a| beyond(255.0 * (e - a).abs(), limit));
            let allowed = tolerance.u8_fraction_differing.unwrap_or(0.0);
            self.push(output, "u8_steps_fraction_differing", value, allowed);
        }
        if let Some(limit) = tolerance.float_max_abs {
            let value = fraction(expected, actual, |e, a| beyond((e - a).abs(), limit));
            self.push(output, "fraction_differing", value, tolerance.fraction_differing.unwrap_or(0.0));
        }
    }

    /// Compares a visibility buffer: 1-based face indices (0 = background), and barycentrics where
    /// the indices agree.
    ///
    /// # Errors
    /// If the case has no such recordings.
    pub fn compare_visibility(
        &mut self,
        case: &Case,
        faces: (&str, &Array),
        barycentrics: (&str, &Array),
    ) -> Result<(), CaseError> {
        let (faces_output, actual_faces) = faces;
        let (barycentrics_output, actual_barycentrics) = barycentrics;
        for (output, actual) in [faces, barycentrics] {
            let expected = case.array(output)?;
            if expected.shape != actual.shape {
                self.push_error(output, &format!("shape {:?} instead of {:?}", actual.shape, expected.shape));
                return Ok(());
            }
        }
        let expected_faces = case.array(faces_output)?.to_f64();
        let actual_faces = actual_faces.to_f64();
        let value = fraction(&expected_faces, &actual_faces, |e, a| e != a);
        let allowed = self.tolerance.face_fraction_differing.unwrap_or(0.0);
        self.push(faces_output, "face_fraction_differing", value, allowed);

        let expected = case.array(barycentrics_output)?.to_f64();
        let actual = actual_barycentrics.to_f64();
        let errors: Vec<f64> = expected
            .as_chunks::<3>()
            .0
            .iter()
            .zip(actual.as_chunks::<3>().0)
            .zip(expected_faces.iter().zip(&actual_faces))
            .filter(|(_, (e, a))| e == a)
            .map(|((e, a), _)| max_difference(e, a))
            .collect();
        let limit = self.tolerance.barycentric_max_abs.unwrap_or(0.0);
        match self.tolerance.barycentric_fraction_differing {
            Some(allowed) => {
                let value =
                    errors.iter().filter(|e| beyond(**e, limit)).count() as f64 / errors.len().max(1) as f64;
                self.push(barycentrics_output, "barycentric_fraction_differing", value, allowed);
            }
            None => {
                let value = errors.iter().fold(0.0, |m, &e| if e.is_nan() || e > m { e } else { m });
                self.push(barycentrics_output, "barycentric_max_abs", value, limit);
            }
        }
        Ok(())
    }
}

/// Returns whether a difference exceeds its limit; a NaN always does.
fn beyond(difference: f64, limit: f64) -> bool {
    difference.is_nan() || difference > limit
}

fn fraction<T>(expected: &[T], actual: &[T], differs: impl Fn(&T, &T) -> bool) -> f64 {
    if expected.is_empty() {
        return 0.0;
    }
    let count = expected.iter().zip(actual).filter(|(e, a)| differs(e, a)).count();
    count as f64 / expected.len() as f64
}

/// Returns the largest absolute difference, or NaN if only one side of a pair is NaN.
fn max_difference(expected: &[f64], actual: &[f64]) -> f64 {
    expected.iter().zip(actual).fold(0.0, |largest, (&e, &a)| {
        let difference = if e == a { 0.0 } else { (e - a).abs() };
        if largest.is_nan() || difference.is_nan() { f64::NAN } else { difference.max(largest) }
    })
}

fn max_byte_difference(expected: &[u8], actual: &[u8]) -> f64 {
    f64::from(expected.iter().zip(actual).map(|(e, a)| e.abs_diff(*a)).max().unwrap_or(0))
}

fn ratio(value: f64, reference: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / reference }
}

/// Returns the distance of two numbers in float32 steps.
fn ulp_distance(a: f32, b: f32) -> u64 {
    if a.is_nan() || b.is_nan() {
        return u64::MAX;
    }
    let ordered = |x: f32| {
        let bits = i64::from(x.to_bits() as i32);
        if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
    };
    ordered(a).abs_diff(ordered(b))
}

/// Returns for each value of an image `[H, W, ..]` whether its pixel is within `width` of the
/// border.
fn border_mask(shape: &[usize], width: usize) -> Vec<bool> {
    let [height, row, ..] = *shape else { return vec![false; shape.iter().product()] };
    let channels: usize = shape[2..].iter().product();
    let near = |i: usize, n: usize| i < width || i + width >= n;
    (0..height * row * channels)
        .map(|i| near(i / channels / row, height) || near(i / channels % row, row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_see_nan_and_distance() {
        assert_eq!(max_difference(&[1.0, 2.0], &[1.0, 2.5]), 0.5);
        assert!(max_difference(&[1.0, f64::NAN], &[1.0, 2.0]).is_nan());
        assert_eq!(ulp_distance(1.0, 1.0 + f32::EPSILON), 1);
        assert_eq!(ulp_distance(f32::from_bits(1), -f32::from_bits(1)), 2);
    }

    #[test]
    fn the_border_is_as_wide_as_asked() {
        let mask = border_mask(&[10, 10, 1], 4);
        assert_eq!(mask.iter().filter(|&&inside| !inside).count(), 4);
    }

    #[test]
    fn a_nan_never_passes() {
        let line = Line {
            case: String::new(),
            kind: String::new(),
            output: String::new(),
            metric: String::new(),
            value: f64::NAN,
            limit: 1.0,
        };
        assert!(!line.passed());
    }
}
