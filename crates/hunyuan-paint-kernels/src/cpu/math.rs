//! Elementary functions in single precision, made of operations that compilers vectorize and that
//! every processor rounds alike. The coefficients are least-squares fits at Chebyshev nodes.

/// Returns `eˣ` with a relative error of 2·10⁻⁷, and 0 below −87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // eˣ = 2ⁿ · 2ᶠ. Adding and subtracting 1.5 · 2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 is split into two parts, so that subtracting n · ln 2 loses little.
    let rest = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let f = rest * std::f32::consts::LOG2_E;
    let mut power = 0.000_153_375_77_f32;
    for coefficient in [0.001_339_986, 0.009_618_52, 0.055_503_29, 0.240_226_47, std::f32::consts::LN_2, 1.0]
    {
        power = power * f + coefficient;
    }
    let scale = f32::from_bits(((n as i32 + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { power * scale }
}

/// Returns `x · Φ(x)`, the exact GELU. `Φ` comes from the scaled complementary error function.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    let distance = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    // erfc(d) · e^(d²) as t times a polynomial in t.
    let t = 1.0 / (1.0 + 0.5 * distance);
    let mut scaled = 0.013_534_649_f32;
    for coefficient in [
        -0.129_614_05,
        0.442_811_13,
        -0.687_045_8,
        0.434_151_9,
        -0.104_528_48,
        0.227_445_52,
        0.238_288_23,
        0.282_894_02,
        0.282_062_9,
    ] {
        scaled = scaled * t + coefficient;
    }
    let tail = 0.5 * scaled * t * exp(-distance * distance);
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

/// Returns `x / (1 + e⁻ˣ)`.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the normal distribution function by summing its density.
    fn phi(x: f64) -> f64 {
        let steps = 20_000;
        let (start, width) = (-12.0, (x + 12.0) / f64::from(steps));
        let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
        (0..steps).map(|i| density(start + (f64::from(i) + 0.5) * width) * width).sum()
    }

    #[test]
    fn exponentials_are_accurate() {
        for i in -8_600..8_700 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "{x}");
        }
        assert_eq!(exp(-1e30), 0.0);
        assert!(exp(f32::NAN).is_nan() && exp(1e30).is_finite());
    }

    #[test]
    fn gelu_and_silu_are_accurate() {
        for i in -80..80 {
            let x = i as f32 / 10.0;
            let wide = f64::from(x);
            let exact = wide * phi(wide);
            assert!(
                (f64::from(gelu(x)) - exact).abs() <= 4e-7 * exact.abs().max(0.1),
                "{x}: {} {exact}",
                gelu(x)
            );
            let exact = wide / (1.0 + (-wide).exp());
            assert!((f64::from(silu(x)) - exact).abs() <= 4e-7 * exact.abs().max(0.1), "{x}");
        }
    }
}
