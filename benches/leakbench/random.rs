//! Random numbers that are the same on every machine: only integer arithmetic, sums and products.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one simulated series: `parts` say which, so that no series depends on how many stand before it.
    pub(crate) fn of(parts: &[usize]) -> Self {
        let start = Self(0x6865_6170_6469_6666);
        parts.iter().fold(start, |mut random, &part| {
            random.0 ^= u64::try_from(part).unwrap();
            Self(random.bits())
        })
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0 .. 1.
    pub(crate) fn unit(&mut self) -> f64 {
        let high = u32::try_from(self.bits() >> 32).unwrap();
        f64::from(high) / 4_294_967_296.0
    }

    /// Uniform between two numbers.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Whole number from `low` up to and including `high`.
    pub(crate) fn whole(&mut self, low: usize, high: usize) -> usize {
        low + usize::try_from(self.bits() % u64::try_from(high - low + 1).unwrap()).unwrap()
    }

    /// `low` doubled up to `octaves` times, uniform within the octave: small and large alike.
    pub(crate) fn octaves(&mut self, low: f64, octaves: usize) -> f64 {
        let doubled = (0..self.whole(0, octaves - 1)).fold(low, |value, _| value * 2.0);
        doubled * self.between(1.0, 2.0)
    }

    /// Nearly normal, mean 0, deviation 1: twelve uniform numbers less 6 (no logarithm, so no machine rounds it otherwise).
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Stops if the generator is not the published one.
pub(crate) fn check() {
    let mut random = Random(0);
    assert_eq!([random.bits(), random.bits()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4], "SplitMix64 of seed 0");
}
