//! The Mersenne twister: Matsumoto & Nishimura 1998.

const STATE_SIZE: usize = 624;
const SHIFT_SIZE: usize = 397;

/// mt19937 with 32-bit output.
#[derive(Clone, Debug)]
pub(crate) struct Mt19937 {
    state: [u32; STATE_SIZE],
    next: usize,
}

impl Mt19937 {
    pub(crate) fn new(seed: u32) -> Self {
        let mut state = [seed; STATE_SIZE];
        for i in 1..STATE_SIZE {
            let previous = state[i - 1];
            state[i] = (previous ^ previous >> 30).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, next: STATE_SIZE }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.next == STATE_SIZE {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ word >> 18
    }

    fn twist(&mut self) {
        for i in 0..STATE_SIZE {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE_SIZE] & 0x7fff_ffff);
            let matrix = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT_SIZE) % STATE_SIZE] ^ joined >> 1 ^ matrix;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the 10,000th output for the default seed. The latter is in the C++ standard,
    /// [rand.predef].
    #[test]
    fn outputs_match_the_standard() {
        let mut engine = Mt19937::new(5489);
        let outputs: Vec<u32> = (0..10_000).map(|_| engine.next_u32()).collect();
        assert_eq!((outputs[0], outputs[9_999]), (3_499_211_612, 4_123_659_995));
    }
}
