//! The coefficients of one update of UniPC, shared by its predictor and its corrector.

use std::collections::VecDeque;

use crate::{LinearCombination, SolverType, prediction::AlphaSigma};

/// The highest order. diffusers allows more, but there rounding errors dominate its linear systems.
pub(crate) const MAX_ORDER: usize = 6;

/// One update from noise level s to noise level t, in the notation of the paper's algorithms 5 to
/// 8.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// The factor on the sample at s.
    sample_scale: f64,
    /// The factor on the model output at s.
    model_output_scale: f64,
    /// The factor on the weighted differences of model outputs.
    difference_scale: f64,
    /// The positions of the earlier steps, newest first, then of t: `(λ − λ_s) / (λ_t − λ_s)`.
    rks: Vec<f64>,
    /// The right-hand side of the order conditions.
    b: Vec<f64>,
}

impl Update {
    /// Computes the coefficients. `sigmas` are the noise levels of the earlier steps, oldest first,
    /// then s and t: one more than the order.
    ///
    /// Everything is in double precision: in float32, as in diffusers, cancellation destroys much
    /// of h where steps are short.
    pub(crate) fn new(sigmas: &[f32], solver_type: SolverType, predict_x0: bool) -> Self {
        let lambda = |sigma: f32| -libm::log(f64::from(sigma));
        let (sigma_t, sigma_s) = (sigmas[sigmas.len() - 1], sigmas[sigmas.len() - 2]);
        let h = lambda(sigma_t) - lambda(sigma_s);
        let hh = if predict_x0 { -h } else { h };
        let h_phi_1 = libm::expm1(hh);
        let b_h = match solver_type {
            SolverType::Bh1 => hh,
            SolverType::Bh2 => h_phi_1,
        };

        let earlier = sigmas[..sigmas.len() - 2].iter().rev();
        let rks: Vec<f64> =
            earlier.map(|&sigma| (lambda(sigma) - lambda(sigma_s)) / h).chain([1.0]).collect();
        let mut factorial = 1.0;
        let mut h_phi_k = h_phi_1 / hh - 1.0;
        let mut b = Vec::with_capacity(rks.len());
        for order in 1..=rks.len() {
            b.push(h_phi_k * factorial / b_h);
            factorial *= (order + 1) as f64;
            h_phi_k = h_phi_k / hh - 1.0 / factorial;
        }

        let (t, s) = (AlphaSigma::of_sigma(sigma_t), AlphaSigma::of_sigma(sigma_s));
        let (sample_scale, weight) =
            if predict_x0 { (t.sigma / s.sigma, t.alpha) } else { (t.alpha / s.alpha, t.sigma) };
        Self { sample_scale, model_output_scale: weight * h_phi_1, difference_scale: weight * b_h, rks, b }
    }

    fn order(&self) -> usize {
        self.rks.len()
    }

    /// UniP: predicts the sample at t. `model_outputs` are those at s and before, newest first.
    pub(crate) fn predict<S: LinearCombination>(&self, sample: &S, model_outputs: &VecDeque<S>) -> S {
        let weights = match self.order() {
            1 => Vec::new(),
            // The paper's choice for order 2, independent of h.
            2 => vec![0.5],
            order => self.weights(order - 1),
        };
        self.apply(sample, model_outputs, &weights, None)
    }

    /// UniC: corrects the sample at t with the model's output at t.
    pub(crate) fn correct<S: LinearCombination>(
        &self,
        sample: &S,
        model_outputs: &VecDeque<S>,
        model_output_t: &S,
    ) -> S {
        let weights = match self.order() {
            1 => vec![0.5],
            order => self.weights(order),
        };
        self.apply(sample, model_outputs, &weights, Some(model_output_t))
    }

    fn apply<S: LinearCombination>(
        &self,
        sample: &S,
        model_outputs: &VecDeque<S>,
        weights: &[f64],
        model_output_t: Option<&S>,
    ) -> S {
        let model_output = &model_outputs[0];
        let base = sample
            .mul_scalar(self.sample_scale as f32)
            .sub(&model_output.mul_scalar(self.model_output_scale as f32));
        let earlier = model_outputs.iter().skip(1).zip(&self.rks).take(self.order() - 1);
        let differences = earlier
            .map(|(earlier, &rk)| earlier.sub(model_output).div_scalar(rk as f32))
            .chain(model_output_t.map(|m| m.sub(model_output)));
        let sum = differences
            .zip(weights)
            .map(|(difference, &weight)| difference.mul_scalar(weight as f32))
            .reduce(|sum, term| sum.add(&term));
        match sum {
            Some(sum) => base.sub(&sum.mul_scalar(self.difference_scale as f32)),
            None => base,
        }
    }

    /// Solves the first `count` order conditions, `Σₖ rkₖⁱ · weightₖ = bᵢ`, by Gaussian elimination
    /// with pivoting.
    fn weights(&self, count: usize) -> Vec<f64> {
        let row = |i: usize| -> Vec<f64> {
            let powers = self.rks[..count].iter().map(|&rk| (0..i).fold(1.0, |power, _| power * rk));
            powers.chain([self.b[i]]).collect()
        };
        let mut rows: Vec<Vec<f64>> = (0..count).map(row).collect();
        for column in 0..count {
            let largest =
                (column..count).max_by(|&i, &j| rows[i][column].abs().total_cmp(&rows[j][column].abs()));
            rows.swap(column, largest.unwrap_or(column));
            let (done, below) = rows.split_at_mut(column + 1);
            let pivot = &done[column];
            for row in below {
                let factor = row[column] / pivot[column];
                for (value, pivot) in row.iter_mut().zip(pivot).skip(column) {
                    *value -= factor * pivot;
                }
            }
        }
        let mut weights = vec![0.0; count];
        for i in (0..count).rev() {
            let known: f64 = (i + 1..count).map(|k| rows[i][k] * weights[k]).sum();
            weights[i] = (rows[i][count] - known) / rows[i][i];
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the model output is a polynomial in λ, the diffusion ODE has a closed-form solution. For
    /// a square, the third-order predictor and the correctors of order 2 and above must reproduce
    /// it.
    #[test]
    fn polynomials_are_integrated_exactly() {
        let sigmas = [3.0_f32, 2.2, 1.3, 0.8];
        let lambda = |sigma: f32| -f64::from(sigma).ln();
        let model_output = |sigma: f32| vec![(lambda(sigma) * lambda(sigma)) as f32];
        let [.., s, t] = sigmas;
        let (levels_s, levels_t) = (AlphaSigma::of_sigma(s), AlphaSigma::of_sigma(t));
        let sample = 0.7;
        for predict_x0 in [true, false] {
            // x/σ or x/α grows by ∫ e^(±λ) λ² dλ between s and t.
            let sign = if predict_x0 { 1.0 } else { -1.0 };
            let antiderivative = |l: f64| (sign * l).exp() * (l * l - sign * 2.0 * l + 2.0);
            let integral = antiderivative(lambda(t)) - antiderivative(lambda(s));
            let solution = if predict_x0 {
                levels_t.sigma * (sample / levels_s.sigma + integral)
            } else {
                levels_t.alpha * (sample / levels_s.alpha + integral)
            };
            for solver_type in [SolverType::Bh1, SolverType::Bh2] {
                for order in [2, 3] {
                    let update = Update::new(&sigmas[3 - order..], solver_type, predict_x0);
                    let outputs: VecDeque<_> =
                        sigmas[3 - order..3].iter().rev().map(|&sigma| model_output(sigma)).collect();
                    let start = vec![sample as f32];
                    let corrected = update.correct(&start, &outputs, &model_output(t));
                    let predicted = update.predict(&start, &outputs);
                    let error = |x: &[f32]| (f64::from(x[0]) - solution).abs();
                    let case = format!("{solver_type:?} order {order}, predict_x0 {predict_x0}");
                    assert!(error(&corrected) < 1e-6, "corrector {case}: {}", error(&corrected));
                    assert_eq!(error(&predicted) < 1e-6, order == 3, "predictor {case}");
                }
            }
        }
    }
}
