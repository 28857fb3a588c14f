//! Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

/// Returns the four random words of a counter under a key.
pub(crate) fn philox4x32_10(mut counter: [u32; 4], key: u64) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let (mut key_0, mut key_1) = (key as u32, (key >> 32) as u32);
    for _ in 0..10 {
        let product_0 = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let product_1 = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (product_1 >> 32) as u32 ^ counter[1] ^ key_0,
            product_1 as u32,
            (product_0 >> 32) as u32 ^ counter[3] ^ key_1,
            product_0 as u32,
        ];
        key_0 = key_0.wrapping_add(WEYL[0]);
        key_1 = key_1.wrapping_add(WEYL[1]);
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors published with Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn known_answers_are_reproduced() {
        let ones = u32::MAX;
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            let key = u64::from(key[0]) | u64::from(key[1]) << 32;
            assert_eq!(philox4x32_10(counter, key), answer);
        }
    }
}
